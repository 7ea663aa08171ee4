import ipaddr from 'ipaddr.js'
import {
  BadPattern,
  compileArn,
  compilePattern,
  matches,
  matchesArn,
  variablesOf,
  variablesOfArn,
  type Context,
} from './match.ts'

/** Compares one value of the request; undefined where that value is not of the operator's type. */
type Test = (actual: string, context: Context) => boolean | undefined
type Compiled = { readonly test: Test; readonly variables: readonly string[] }
type Operator = {
  /** Holds where no listed value matches, and where the key is missing. */
  readonly negated: boolean
  compile(expected: string, variables: boolean): Compiled
}

/** One key of one operator of a statement's Condition block. */
export type Condition = {
  readonly operator: string
  /** Lower-case. */
  readonly key: string
  /** What the outcome depends on besides `key`, lower-case. */
  readonly variables: readonly string[]
  holds(context: Context): boolean | 'error'
}

const plain = (test: Test): Compiled => ({ test, variables: [] })

const equals = (negated: boolean): Operator => ({
  negated,
  compile(expected, variables) {
    const pattern = compilePattern(expected, { wildcards: false, variables })
    return { test: (actual, context) => matches(pattern, actual, context), variables: variablesOf(pattern) }
  },
})

const equalsIgnoringCase = (negated: boolean): Operator => ({
  negated,
  compile(expected, variables) {
    const pattern = compilePattern(expected, { wildcards: false, variables }).map((piece) =>
      piece.kind === 'text' ? { ...piece, text: piece.text.toLowerCase() } : piece,
    )
    return {
      test: (actual, context) => matches(pattern, actual.toLowerCase(), lowerCased(context)),
      variables: variablesOf(pattern),
    }
  },
})

const lowerCased = (context: Context): Context =>
  new Map([...context].map(([key, value]) => [key, typeof value === 'string' ? value.toLowerCase() : value]))

const like = (negated: boolean): Operator => ({
  negated,
  compile(expected, variables) {
    const pattern = compilePattern(expected, { wildcards: true, variables })
    return { test: (actual, context) => matches(pattern, actual, context), variables: variablesOf(pattern) }
  },
})

// ArnEquals and ArnLike are the same: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
const arnLike = (negated: boolean): Operator => ({
  negated,
  compile(expected, variables) {
    const pattern = compileArn(expected, variables ? 'anywhere' : 'none')
    return { test: (actual, context) => matchesArn(pattern, actual, context), variables: variablesOfArn(pattern) }
  },
})

/** Values of an ordered type: `read` gives a number, or undefined where the text is none. */
const ordered =
  (what: string, read: (text: string) => number | undefined) =>
  (compare: (actual: number, expected: number) => boolean, negated = false): Operator => ({
    negated,
    compile(text) {
      const expected = read(text)
      if (expected === undefined) throw new BadPattern(`${JSON.stringify(text)} is not ${what}`)
      return plain((actualText) => {
        const actual = read(actualText)
        return actual === undefined ? undefined : compare(actual, expected)
      })
    },
  })

