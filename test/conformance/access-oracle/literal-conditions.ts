import {
  all,
  any,
  arnParts,
  covers,
  coversArn,
  lookUp,
  not,
  spell,
  whether,
  type Context,
  type Verdict,
} from './literal-text.ts'

// IAM's condition operators as its reference lists them, one line each.

type Surroundings = { readonly context: Context; readonly variables: boolean }
/** `error`: the request's value is none that this operator can look at. */
type Test = (actual: string, expected: string, surroundings: Surroundings) => Verdict

const readNumber = (text: string): number | null => (/^[+-]?[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : null)

function readDate(text: string): number | null {
  // Whole seconds since 1970; thirteen digits are somebody's milliseconds.
  if (/^[0-9]{1,12}$/.test(text)) return Number(text) * 1_000
  const said = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(?:Z|([+-])(\d\d):(\d\d)))?$/.exec(text)
  if (!said) return null
  const number = (group: number) => Number(said[group] ?? 0)
  const [year, month, day, hour, minute] = [number(1), number(2), number(3), number(4), number(5)]
  const daysOfMonth = new Date(Date.UTC(year, month, 0)).getUTCDate()
  if (month < 1 || month > 12 || day < 1 || day > daysOfMonth || hour > 23 || minute > 59 || number(6) > 59) return null
  if (number(9) > 23 || number(10) > 59) return null
  const east = (said[8] === '-' ? -1 : 1) * (number(9) * 60 + number(10))
  return Date.UTC(year, month - 1, day, hour, minute - east, number(6)) + number(7) * 1_000
}

const readBoolean = (text: string): boolean | null =>
  text.toLowerCase() === 'true' ? true : text.toLowerCase() === 'false' ? false : null

type Address = { readonly bits: string }
const binary = (value: number, digits: number) => value.toString(2).padStart(digits, '0')

function readIPv4(text: string): string | null {
  const bytes = text.split('.')
  if (bytes.length !== 4 || !bytes.every((byte) => /^(0|[1-9][0-9]{0,2})$/.test(byte) && Number(byte) < 256))
    return null
  return bytes.map((byte) => binary(Number(byte), 8)).join('')
}

