import { expect, it } from 'vitest'
import { compileCondition } from './condition.ts'
import { BadPattern } from './match.ts'

type Value = string | readonly string[] | undefined

const outcome = (operator: string, expected: readonly string[], actual: Value, more: Record<string, string> = {}) => {
  const context = new Map<string, string | readonly string[]>(Object.entries(more))
  if (actual !== undefined) context.set('test:key', actual)
  return compileCondition(operator, 'Test:Key', expected, true).holds(context)
}

it.each<[string, string[], Value, boolean | 'error']>([
  ['StringEquals', ['a', 'b'], 'b', true],
  ['StringEquals', ['a'], 'A', false],
  ['StringEquals', ['a*'], 'ab', false],
  ['StringEquals', ['a'], undefined, false],
  ['StringEqualsIfExists', ['a'], undefined, true],
  ['StringEqualsIfExists', ['a'], 'b', false],
  ['StringNotEquals', ['a', 'b'], 'b', false],
  ['StringNotEquals', ['a', 'b'], 'c', true],
  ['StringNotEquals', ['a'], undefined, true],
  ['StringEqualsIgnoreCase', ['Abc'], 'aBC', true],
  ['StringEqualsIgnoreCase', ['${aws:username}'], 'BOB', true],
  ['StringNotEqualsIgnoreCase', ['Abc'], 'aBC', false],
  ['StringLike', ['a*c'], 'abc', true],
  ['StringLike', ['a*c'], 'abd', false],
  ['StringNotLike', ['a*c'], 'abc', false],
  ['StringNotLike', ['a*c'], undefined, true],
  ['StringEquals', ['${aws:username}'], 'bob', true],
  ['StringEquals', ['${aws:nothing}'], 'bob', false],
  ['StringNotEquals', ['${aws:nothing}'], 'bob', true],
  ['NumericEquals', ['10'], '10.0', true],
  ['NumericNotEquals', ['10'], '11', true],
  ['NumericNotEquals', ['10'], '10', false],
  ['NumericLessThan', ['900'], '899', true],
  ['NumericLessThan', ['900'], '900', false],
  ['NumericLessThanEquals', ['900'], '900', true],
  ['NumericGreaterThan', ['900'], '1000', true],
  ['NumericGreaterThanEquals', ['900'], '900', true],
  ['NumericLessThan', ['900'], undefined, false],
  ['NumericLessThan', ['900'], 'many', 'error'],
  ['NumericNotEquals', ['900'], 'many', 'error'],
  ['NumericLessThanIfExists', ['900'], undefined, true],
  ['DateLessThan', ['2026-06-01T00:00:00Z'], '2026-05-31T23:59:59Z', true],
  ['DateGreaterThan', ['2026-06-01'], '2026-05-31T23:59:59Z', false],
  ['DateEquals', ['2026-06-01T02:00:00+02:00'], '2026-06-01T00:00:00Z', true],
  ['DateEquals', ['1780272000'], '2026-06-01T00:00:00Z', true],
  ['DateNotEquals', ['1780272000'], '2026-06-01T00:00:00Z', false],
  ['DateLessThanEquals', ['2026-06-01T00:00:00Z'], '1780272000', true],
  ['DateGreaterThanEquals', ['2026-06-01T00:00:00Z'], '1780272001', true],
  ['DateLessThan', ['2026-06-01T00:00:00Z'], 'soon', 'error'],
  ['DateLessThan', ['2026-06-01T00:00:00Z'], '2026-02-30', 'error'],
  ['DateLessThan', ['2026-06-01T00:00:00Z'], '2026-02-28T24:00:00Z', 'error'],
  ['DateEquals', ['2024-02-29'], '2024-02-29T00:00:00Z', true],
  ['Bool', ['true'], 'true', true],
  ['Bool', ['true'], 'FALSE', false],
  ['Bool', ['true'], undefined, false],
  ['Bool', ['true'], 'yes', 'error'],
  ['BoolIfExists', ['true'], undefined, true],
  ['IpAddress', ['203.0.113.0/24'], '203.0.113.7', true],
  ['IpAddress', ['203.0.113.0/24'], '203.0.114.7', false],
  ['IpAddress', ['203.0.113.7'], '203.0.113.7', true],
  ['IpAddress', ['203.0.113.0/24'], '::ffff:203.0.113.7', true],
  ['IpAddress', ['2001:db8::/32'], '2001:db8::1', true],
  ['IpAddress', ['2001:db8::/32', '203.0.113.0/24'], '203.0.113.1', true],
  ['IpAddress', ['0.0.0.0/0'], '2001:db8::1', false],
  ['IpAddress', ['203.0.113.0/24'], 'somewhere', 'error'],
  // Ways to write an address that different readers read differently.
  ['IpAddress', ['0.0.0.0/0'], '203.0.113', 'error'],
  ['IpAddress', ['0.0.0.0/0'], '010.0.0.1', 'error'],
  ['NotIpAddress', ['203.0.113.0/24'], '0xcb.0.113.7', 'error'],
  ['IpAddress', ['fe80::/10'], 'fe80::1%eth0', 'error'],
  ['IpAddress', ['203.0.113.0/24'], '::203.0.113.7', 'error'],
  ['IpAddress', ['::ffff:203.0.113.7'], '203.0.113.7', true],
  ['NotIpAddress', ['203.0.113.0/24'], '203.0.113.7', false],
  ['NotIpAddress', ['203.0.113.0/24'], '198.51.100.1', true],
  ['ArnEquals', ['arn:aws:iam::*:user/b*'], 'arn:aws:iam::111122223333:user/bob', true],
  ['ArnLike', ['arn:aws:iam::111122223333:user/${aws:username}'], 'arn:aws:iam::111122223333:user/bob', true],
  ['ArnNotEquals', ['arn:aws:iam::*:user/b*'], 'arn:aws:iam::111122223333:user/bob', false],
  ['ArnNotLike', ['arn:aws:iam::*:user/b*'], 'arn:aws:iam::111122223333:user/eve', true],
  ['ArnLike', ['arn:aws:iam::*:user/b*'], 'bob', false],
  ['Null', ['true'], undefined, true],
  ['Null', ['true'], 'x', false],
  ['Null', ['false'], 'x', true],
  ['Null', ['false'], [], false],
  ['ForAllValues:StringEquals', ['a', 'b'], ['a', 'b', 'a'], true],
  ['ForAllValues:StringEquals', ['a', 'b'], ['a', 'c'], false],
  ['ForAllValues:StringEquals', ['a'], undefined, true],
  ['ForAllValues:StringEquals', ['a'], [], true],
  ['ForAnyValue:StringEquals', ['a'], ['b', 'a'], true],
  ['ForAnyValue:StringEquals', ['a'], ['b'], false],
  ['ForAnyValue:StringEquals', ['a'], undefined, false],
  ['ForAnyValue:StringEqualsIfExists', ['a'], undefined, true],
  ['ForAllValues:StringNotEquals', ['a'], ['b', 'c'], true],
  ['ForAllValues:StringNotEquals', ['a'], ['b', 'a'], false],
  ['ForAnyValue:StringNotEquals', ['a'], ['b', 'a'], true],
  ['ForAnyValue:StringNotEquals', ['a'], ['a'], false],
  ['ForAnyValue:StringNotEquals', ['a'], undefined, false],
  // Several values without a set operator: any of them for a positive operator, none of them for a negated one.
  ['StringEquals', ['a'], ['b', 'a'], true],
  ['StringNotEquals', ['a'], ['b', 'a'], false],
])('%s %j on %j is %j', (operator, expected, actual, holds) => {
  expect(outcome(operator, expected, actual, { 'aws:username': 'bob' })).toBe(holds)
})