const numeric = ordered('a number', (text) => (/^[+-]?[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : undefined))

const ISO_8601 = /^(\d{4}-\d{2}-\d{2})(T([01]\d|2[0-3]):\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/
const date = ordered('a time: 2026-01-31T12:00:00Z, or seconds since 1970', (text) => {
  if (/^[0-9]{1,12}$/.test(text)) return Number(text) * 1000
  const day = ISO_8601.exec(text)?.[1]
  const instant = day === undefined || !isDay(day) ? Number.NaN : Date.parse(text)
  return Number.isNaN(instant) ? undefined : instant
})

/** `Date.parse` takes the 30th of February for the 2nd of March. */
const isDay = (text: string): boolean => {
  const midnight = Date.parse(text)
  return !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(text)
}

const truth = (text: string): boolean | undefined => {
  const word = text.toLowerCase()
  return word === 'true' ? true : word === 'false' ? false : undefined
}

const bool: Operator = {
  negated: false,
  compile(text) {
    const expected = truth(text)
    if (expected === undefined) throw new BadPattern(`${JSON.stringify(text)} is neither true nor false`)
    return plain((actual) => {
      const told = truth(actual)
      return told === undefined ? undefined : told === expected
    })
  },
}

const ipAddress = (negated: boolean): Operator => ({
  negated,
  compile(expected) {
    const network = parseNetwork(expected)
    return plain((actual) => {
      if (!isAddress(actual)) return undefined
      const address = ipaddr.process(actual)
      return address.kind() === network[0].kind() && address.match(network)
    })
  },
})

/**
 * As addresses are written today: `010.0.0.1` and `10.1` mean different ones to different readers, and zones are of one
 * machine. `::ffff:203.0.113.7` is compared as 203.0.113.7, so a range of such would match nothing: it is refused.
 */
const isAddress = (text: string): boolean =>
  ipaddr.IPv4.isValidFourPartDecimal(text.replace(/^::ffff:/i, '')) ||
  (ipaddr.IPv6.isValid(text) && /^[0-9a-f:]+$/i.test(text))

function parseNetwork(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  const refusal = (cause?: unknown) =>
    new BadPattern(`${JSON.stringify(text)} is not an address range: 203.0.113.0/24, 2001:db8::/32`, { cause })
  if (!isAddress(text.replace(/\/.*$/s, ''))) throw refusal()
  if (!text.includes('/')) {
    const address = ipaddr.process(text)
    return [address, address.kind() === 'ipv4' ? 32 : 128]
  }
  try {
    const [address, length] = ipaddr.parseCIDR(text)
    if (address.range() !== 'ipv4Mapped') return [address, length]
    throw new RangeError('it is a range of IPv4 addresses written as IPv6')
  } catch (cause) {
    throw refusal(cause)
  }
}

const OPERATORS: Readonly<Record<string, Operator>> = {
  StringEquals: equals(false),
  StringNotEquals: equals(true),
  StringEqualsIgnoreCase: equalsIgnoringCase(false),
  StringNotEqualsIgnoreCase: equalsIgnoringCase(true),
  StringLike: like(false),
  StringNotLike: like(true),
  NumericEquals: numeric((actual, expected) => actual === expected),
  NumericNotEquals: numeric((actual, expected) => actual === expected, true),
  NumericLessThan: numeric((actual, expected) => actual < expected),
  NumericLessThanEquals: numeric((actual, expected) => actual <= expected),
  NumericGreaterThan: numeric((actual, expected) => actual > expected),
  NumericGreaterThanEquals: numeric((actual, expected) => actual >= expected),
  DateEquals: date((actual, expected) => actual === expected),
  DateNotEquals: date((actual, expected) => actual === expected, true),
  DateLessThan: date((actual, expected) => actual < expected),
  DateLessThanEquals: date((actual, expected) => actual <= expected),
  DateGreaterThan: date((actual, expected) => actual > expected),
  DateGreaterThanEquals: date((actual, expected) => actual >= expected),
  Bool: bool,
  IpAddress: ipAddress(false),
  NotIpAddress: ipAddress(true),
  ArnEquals: arnLike(false),
  ArnLike: arnLike(false),
  ArnNotEquals: arnLike(true),
  ArnNotLike: arnLike(true),
}

const OPERATOR_NAME = /^(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?$/

/** Throws `BadPattern` for an operator that does not exist and for values that it cannot compare with. */
export function compileCondition(name: string, key: string, values: readonly string[], variables: boolean): Condition {
  const [, set, base = '', ifExists] = OPERATOR_NAME.exec(name) ?? []
  if (base === 'Null' && !set && !ifExists) return nullCondition(key, values)
  if (!Object.hasOwn(OPERATORS, base)) throw new BadPattern(`${JSON.stringify(name)} is not a condition operator`)
  const { negated, compile } = OPERATORS[base] as Operator
  const compiled = values.map((value) => compile(value, variables))
  const missing = ifExists !== undefined || (set ? set === 'ForAllValues' : negated)
  // A plain negated operator means NOR over everything; with ForAnyValue one value outside the list is enough.
  const quantifier = set ? (set === 'ForAllValues' ? 'all' : 'any') : negated ? 'all' : 'any'
  const lowerKey = key.toLowerCase()
  return {
    operator: name,
    key: lowerKey,
    variables: compiled.flatMap((one) => one.variables),
    holds(context) {
      const actual = valuesOf(context, lowerKey)
      if (actual.length === 0) return missing
      const outcomes = actual.map((value) => anyTest(compiled, value, context))
      if (outcomes.includes(undefined)) return 'error'
      return quantifier === 'all' ? outcomes.every((hit) => hit !== negated) : outcomes.some((hit) => hit !== negated)
    },
  }
}

const anyTest = (compiled: readonly Compiled[], value: string, context: Context): boolean | undefined => {
  const outcomes = compiled.map(({ test }) => test(value, context))
  return outcomes.includes(undefined) ? undefined : outcomes.includes(true)
}

const valuesOf = (context: Context, key: string): readonly string[] => {
  const value = context.get(key)
  if (value === undefined) return []
  return typeof value === 'string' ? [value] : value
}

/** `{"Null": {"aws:TokenIssueTime": "true"}}` holds where the key is missing. */
function nullCondition(key: string, values: readonly string[]): Condition {
  const wanted = values.map((value) => {
    const missing = truth(value)
    if (missing === undefined) throw new BadPattern(`${JSON.stringify(value)} is neither true nor false`)
    return missing
  })
  const lowerKey = key.toLowerCase()
  return {
    operator: 'Null',
    key: lowerKey,
    variables: [],
    holds: (context) => wanted.includes(valuesOf(context, lowerKey).length === 0),
  }
}
