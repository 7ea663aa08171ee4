/** What a request is about besides who, what and which: IAM's condition keys in lower case, to one value or several. */
export type Context = ReadonlyMap<string, string | readonly string[]>

type Piece =
  | { readonly kind: 'text'; readonly text: string }
  /** `*`: any characters, also none. */
  | { readonly kind: 'any' }
  /** `?`: exactly one character. */
  | { readonly kind: 'one' }
  /** `${aws:username}`, `${aws:username, 'nobody'}`: the context's value, taken literally. */
  | { readonly kind: 'variable'; readonly key: string; readonly fallback: string | null }

export type Pattern = readonly Piece[]

/** The six colon-separated parts of an ARN, or `everything` for a bare `*`. */
export type ArnPattern = 'everything' | readonly Pattern[]

/** Thrown while a document is read; its message is for the author of the policy. */
export class BadPattern extends Error {}

export type PatternSyntax = { readonly wildcards: boolean; readonly variables: boolean }

const ANY: Piece = { kind: 'any' }
const ONE: Piece = { kind: 'one' }
const VARIABLE = /\$\{([^}]*)\}/y
const VARIABLE_KEY = /^[A-Za-z0-9-]+:[\w+=.@/:-]+$/
const VARIABLE_WITH_DEFAULT = /^\s*([^,\s]+)\s*(?:,\s*'([^']*)'\s*)?$/

export function compilePattern(text: string, syntax: PatternSyntax): Pattern {
  const pieces: Piece[] = []
  let literal = ''
  const flush = () => {
    if (literal !== '') pieces.push({ kind: 'text', text: literal })
    literal = ''
  }
  for (let at = 0; at < text.length;) {
    const character = text[at] as string
    if (syntax.variables && text.startsWith('${', at)) {
      const piece = compileVariable(text, at)
      if (piece.kind === 'text') literal += piece.text
      else flush()
      if (piece.kind === 'variable') pieces.push(piece)
      at = VARIABLE.lastIndex
      continue
    }
    if (syntax.wildcards && (character === '*' || character === '?')) {
      flush()
      const piece = character === '*' ? ANY : ONE
      // Two stars in a row say what one says.
      if (piece === ONE || pieces.at(-1) !== ANY) pieces.push(piece)
    } else literal += character
    at += 1
  }
  flush()
  return pieces
}

/** `${*}`, `${?}` and `${$}` are how a policy writes these characters themselves. */
function compileVariable(text: string, at: number): Extract<Piece, { kind: 'text' | 'variable' }> {
  VARIABLE.lastIndex = at
  const inside = VARIABLE.exec(text)?.[1]
  if (inside === undefined) throw new BadPattern(`the policy variable in ${JSON.stringify(text)} has no closing brace`)
  if (inside === '*' || inside === '?' || inside === '$') return { kind: 'text', text: inside }
  const parts = VARIABLE_WITH_DEFAULT.exec(inside)
  const key = parts?.[1]
  if (key === undefined || !VARIABLE_KEY.test(key)) {
    throw new BadPattern(
      `\${${inside}} is not a policy variable; one looks like \${aws:username} or \${aws:username, 'default'}`,
    )
  }
  return { kind: 'variable', key: key.toLowerCase(), fallback: parts?.[2] ?? null }
}

export const variablesOf = (pattern: Pattern): readonly string[] =>
  pattern.flatMap((piece) => (piece.kind === 'variable' ? [piece.key] : []))

/**
 * Whether all of `value` matches. A variable that the context does not have, or has with several values, makes the pattern
 * match nothing.
 */
export function matches(pattern: Pattern, value: string, context: Context): boolean {
  const only = pattern[0]
  if (pattern.length === 1 && only?.kind === 'text') return only.text === value
  const parts: (string | Piece)[] = []
  let shortest = 0
  for (const piece of pattern) {
    const part = piece.kind === 'text' ? piece.text : piece.kind === 'variable' ? resolve(piece, context) : piece
    if (part === undefined) return false
    shortest += typeof part === 'string' ? part.length : Number(part === ONE)
    // What is left after this is no longer than the value, and so is the time that it takes.
    if (shortest > value.length) return false
    parts.push(part)
  }
  const [first] = parts
  if (typeof first === 'string' && !value.startsWith(first)) return false
  return glob(
    parts.flatMap<string | Piece>((part) => (typeof part === 'string' ? [...part] : [part])),
    [...value],
  )
}

function resolve(variable: Extract<Piece, { kind: 'variable' }>, context: Context): string | undefined {
  const value = context.get(variable.key)
  if (value === undefined) return variable.fallback ?? undefined
  return typeof value === 'string' ? value : undefined
}

/** Greedy with one point to return to: time is at most the product of the lengths, whatever the pattern. Parts of one character. */
function glob(pattern: readonly (string | Piece)[], value: readonly string[]): boolean {
  let p = 0
  let v = 0
  let star = -1
  let resume = 0
  while (v < value.length) {
    if (pattern[p] === ANY) {
      star = p++
      resume = v
    } else if (p < pattern.length && (pattern[p] === ONE || pattern[p] === value[v])) {
      p++
      v++
    } else if (star >= 0) {
      p = star + 1
      v = ++resume
    } else return false
  }
  while (pattern[p] === ANY) p++
  return p === pattern.length
}

/**
 * Splits at the first five colons, in patterns those inside `${...}` not counted: partition, service, region and account
 * never hold one, and what remains is the resource's own business.
 */
function arnParts(text: string, variables: boolean): readonly string[] {
  const parts: string[] = []
  let start = 0
  for (let at = 0; at < text.length && parts.length < 5; at++) {
    if (variables && text.startsWith('${', at)) at = Math.max(at, text.indexOf('}', at))
    else if (text[at] === ':') {
      parts.push(text.slice(start, at))
      start = at + 1
    }
  }
  return [...parts, text.slice(start)]
}

/** Wildcards stay inside their colon-separated part; in the last one `*` also crosses slashes and colons. */
export function compileArn(text: string, variables: 'resource part only' | 'anywhere' | 'none'): ArnPattern {
  if (text === '*') return 'everything'
  const parts = arnParts(text, variables !== 'none')
  if (parts.length < 6 || parts[0] !== 'arn') {
    throw new BadPattern(
      `${JSON.stringify(text)} is neither "*" nor an ARN: arn:partition:service:region:account:resource`,
    )
  }
  if (/[*?]/.test(parts[2] as string)) {
    throw new BadPattern(`the service of the ARN ${JSON.stringify(text)} cannot hold a wildcard`)
  }
  if (variables === 'resource part only' && parts.slice(0, 5).some((part) => part.includes('${'))) {
    throw new BadPattern(`in the ARN ${JSON.stringify(text)} policy variables may stand after the fifth colon only`)
  }
  return parts.map((part) => compilePattern(part, { wildcards: true, variables: variables !== 'none' }))
}

/** Whether the context has every variable of the pattern. */
export const resolves = (pattern: ArnPattern, context: Context): boolean =>
  pattern === 'everything' ||
  pattern.flat().every((piece) => piece.kind !== 'variable' || resolve(piece, context) !== undefined)

export const variablesOfArn = (pattern: ArnPattern): readonly string[] =>
  pattern === 'everything' ? [] : pattern.flatMap(variablesOf)

export function matchesArn(pattern: ArnPattern, value: string, context: Context): boolean {
  if (pattern === 'everything') return true
  const parts = arnParts(value, false)
  return (
    parts.length === pattern.length && pattern.every((part, index) => matches(part, parts[index] as string, context))
  )
}
