// The INI dialects of npm, pip, twine and AWS: `[section]`, `key = value`, comments on lines of their own, and values that go
// on in indented lines. Libraries read these files but lose comments and order when they write them back.

type Line = { readonly text: string; readonly section: string | null; readonly key: string | null }

const isComment = (text: string): boolean => /^\s*([#;].*)?$/.test(text)

function parseLines(text: string): Line[] {
  let section: string | null = null
  let key: string | null = null
  return splitLines(text).map((line) => {
    const header = /^\s*\[([^\]]*)\]\s*([#;].*)?$/.exec(line)
    if (header) {
      section = (header[1] ?? '').trim()
      key = null
      return { text: line, section, key }
    }
    if (isComment(line)) return { text: line, section, key: null }
    // An indented line goes on with the value above it.
    if (/^\s/.test(line) && key !== null) return { text: line, section, key }
    key = /^\s*([^=]*?)\s*(=|$)/.exec(line)?.[1] ?? null
    return { text: line, section, key }
  })
}

const splitLines = (text: string): string[] => {
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/** All values by section and key; `''` is the section before the first header. */
export function readIni(text: string): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const sections = new Map<string, Map<string, string>>()
  let previous: Line | null = null
  for (const line of parseLines(text)) {
    const values = sections.get(line.section ?? '') ?? new Map<string, string>()
    sections.set(line.section ?? '', values)
    if (line.key === null) {
      if (!isComment(line.text)) previous = null
      continue
    }
    const continues = /^\s/.test(line.text) && previous?.key === line.key && previous.section === line.section
    const value = continues
      ? `${values.get(line.key)}\n${line.text.trim()}`
      : line.text.slice(line.text.indexOf('=') + 1).trim()
    values.set(line.key, value)
    previous = line
  }
  return sections
}

export type IniSetting = {
  /** null: before the first section. */
  readonly section: string | null
  readonly key: string
  readonly value: string
}

/**
 * Sets one value and leaves every other line as it is. An old value goes with all its lines; a key that is there more than
 * once is there once afterwards. `sameKey`: whether two spellings are one key to the program whose file it is.
 */
export function setIni(
  text: string,
  { section, key, value }: IniSetting,
  sameKey: (a: string, b: string) => boolean = (a, b) => a === b,
): string {
  const lines = parseLines(text)
  const isOld = (line: Line) => line.section === section && line.key !== null && sameKey(line.key, key)
  const first = lines.findIndex(isOld)
  const setting: Line = { text: `${key} = ${value}`.replace(/ +$/m, ''), section, key }
  if (first >= 0) {
    const rest = lines.slice(first).filter((line) => !isOld(line))
    return joinLines([...lines.slice(0, first), setting, ...rest])
  }
  const last = lines.findLastIndex((line) => line.section === section && line.text.trim() !== '')
  if (last >= 0) return joinLines([...lines.slice(0, last + 1), setting, ...lines.slice(last + 1)])
  if (section === null) return joinLines([setting, ...lines])
  const header: Line = { text: `[${section}]`, section, key: null }
  const gap: Line[] = lines.length > 0 ? [{ text: '', section: null, key: null }] : []
  return joinLines([...lines, ...gap, header, setting])
}

const joinLines = (lines: readonly Line[]): string => lines.map(({ text }) => `${text}\n`).join('')