function readIPv6(text: string): string | null {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (dotted) {
    const bits = readIPv4(dotted[2] as string)
    if (bits === null) return null
    const [high, low] = [bits.slice(0, 16), bits.slice(16)].map((half) => Number.parseInt(half, 2).toString(16))
    return readIPv6(`${dotted[1]}${high}:${low}`)
  }
  const [left = '', right, ...more] = text.split('::')
  if (more.length > 0) return null
  const groups = (side: string) => (side === '' ? [] : side.split(':'))
  const [before, after] = [groups(left), groups(right ?? '')]
  const missing = 8 - before.length - after.length
  if (right === undefined ? missing !== 0 : missing < 1) return null
  const whole = [...before, ...Array.from({ length: missing }, () => '0'), ...after]
  if (!whole.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null
  return whole.map((group) => binary(Number.parseInt(group, 16), 16)).join('')
}

/** The bits of an address; an IPv4 address that comes in IPv6's clothes is an IPv4 address. */
function readAddress(text: string): Address | null {
  const bits = readIPv4(text) ?? readIPv6(text)
  if (bits === null) return null
  const mapped = `${'0'.repeat(80)}${'1'.repeat(16)}`
  return { bits: bits.length === 128 && bits.startsWith(mapped) ? bits.slice(96) : bits }
}

const within: Test = (actual, expected) => {
  const address = readAddress(actual)
  if (!address) return 'error'
  const [network = '', length] = expected.split('/')
  const { bits } = readAddress(network) ?? { bits: '' }
  const fixed = length === undefined ? bits.length : Number(length)
  return whether(address.bits.length === bits.length && address.bits.slice(0, fixed) === bits.slice(0, fixed))
}

const compared =
  <T extends number | boolean>(read: (text: string) => T | null, holds: (actual: T, expected: T) => boolean): Test =>
  (actual, expected) => {
    const [left, right] = [read(actual), read(expected)]
    return left === null || right === null ? 'error' : whether(holds(left, right))
  }

const spelled =
  (wildcards: boolean, fold: (text: string) => string): Test =>
  (actual, expected, { context, variables }) => {
    const letters = spell(expected, { wildcards, variables, context })
    // A variable without a value matches nothing.
    if (letters === null) return 'no'
    const folded = letters.map((letter) => (typeof letter === 'string' ? letter : { exactly: fold(letter.exactly) }))
    return whether(covers(folded, fold(actual)))
  }

const asItIs = (text: string) => text
const withoutCase = (text: string) => text.toLowerCase()

const arn: Test = (actual, expected, surroundings) =>
  whether(
    coversArn(expected, actual, surroundings) === 'yes' && (expected === '*' || arnParts(actual, false)[0] === 'arn'),
  )

const same = (actual: unknown, expected: unknown) => actual === expected
const less = (actual: number, expected: number) => actual < expected
const lessOrSame = (actual: number, expected: number) => actual <= expected
const more = (actual: number, expected: number) => actual > expected
const moreOrSame = (actual: number, expected: number) => actual >= expected

const POSITIVE: Readonly<Record<string, Test>> = {
  StringEquals: spelled(false, asItIs),
  StringEqualsIgnoreCase: spelled(false, withoutCase),
  StringLike: spelled(true, asItIs),
  NumericEquals: compared(readNumber, same),
  NumericLessThan: compared(readNumber, less),
  NumericLessThanEquals: compared(readNumber, lessOrSame),
  NumericGreaterThan: compared(readNumber, more),
  NumericGreaterThanEquals: compared(readNumber, moreOrSame),
  DateEquals: compared(readDate, same),
  DateLessThan: compared(readDate, less),
  DateLessThanEquals: compared(readDate, lessOrSame),
  DateGreaterThan: compared(readDate, more),
  DateGreaterThanEquals: compared(readDate, moreOrSame),
  Bool: compared(readBoolean, same),
  IpAddress: within,
  ArnEquals: arn,
  ArnLike: arn,
}
const NEGATIVE: Readonly<Record<string, string>> = {
  StringNotEquals: 'StringEquals',
  StringNotEqualsIgnoreCase: 'StringEqualsIgnoreCase',
  StringNotLike: 'StringLike',
  NumericNotEquals: 'NumericEquals',
  DateNotEquals: 'DateEquals',
  NotIpAddress: 'IpAddress',
  ArnNotEquals: 'ArnEquals',
  ArnNotLike: 'ArnLike',
}

/** Whether `{[operator]: {[key]: expected}}` holds. */
export function conditionHolds(
  operator: string,
  key: string,
  expected: readonly string[],
  surroundings: Surroundings,
): Verdict {
  const found = lookUp(surroundings.context, key)
  const actual = found === undefined ? [] : typeof found === 'string' ? [found] : found
  const absent = actual.length === 0
  if (operator === 'Null') return whether(expected.includes(String(absent)))

  const ifExists = operator.endsWith('IfExists')
  const quantifier = operator.includes(':') ? operator.slice(0, operator.indexOf(':')) : null
  const name = operator.slice(
    quantifier === null ? 0 : quantifier.length + 1,
    ifExists ? -'IfExists'.length : undefined,
  )
  const negated = name in NEGATIVE
  const test = POSITIVE[NEGATIVE[name] ?? name]
  if (!test) throw new Error(`${operator} is none of IAM's operators`)

  if (absent) {
    if (ifExists || quantifier === 'ForAllValues') return 'yes'
    return quantifier === 'ForAnyValue' ? 'no' : whether(negated)
  }
  const tests = actual.map((value) => expected.map((one) => test(value, one, surroundings)))
  // One value that cannot be looked at, and nobody can tell what is meant.
  if (tests.flat().includes('error')) return 'error'
  const ofEach = tests.map((met) => (negated ? not(any(met)) : any(met)))
  if (quantifier === 'ForAllValues') return all(ofEach)
  if (quantifier === 'ForAnyValue') return any(ofEach)
  // No quantifier: one of the values suffices to meet a positive operator, or to spoil a negated one.
  return negated ? all(ofEach) : any(ofEach)
}
