import { expect, it } from 'vitest'
import { compilePattern } from './pattern.ts'

// A second reading of the same rules, made another way: the event is flattened into paths with the array elements that they
// go through, as event-ruler does it, and every way to choose one value for each field is tried.

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type Flat = { readonly path: string; readonly value: Json; readonly elements: ReadonlyMap<string, number> }

function flatten(value: Json, path = '', elements: ReadonlyMap<string, number> = new Map(), place = ''): Flat[] {
  if (Array.isArray(value)) {
    return (value as readonly Json[]).flatMap((element, index) =>
      flatten(element, path, new Map([...elements, [place, index]]), `${place}[${index}]`),
    )
  }
  if (typeof value !== 'object' || value === null) return [{ path, value, elements }]
  return Object.entries(value).flatMap(([key, member]) =>
    flatten(member as Json, `${path}/${key}`, elements, `${place}/${key}`),
  )
}

type Test = Json | { readonly [operator: string]: Json }
type Field = { readonly path: string; readonly tests: readonly Test[] }

/** Every combination of `$or` as a list of fields of its own. */
function alternatives(pattern: Json, path = ''): Field[][] {
  let all: Field[][] = [[]]
  for (const [key, value] of Object.entries(pattern as Record<string, Json>)) {
    const ways =
      key === '$or'
        ? (value as readonly Json[]).flatMap((each) => alternatives(each, path))
        : Array.isArray(value)
          ? [[{ path: `${path}/${key}`, tests: value as readonly Test[] }]]
          : alternatives(value, `${path}/${key}`)
    all = all.flatMap((before) => ways.map((way) => [...before, ...way]))
  }
  return all
}

const asRegExp = (wildcard: string) =>
  new RegExp(`^${[...wildcard].map((each) => (each === '*' ? '.*' : each.replace(/[^a-z]/g, '\\$&'))).join('')}$`, 's')

function holds(test: Test, value: Json): boolean {
  if (typeof test !== 'object' || test === null) return test === value
  const [operator, operand] = Object.entries(test)[0] as [string, Json]
  const text = typeof value === 'string' ? value : null
  switch (operator) {
    case 'prefix':
      return text?.startsWith(operand as string) ?? false
    case 'suffix':
      return text?.endsWith(operand as string) ?? false
    case 'wildcard':
      return text !== null && asRegExp(operand as string).test(text)
    case 'anything-but':
      return !(operand as readonly Json[]).includes(value)
    case 'numeric':
      return typeof value === 'number' && value > ((operand as readonly Json[])[1] as number)
    default:
      return operand === true
  }
}

const isAbsence = (test: Test): boolean => JSON.stringify(test) === '{"exists":false}'

const consistent = (chosen: ReadonlyMap<string, number>, { elements }: Flat): boolean =>
  [...elements].every(([place, index]) => (chosen.get(place) ?? index) === index)

function choose(fields: readonly Field[], flat: readonly Flat[], chosen: ReadonlyMap<string, number>): boolean {
  const [field, ...rest] = fields
  if (!field) return true
  const there = flat.filter((each) => each.path === field.path && consistent(chosen, each))
  const positive = there.some(
    (each) =>
      field.tests.some((test) => !isAbsence(test) && holds(test, each.value)) &&
      choose(rest, flat, new Map([...chosen, ...each.elements])),
  )
  return positive || (there.length === 0 && field.tests.some(isAbsence) && choose(rest, flat, chosen))
}

/** What must be there chooses the elements; what must not be there is then looked for in these. */
const absencesLast = (fields: readonly Field[]): Field[] =>
  fields.toSorted((a, b) => Number(a.tests.some(isAbsence)) - Number(b.tests.some(isAbsence)))

const matchesNaively = (pattern: Json, data: Json): boolean =>
  alternatives(pattern).some((fields) => choose(absencesLast(fields), flatten(data), new Map()))

// ------------------------------------------------------------------------------------------------- what to try

/** Mulberry32: the same cases in each run. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const KEYS = ['a', 'b', 'c']
const SCALARS: readonly Json[] = ['', 'a', 'ab', 'aba', 'bab', 1, 2, true, false, null]
const OPERATORS: readonly Test[] = [
  { prefix: 'a' },
  { suffix: 'b' },
  { wildcard: '*a*b*' },
  { wildcard: 'a*a' },
  { 'anything-but': ['a', 'ab'] },
  { 'anything-but': [1] },
  { numeric: ['>', 1] },
  { exists: true },
]

function makeCases(random: () => number) {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const times = (most: number) => Array.from({ length: 1 + Math.floor(random() * most) })
  const value = (depth: number): Json => {
    const kind = random()
    if (depth === 0 || kind < 0.35) return pick(SCALARS)
    if (kind < 0.6) return times(3).map(() => value(depth - 1))
    return Object.fromEntries(times(3).map(() => [pick(KEYS), value(depth - 1)]))
  }
  const leaf = (): Json => times(2).map(() => (random() < 0.5 ? pick(SCALARS) : pick(OPERATORS)) as Json)
  // An object under `$or` stands by itself, where event-ruler would merge it with one of the same name beside `$or`.
  const pattern = (depth: number, keys: readonly string[] = KEYS): Json => {
    const own = times(2).map(() => pick(keys))
    const others = keys.filter((key) => !own.includes(key))
    const members = own.map((key) => [key, depth > 0 && random() < 0.5 ? pattern(depth - 1) : leaf()] as const)
    const hasOr = depth > 0 && others.length > 0 && random() < 0.4
    const or = hasOr ? [['$or', [pattern(depth - 1, others), pattern(depth - 1, others)]] as const] : []
    return Object.fromEntries([...members, ...or]) as Json
  }
  const withAbsence = (): Json => ({ [pick(KEYS)]: [{ exists: false }], ...(random() < 0.5 ? { z: leaf() } : {}) })
  return { value, pattern, withAbsence }
}

it('agrees with a matcher that tries everything', () => {
  const { value, pattern } = makeCases(randomOf(20_301_130))
  const seen = { true: 0, false: 0 }
  for (let round = 0; round < 10_000; round++) {
    const [given, data] = [pattern(2), Object.fromEntries(KEYS.map((key) => [key, value(3)])) as Json]
    const expected = matchesNaively(given, data)
    const text = JSON.stringify(given)
    expect(compilePattern(text).matches(data), `${text} on ${JSON.stringify(data)}`).toBe(expected)
    seen[`${expected}`] += 1
  }
  expect(seen.true).toBeGreaterThan(500)
  expect(seen.false).toBeGreaterThan(500)
})

it('agrees with it on what must not be there', () => {
  const { value, withAbsence } = makeCases(randomOf(7))
  const seen = { true: 0, false: 0 }
  for (let round = 0; round < 10_000; round++) {
    const [given, data] = [withAbsence(), value(2)]
    if (typeof data !== 'object' || data === null || Array.isArray(data)) continue
    const expected = matchesNaively(given, data)
    const text = JSON.stringify(given)
    expect(compilePattern(text).matches(data), `${text} on ${JSON.stringify(data)}`).toBe(expected)
    seen[`${expected}`] += 1
  }
  expect(Math.min(seen.true, seen.false)).toBeGreaterThan(300)
})
