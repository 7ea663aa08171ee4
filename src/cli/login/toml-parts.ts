const BEGIN = '# granary: begin. `granary login` writes this part anew'
const END = '# granary: end'

/**
 * Sets what is ours in a TOML file, between comments, and leaves every other line as it is. `settings` stand at the start,
 * where no table can take them in, and replace settings of the same keys; `tables` stand at the end, where they take in
 * nothing that is not theirs.
 */
export function setTomlParts(
  text: string,
  parts: { readonly settings: readonly string[]; readonly tables: readonly string[] },
): string {
  const others = withoutParts(text.split(/\r?\n/))
  const firstTable = others.findIndex((line) => line.trimStart().startsWith('['))
  const keys = parts.settings.map(keyOf)
  const kept = others.filter((line, index) => (firstTable >= 0 && index >= firstTable) || !keys.includes(keyOf(line)))
  const middle = kept.join('\n').trim()
  return `${[[BEGIN, ...parts.settings, END].join('\n'), middle, [BEGIN, ...parts.tables, END].join('\n')].filter(Boolean).join('\n\n')}\n`
}

const keyOf = (line: string): string => line.split('=', 1)[0]?.trim() ?? ''

function withoutParts(lines: readonly string[]): readonly string[] {
  const begin = lines.findIndex((line) => line.startsWith('# granary: begin'))
  const end = lines.findIndex((line, index) => index > begin && line.startsWith(END))
  return begin >= 0 && end >= 0 ? withoutParts([...lines.slice(0, begin), ...lines.slice(end + 1)]) : lines
}
