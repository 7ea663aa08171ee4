const BEGIN = '# granary: begin. `granary login` writes this part anew'
const END = '# granary: end'

/**
 * Sets the part of a file that is ours, between two comments, and leaves every other line as it is. It stands at the end,
 * where a table of TOML cannot take a setting into it that was not its own.
 */
export function setBlock(text: string, lines: readonly string[]): string {
  const all = text.split(/\r?\n/)
  const begin = all.findIndex((line) => line.startsWith('# granary: begin'))
  const end = all.findIndex((line, index) => index > begin && line.startsWith(END))
  const others = begin >= 0 && end >= 0 ? [...all.slice(0, begin), ...all.slice(end + 1)] : all
  const before = others.join('\n').trimEnd()
  return `${before}${before ? '\n\n' : ''}${[BEGIN, ...lines, END].join('\n')}\n`
}
