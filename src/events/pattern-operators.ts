import ipaddr from 'ipaddr.js'
import type { JsonNode } from '../registry/json.ts'
import { readWildcard } from './wildcard.ts'

export type Scalar = string | number | boolean | null
export type LeafTest = (value: Scalar) => boolean
type TextTest = (value: string) => boolean

/** What reading a value of a leaf array reports to. */
export type LeafReport = {
  wrong(at: JsonNode, message: string): void
  countWildcards(at: JsonNode, count: number): void
}

/** A test of what is there; `absent` where nothing has to be; null where it was wrong, and said to be. */
export type LeafValue = LeafTest | 'absent' | null

type Read = (operand: JsonNode, report: LeafReport) => LeafValue
type ReadText = (text: string, at: JsonNode, report: LeafReport) => TextTest | null

const onText =
  (test: TextTest): LeafTest =>
  (value) =>
    typeof value === 'string' && test(value)

const TEXT_TESTS: Readonly<Record<string, ReadText>> = {
  prefix: (text) => (value) => value.startsWith(text),
  suffix: (text) => (value) => value.endsWith(text),
  'equals-ignore-case': (text) => {
    const lower = text.toLowerCase()
    return (value) => value.toLowerCase() === lower
  },
  wildcard: (text, at, report) => {
    const read = readWildcard(text)
    if ('problem' in read) {
      report.wrong(at, read.problem)
      return null
    }
    report.countWildcards(at, read.count)
    return read.test
  },
}

const IGNORING_CASE: Readonly<Record<string, (lower: string) => TextTest>> = {
  prefix: (lower) => (value) => value.toLowerCase().startsWith(lower),
  suffix: (lower) => (value) => value.toLowerCase().endsWith(lower),
}

/** `"text"`, and for prefix and suffix also `{"equals-ignore-case": "text"}`. */
function readTextOperator(operator: string): Read {
  return (operand, report) => {
    if (operand.kind === 'string') {
      const test = TEXT_TESTS[operator]?.(operand.text, operand, report)
      return test ? onText(test) : null
    }
    const ignoringCase = IGNORING_CASE[operator]
    const only = operand.kind === 'object' && operand.members.length === 1 ? operand.members[0] : undefined
    if (ignoringCase && only?.key === 'equals-ignore-case' && only.value.kind === 'string')
      return onText(ignoringCase(only.value.text.toLowerCase()))
    const besides = ignoringCase ? ' or {"equals-ignore-case": "…"}' : ''
    report.wrong(operand, `${JSON.stringify(operator)} takes a string${besides}`)
    return null
  }
}

const readExists: Read = (operand, report) => {
  if (operand.kind === 'boolean') return operand.text === 'true' ? () => true : 'absent'
  report.wrong(operand, '"exists" takes true or false')
  return null
}

const readCidr: Read = (operand, report) => {
  if (operand.kind !== 'string' || !operand.text.includes('/') || !ipaddr.isValidCIDR(operand.text)) {
    report.wrong(operand, '"cidr" takes a range of addresses: "10.0.0.0/24" or "2001:db8::/32"')
    return null
  }
  const [base, bits] = ipaddr.parseCIDR(operand.text)
  return onText((value) => {
    const isAddress = ipaddr.IPv4.isValidFourPartDecimal(value) || ipaddr.IPv6.isValid(value)
    if (!isAddress) return false
    const address = ipaddr.parse(value)
    return address.kind() === base.kind() && (address as ipaddr.IPv6).match(base as ipaddr.IPv6, bits)
  })
}

// ------------------------------------------------------------------------------------------------ anything-but

/** event-ruler: a string, a number, a list of either, or one operator on text with one operand or a list of them. */
const readAnythingBut: Read = (operand, report) => {
  if (operand.kind === 'object') return readAnythingButText(operand, report)
  const items = operand.kind === 'array' ? operand.items : [operand]
  const kinds = new Set(items.map(({ kind }) => kind))
  const [kind] = kinds
  if (kinds.size !== 1 || (kind !== 'string' && kind !== 'number')) {
    report.wrong(operand, '"anything-but" takes a string, a number, a list of one of these, or an operator on text')
    return null
  }
  const texts = items.map((item) => (item as JsonNode & { kind: 'string' | 'number' }).text)
  const excluded = new Set<Scalar>(kind === 'string' ? texts : texts.map(Number))
  return (value) => !excluded.has(value)
}

