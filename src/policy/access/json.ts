import type { Problem } from './policy.ts'

type Place = { readonly path: string; readonly line: number }
export type JsonMember = { readonly key: string; readonly value: JsonNode }
export type JsonNode = Place &
  (
    | { readonly kind: 'object'; readonly members: readonly JsonMember[] }
    | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
    | { readonly kind: 'string' | 'number' | 'boolean'; readonly text: string }
    | { readonly kind: 'null' }
  )

/** A policy needs six levels; more than this is somebody trying the stack. */
const MAX_DEPTH = 16

const BLANK = /[ \t\r\n]*/y
// eslint-disable-next-line no-control-regex -- RFC 8259 forbids bare control characters in strings
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const WORD = /true|false|null/y

class Malformed extends Error {}

/**
 * Reads JSON (RFC 8259) and keeps the place of every value. Unlike `JSON.parse` it refuses a member that stands twice in an
 * object: two readers of `{"Effect":"Allow","Effect":"Deny"}` may disagree about what it says.
 */
export function parseJson(text: string): { readonly node: JsonNode } | { readonly problem: Problem } {
  const reader = new Reader(text)
  try {
    return { node: reader.document() }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return { problem: { ...reader.place, message: error.message } }
  }
}

class Reader {
  readonly #text: string
  #at = 0
  /** The line that begins at `#seen`: counted on from the last place that was asked for. */
  #line = 1
  #seen = 0
  #path: readonly string[] = []

  constructor(text: string) {
    this.#text = text
  }

  get place(): Place {
    const path = this.#path.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
    for (let end = this.#text.indexOf('\n', this.#seen); end >= 0 && end < this.#at;) {
      this.#line += 1
      this.#seen = end + 1
      end = this.#text.indexOf('\n', this.#seen)
    }
    return { path, line: this.#line }
  }

  document(): JsonNode {
    const node = this.#value()
    if (this.#at < this.#text.length) throw new Malformed('the document ends here, but more text follows')
    return node
  }

  #value(): JsonNode {
    this.#take(BLANK)
    if (this.#path.length > MAX_DEPTH) throw new Malformed(`it is nested deeper than ${MAX_DEPTH} levels`)
    const place = this.place
    const node = this.#bare(place)
    this.#take(BLANK)
    return node
  }

  #bare(place: Place): JsonNode {
    if (this.#skip('{')) return { ...place, kind: 'object', members: this.#members() }
    if (this.#skip('[')) return { ...place, kind: 'array', items: this.#items() }
    const string = this.#take(STRING)
    if (string !== null) return { ...place, kind: 'string', text: JSON.parse(string) as string }
    const number = this.#take(NUMBER)
    if (number !== null) return { ...place, kind: 'number', text: number }
    const word = this.#take(WORD)
    if (word === 'null') return { ...place, kind: 'null' }
    if (word !== null) return { ...place, kind: 'boolean', text: word }
    throw new Malformed('this is not JSON')
  }

  #members(): readonly JsonMember[] {
    const members: JsonMember[] = []
    const seen = new Set<string>()
    this.#take(BLANK)
    if (this.#skip('}')) return members
    do {
      this.#take(BLANK)
      const quoted = this.#take(STRING)
      if (quoted === null) throw new Malformed('a member name in double quotes belongs here')
      const key = JSON.parse(quoted) as string
      if (seen.has(key)) throw new Malformed(`${JSON.stringify(key)} stands here twice`)
      seen.add(key)
      this.#take(BLANK)
      if (!this.#skip(':')) throw new Malformed('a colon belongs here')
      members.push({ key, value: this.#within(key) })
    } while (this.#skip(','))
    if (!this.#skip('}')) throw new Malformed('a comma or a closing brace belongs here')
    return members
  }

  #items(): readonly JsonNode[] {
    const items: JsonNode[] = []
    this.#take(BLANK)
    if (this.#skip(']')) return items
    do items.push(this.#within(String(items.length)))
    while (this.#skip(','))
    if (!this.#skip(']')) throw new Malformed('a comma or a closing bracket belongs here')
    return items
  }

  #within(step: string): JsonNode {
    const outer = this.#path
    this.#path = [...outer, step]
    const node = this.#value()
    this.#path = outer
    return node
  }

  #skip(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at += 1
    return true
  }

  #take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (!found) return null
    this.#at += found[0].length
    return found[0]
  }
}
