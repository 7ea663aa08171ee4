/** `*` stands for any characters, also none; `\*` and `\\` are the only escapes. */
export function readWildcard(
  text: string,
): { readonly test: (value: string) => boolean; readonly count: number } | { readonly problem: string } {
  const literals = ['']
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string
    if (character === '*') {
      if (text[at + 1] === '*') return { problem: '"wildcard" has no `**`: one `*` stands for any characters already' }
      literals.push('')
      continue
    }
    if (character === '\\') {
      at += 1
      if (text[at] !== '*' && text[at] !== '\\')
        return { problem: '"wildcard" has no other escapes than `\\*` and `\\\\` (in JSON: "\\\\*" and "\\\\\\\\")' }
    }
    literals[literals.length - 1] += text[at] as string
  }
  return { test: wildcardTest(literals), count: literals.length - 1 }
}

/**
 * The literals between the wildcards have to stand in the value in this order. Taking each at its first place is enough: if
 * any placing fits, so does that one, and nothing is ever tried again.
 */
function wildcardTest(literals: readonly string[]): (value: string) => boolean {
  const [first = '', ...rest] = literals
  const last = rest.pop()
  if (last === undefined) return (value) => value === first
  return (value) => {
    const end = value.length - last.length
    if (!value.startsWith(first) || end < first.length || !value.endsWith(last)) return false
    let at = first.length
    for (const literal of rest) {
      const found = value.indexOf(literal, at)
      if (found < 0) return false
      at = found + literal.length
    }
    return at <= end
  }
}
