// How a policy spells the texts that it matches: wildcards, policy variables, ARNs. Character by character and table by
// table, without regular expressions that are put together from a policy.

export type Values = string | readonly string[]
export type Context = Readonly<Record<string, Values>>

/** What one part of a text may say, for lack of a better word: yes, no, or that nobody can tell. */
export type Verdict = 'yes' | 'no' | 'error'

export const not = (verdict: Verdict): Verdict => (verdict === 'error' ? 'error' : verdict === 'yes' ? 'no' : 'yes')
export const all = (verdicts: readonly Verdict[]): Verdict =>
  verdicts.includes('no') ? 'no' : verdicts.includes('error') ? 'error' : 'yes'
export const any = (verdicts: readonly Verdict[]): Verdict => not(all(verdicts.map(not)))
export const whether = (holds: boolean): Verdict => (holds ? 'yes' : 'no')

/** Condition keys have no case. */
export function lookUp(context: Context, key: string): Values | undefined {
  for (const [name, value] of Object.entries(context)) if (name.toLowerCase() === key.toLowerCase()) return value
  return undefined
}

/** One character that must stand there, or a wildcard. */
type Letter = { readonly exactly: string } | 'any characters' | 'one character'
type Spelling = { readonly wildcards: boolean; readonly variables: boolean; readonly context: Context }

/** The letters of a pattern with its variables filled in; null where a variable has no value, or several. */
export function spell(text: string, { wildcards, variables, context }: Spelling): readonly Letter[] | null {
  const letters: Letter[] = []
  const literally = (said: string) => {
    for (const exactly of said) letters.push({ exactly })
  }
  let rest = text
  while (rest !== '') {
    if (variables && rest.startsWith('${')) {
      const inside = rest.slice(2, rest.indexOf('}'))
      rest = rest.slice(rest.indexOf('}') + 1)
      const said = valueOfVariable(inside, context)
      if (said === null) return null
      literally(said)
      continue
    }
    const character = String.fromCodePoint(rest.codePointAt(0) as number)
    rest = rest.slice(character.length)
    if (wildcards && character === '*') letters.push('any characters')
    else if (wildcards && character === '?') letters.push('one character')
    else literally(character)
  }
  return letters
}

function valueOfVariable(inside: string, context: Context): string | null {
  if (inside === '*' || inside === '?' || inside === '$') return inside
  const comma = inside.indexOf(',')
  const key = (comma < 0 ? inside : inside.slice(0, comma)).trim()
  const value = lookUp(context, key)
  if (typeof value === 'string') return value
  // A key that may have several values is none that a variable can use, and it is not absent either: no default stands in.
  return comma < 0 || value !== undefined ? null : inside.slice(inside.indexOf("'") + 1, inside.lastIndexOf("'"))
}

/** `covers[v]`: the letters so far cover the first `v` characters. One row of the table per letter. */
export function covers(letters: readonly Letter[], value: string): boolean {
  const characters = Array.from(value)
  let row = [true, ...characters.map(() => false)]
  for (const letter of letters) {
    const next = row.map(() => false)
    for (let v = 0; v <= characters.length; v++) {
      if (letter === 'any characters') next[v] = row[v] === true || (v > 0 && next[v - 1] === true)
      else if (v > 0 && row[v - 1]) next[v] = letter === 'one character' || letter.exactly === characters[v - 1]
    }
    row = next
  }
  return row[characters.length] === true
}

/** The text before each of the first five colons, and what is left; colons within `${…}` do not count. */
export function arnParts(text: string, variables: boolean): readonly string[] {
  const parts: string[] = []
  let part = ''
  let insideVariable = false
  for (let at = 0; at < text.length; at++) {
    if (variables && text.startsWith('${', at)) insideVariable = true
    if (insideVariable && text[at] === '}') insideVariable = false
    if (text[at] === ':' && !insideVariable && parts.length < 5) {
      parts.push(part)
      part = ''
    } else part += text[at]
  }
  return [...parts, part]
}

/** Part against part: the `*` of one does not run into the next. A variable without a value leaves it open. */
export function coversArn(pattern: string, arn: string, spelling: Omit<Spelling, 'wildcards'>): Verdict {
  if (pattern === '*') return 'yes'
  const spelled = arnParts(pattern, spelling.variables).map((part) => spell(part, { ...spelling, wildcards: true }))
  if (spelled.includes(null)) return 'error'
  const parts = arnParts(arn, false)
  return whether(parts.length === spelled.length && parts.every((part, at) => covers(spelled[at] ?? [], part)))
}