function readAnythingButText(operand: JsonNode & { kind: 'object' }, report: LeafReport): LeafValue {
  const [only, ...more] = operand.members
  const read = only && TEXT_TESTS[only.key]
  if (!only || !read || more.length > 0) {
    const names = Object.keys(TEXT_TESTS).join(', ')
    report.wrong(only && !read ? only.value : operand, `"anything-but" takes one operator here: ${names}`)
    return null
  }
  const items = only.value.kind === 'array' ? only.value.items : [only.value]
  if (items.length === 0) report.wrong(only.value, 'an array without values excludes nothing')
  const tests = items.map((item) => {
    if (item.kind === 'string') return read(item.text, item, report)
    report.wrong(item, `${JSON.stringify(only.key)} takes a string, or a list of them`)
    return null
  })
  return (value) => typeof value !== 'string' || !tests.some((test) => test?.(value))
}

// ----------------------------------------------------------------------------------------------------- numeric

const COMPARISONS = {
  '=': (value: number, bound: number) => value === bound,
  '<': (value: number, bound: number) => value < bound,
  '<=': (value: number, bound: number) => value <= bound,
  '>': (value: number, bound: number) => value > bound,
  '>=': (value: number, bound: number) => value >= bound,
}
type Comparison = keyof typeof COMPARISONS

const NUMERIC_FORMS = '"numeric" takes ["=", 5], one bound as in ["<", 10], or a range as in [">", 0, "<=", 5]'

const readNumeric: Read = (operand, report) => {
  const bounds = operand.kind === 'array' ? readBounds(operand.items) : null
  const [first, second] = bounds ?? []
  if (!first || (second && !(first.comparison.startsWith('>') && second.comparison.startsWith('<')))) {
    report.wrong(operand, NUMERIC_FORMS)
    return null
  }
  if (second && first.bound >= second.bound) {
    report.wrong(operand, 'the lower bound of a range is less than its upper bound')
    return null
  }
  const holds = [first, ...(second ? [second] : [])].map(
    ({ comparison, bound }) =>
      (value: number) =>
        COMPARISONS[comparison](value, bound),
  )
  return (value) => typeof value === 'number' && holds.every((hold) => hold(value))
}

type Bound = { readonly comparison: Comparison; readonly bound: number }

/** Pairs of an operator and a number; null where they are none. */
function readBounds(items: readonly JsonNode[]): readonly Bound[] | null {
  if (items.length !== 2 && items.length !== 4) return null
  const bounds: Bound[] = []
  for (let at = 0; at < items.length; at += 2) {
    const [operator, bound] = [items[at], items[at + 1]]
    if (operator?.kind !== 'string' || !Object.hasOwn(COMPARISONS, operator.text)) return null
    if (bound?.kind !== 'number' || !Number.isFinite(Number(bound.text))) return null
    bounds.push({ comparison: operator.text as Comparison, bound: Number(bound.text) })
  }
  return bounds
}

// ------------------------------------------------------------------------------------------------------ a leaf

export const OPERATORS: ReadonlyMap<string, Read> = new Map([
  ...Object.keys(TEXT_TESTS).map((operator) => [operator, readTextOperator(operator)] as const),
  ['anything-but', readAnythingBut],
  ['numeric', readNumeric],
  ['cidr', readCidr],
  ['exists', readExists],
])

/** Reads one value of a leaf array. Numbers are compared as numbers, as event-ruler does: 300 is 300.0 and 3e2. */
export const leafReader =
  (report: LeafReport) =>
  (item: JsonNode): LeafValue => {
    switch (item.kind) {
      case 'string':
        return (value) => value === item.text
      case 'number': {
        const number = Number(item.text)
        return (value) => value === number
      }
      case 'boolean':
        return (value) => value === (item.text === 'true')
      case 'null':
        return (value) => value === null
      case 'array':
        report.wrong(item, 'an array inside the array of a field has no meaning in a pattern')
        return null
      case 'object': {
        const [only, ...more] = item.members
        const read = only && OPERATORS.get(only.key)
        if (read && more.length === 0) return read(only.value, report)
        const names = [...OPERATORS.keys()].join(', ')
        report.wrong(item, `an object among the values of a field is one operator: ${names}`)
        return null
      }
    }
  }
