import { RegistryError } from '../registry/errors.ts'
import { parseJson, type JsonNode, type Problem } from '../registry/json.ts'
import { leafReader, OPERATORS, type LeafTest, type Scalar } from './pattern-operators.ts'

// EventBridge's event patterns as event-ruler reads them: every leaf is a list of which one has to match, all fields have
// to match, `$or` lists objects of which one has to match. Matching visits each pair of a field and its value once, and no
// operator tries again what it tried before, so its time is bounded by the sizes of the two.

const MAX_CHARACTERS = 4_096
/** Unescaped `*` in all of a pattern. */
const MAX_WILDCARDS = 30

type Leaf = { readonly kind: 'leaf'; readonly tests: readonly LeafTest[]; readonly acceptsAbsence: boolean }
type Fields = {
  readonly kind: 'fields'
  readonly fields: readonly (readonly [key: string, node: Node])[]
  /** What stands under `$or`. */
  readonly alternatives: readonly Fields[] | null
}
type Node = Leaf | Fields

export type Pattern = {
  /** `data`: parsed JSON. */
  matches(data: unknown): boolean
}

/** Throws `invalid` with the place of every mistake. */
export function compilePattern(text: string): Pattern {
  const read = readPattern(text)
  if ('pattern' in read) return read.pattern
  const list = read.problems.map(({ path, line, message }) => `${path || '/'} (line ${line}): ${message}`).join('; ')
  throw new RegistryError('invalid', `The event pattern is not valid: ${list}`)
}

export function readPattern(text: string): { readonly pattern: Pattern } | { readonly problems: readonly Problem[] } {
  if (text.length > MAX_CHARACTERS) {
    const message = `it has ${text.length} characters; a pattern has ${MAX_CHARACTERS} at most`
    return { problems: [{ path: '', line: 1, message }] }
  }
  const parsed = parseJson(text)
  if ('problem' in parsed) return { problems: [parsed.problem] }
  const reader = new Reader()
  const root = reader.root(parsed.node)
  if (root === null || reader.problems.length > 0) return { problems: reader.problems }
  return { pattern: { matches: (data) => judge(root, data as Value) !== 'no' } }
}

// ---------------------------------------------------------------------------------------------------- reading

class Reader {
  readonly problems: Problem[] = []
  #wildcards = 0

  root(node: JsonNode): Fields | null {
    if (node.kind === 'object') return this.#fields(node)
    this.#wrong(node, 'an event pattern is an object')
    return null
  }

  #wrong({ path, line }: JsonNode, message: string): void {
    this.problems.push({ path, line, message })
  }

  #fields(node: JsonNode & { kind: 'object' }): Fields {
    if (node.members.length === 0) this.#wrong(node, 'an object without members matches nothing: leave it out')
    const fields: [string, Node][] = []
    let alternatives: readonly Fields[] | null = null
    for (const { key, value } of node.members) {
      const listed = key === '$or' ? alternativesOf(value) : null
      if (listed) alternatives = listed.map((item) => this.#fields(item))
      else if (value.kind === 'object') fields.push([key, this.#fields(value)])
      else if (value.kind === 'array') fields.push([key, this.#leaf(value)])
      else this.#wrong(value, 'a value stands in an array, also where it is the only one: ["…"]')
    }
    return { kind: 'fields', fields, alternatives }
  }

  #leaf(node: JsonNode & { kind: 'array' }): Leaf {
    if (node.items.length === 0) this.#wrong(node, 'an array without values matches nothing')
    const read = leafReader({
      wrong: (at, message) => this.#wrong(at, message),
      countWildcards: (at, count) => {
        const before = this.#wildcards
        this.#wildcards += count
        if (before <= MAX_WILDCARDS && this.#wildcards > MAX_WILDCARDS)
          this.#wrong(at, `a pattern has ${MAX_WILDCARDS} wildcards at most`)
      },
    })
    const values = node.items.map(read)
    return {
      kind: 'leaf',
      tests: values.filter((value) => typeof value === 'function'),
      acceptsAbsence: values.includes('absent'),
    }
  }
}

/** event-ruler: two objects or more, none of which could be meant as an operator; anything else is a field of that name. */
function alternativesOf(node: JsonNode): readonly (JsonNode & { kind: 'object' })[] | null {
  if (node.kind !== 'array' || node.items.length < 2) return null
  const objects = node.items.filter((item) => item.kind === 'object')
  const isOperator = objects.some(({ members }) => members.some(({ key }) => OPERATORS.has(key)))
  return objects.length < node.items.length || isOperator ? null : objects
}

// --------------------------------------------------------------------------------------------------- matching

type Value = Scalar | readonly Value[] | { readonly [key: string]: Value } | undefined

/** absent: it matches because what must not be there is not there. */
type Verdict = 'yes' | 'absent' | 'no'

const judge = (node: Node, value: Value): Verdict =>
  Array.isArray(value)
    ? judgeArray(node, value as readonly Value[])
    : node.kind === 'leaf'
      ? judgeLeaf(node, value as Exclude<Value, readonly Value[]>)
      : judgeFields(node, value as Exclude<Value, readonly Value[]>)

/** One element has to match by itself; what must not be there must be in none. */
function judgeArray(node: Node, elements: readonly Value[]): Verdict {
  let [isEmpty, isAbsent] = [true, true]
  for (const element of inAllLists(elements)) {
    const verdict = judge(node, element)
    if (verdict === 'yes') return 'yes'
    if (verdict === 'no') isAbsent = false
    isEmpty = false
  }
  if (isEmpty) return judge(node, undefined)
  return isAbsent ? 'absent' : 'no'
}

/** Lists in lists are one list. Not by recursion: how deep they go is up to whoever gives the data. */
function* inAllLists(elements: readonly Value[]): Generator<Value> {
  const open = [elements.values()]
  for (let last = open.at(-1); last; last = open.at(-1)) {
    const { done, value } = last.next()
    if (done) open.pop()
    else if (Array.isArray(value)) open.push((value as readonly Value[]).values())
    else yield value
  }
}

function judgeLeaf({ tests, acceptsAbsence }: Leaf, value: Exclude<Value, readonly Value[]>): Verdict {
  // EventBridge: `exists` is about leaves, so an object in its place counts as nothing there.
  if (value === undefined || (typeof value === 'object' && value !== null)) return acceptsAbsence ? 'absent' : 'no'
  return tests.some((test) => test(value)) ? 'yes' : 'no'
}

function judgeFields({ fields, alternatives }: Fields, value: Exclude<Value, readonly Value[]>): Verdict {
  let verdict: Verdict = 'absent'
  for (const [key, node] of fields) {
    const found = judge(node, member(value, key))
    if (found === 'no') return 'no'
    if (found === 'yes') verdict = 'yes'
  }
  if (alternatives === null) return verdict
  const best = judgeAlternatives(alternatives, value)
  return best === 'absent' ? verdict : best
}

function judgeAlternatives(alternatives: readonly Fields[], value: Exclude<Value, readonly Value[]>): Verdict {
  let best: Verdict = 'no'
  for (const alternative of alternatives) {
    const verdict = judgeFields(alternative, value)
    if (verdict === 'yes') return 'yes'
    if (verdict === 'absent') best = 'absent'
  }
  return best
}

const member = (value: Exclude<Value, readonly Value[]>, key: string): Value =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? value[key] : undefined