it.each([
  ['StringMatches', 'a'],
  ['stringequals', 'a'],
  ['ForSomeValues:StringEquals', 'a'],
  ['NullIfExists', 'true'],
  ['ForAllValues:Null', 'true'],
  ['constructor', 'a'],
  ['', 'a'],
  ['Null', 'maybe'],
  ['Bool', '1'],
  ['NumericEquals', 'ten'],
  ['NumericEquals', '${aws:username}'],
  ['DateEquals', 'tomorrow'],
  ['DateEquals', '2026-02-30'],
  ['DateEquals', '2026-13-01'],
  ['IpAddress', '10/8'],
  ['IpAddress', '010.0.0.0/8'],
  ['IpAddress', '203.0.113.0/24/24'],
  ['IpAddress', '203.0.113.0/33'],
  ['IpAddress', '::ffff:203.0.113.0/120'],
  ['IpAddress', '::ffff:0:0/96'],
  ['IpAddress', '::203.0.113.7'],
  ['IpAddress', 'example'],
  ['ArnLike', 'bob'],
  ['StringEquals', '${aws:username'],
])('refuses %s with %j', (operator, value) => {
  expect(() => compileCondition(operator, 'test:key', [value], true)).toThrow(BadPattern)
})

it('takes variables for plain text where the version does not know them', () => {
  const condition = compileCondition('StringEquals', 'k:k', ['${aws:username}'], false)
  expect(
    condition.holds(
      new Map([
        ['k:k', '${aws:username}'],
        ['aws:username', 'bob'],
      ]),
    ),
  ).toBe(true)
  expect(
    condition.holds(
      new Map([
        ['k:k', 'bob'],
        ['aws:username', 'bob'],
      ]),
    ),
  ).toBe(false)
})
