export type ShellBlock = {
  /** The heading that it stands under. */
  readonly heading: string
  /** The prose since the block before it. */
  readonly before: string
  readonly commands: string
}

/** The blocks marked `sh` of one section of a Markdown page (of the whole page where none is named), in order. */
export function readShellBlocks(page: string, section?: string): readonly ShellBlock[] {
  const blocks: ShellBlock[] = []
  let inSection = section === undefined
  let heading = ''
  let before: string[] = []
  for (const part of page.split(/^(```\w*\n[^]*?^```$)/m)) {
    const [, language, commands = ''] = /^```(\w*)\n([^]*)```$/.exec(part) ?? []
    if (language === 'sh') {
      if (inSection) blocks.push({ heading, before: before.join('\n'), commands })
      before = []
      continue
    }
    if (language !== undefined) continue
    for (const line of part.split('\n')) {
      const [, level, title = ''] = /^(#+) (.*)$/.exec(line) ?? []
      if (level === undefined) before.push(line)
      else {
        heading = title
        if (section !== undefined && level.length <= 2) inSection = title === section
      }
    }
  }
  return blocks
}
