import { expect, it } from 'vitest'
import { trustWarningsOf, warningsOf } from './policy-warnings.ts'

const READ = 'codeartifact:ReadFromRepository'
const warnings = (...statements: readonly object[]) =>
  warningsOf(JSON.stringify({ Version: '2012-10-17', Statement: statements }))

const EVERYONE = /^statement "S" allows codeartifact:ReadFromRepository to everyone, also to who is not logged in$/
const allow = (rest: object) => ({ Sid: 'S', Effect: 'Allow', Action: READ, Resource: '*', ...rest })

it.each([
  ['*', allow({ Principal: '*' }), EVERYONE],
  ['AWS *', allow({ Principal: { AWS: '*' } }), EVERYONE],
  ['* among others', allow({ Principal: { AWS: ['111122223333', '*'] } }), EVERYONE],
  ['all but one', allow({ NotPrincipal: { AWS: '111122223333' } }), /to everyone whom it does not except/],
  [
    '* under a condition',
    allow({ Principal: '*', Condition: { IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } } }),
    /, where its conditions hold$/,
  ],
  [
    'all actions but one',
    { Effect: 'Allow', NotAction: READ, Principal: '*', Resource: '*' },
    /^statement 0 allows what it does not except to everyone/,
  ],
])('a policy that names %s is warned of', (_, statement, warning) => {
  expect(warnings(statement)).toEqual([expect.stringMatching(warning)])
})

it.each([
  ['an account', allow({ Principal: { AWS: '111122223333' } })],
  ['everyone, to deny', { ...allow({ Principal: '*' }), Effect: 'Deny' }],
  ['all but one, to deny', { ...allow({ NotPrincipal: { AWS: '111122223333' } }), Effect: 'Deny' }],
  ['all actions', allow({ Principal: { AWS: '111122223333' }, Action: '*' })],
])('a policy that names %s is not', (_, statement) => {
  expect(warnings(statement)).toEqual([])
})

it('a statement that is no list is looked at, too', () => {
  expect(warningsOf(JSON.stringify({ Version: '2012-10-17', Statement: allow({ Principal: '*' }) }))).toHaveLength(1)
})

it.each<[string, object, readonly RegExp[]]>([
  [
    'a key that may be missing',
    { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['team'] } },
    [/^statement "S" also allows where there is no aws:TagKeys \(ForAllValues:StringEquals\)/],
  ],
  [
    'a key that must be there',
    { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['team'] }, Null: { 'aws:tagkeys': 'false' } },
    [],
  ],
  ['any of several values', { 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['team'] } }, []],
])('P-67 a condition on all values: %s', (_, Condition, expected) => {
  const statement = allow({ Condition })
  expect(warnings(statement)).toEqual(expected.map((one) => expect.stringMatching(one)))
  expect(warnings({ ...statement, Effect: 'Deny' })).toEqual([])
})

it.each<[string, object, readonly RegExp[]]>([
  [
    'everyone',
    { Principal: '*' },
    [/^statement "S" lets everyone of its account assume .* whose own policies allow it$/],
  ],
  [
    'everyone under a condition',
    { Principal: { AWS: '*' }, Condition: { StringEquals: { 'sts:ExternalId': 'x' } } },
    [/, where its conditions hold$/],
  ],
  ['an account', { Principal: { AWS: '111122223333' } }, []],
  ['everyone, to deny', { Principal: '*', Effect: 'Deny' }, []],
])('a role that trusts %s', (_, more, expected) => {
  const trust = { Version: '2012-10-17', Statement: { Sid: 'S', Effect: 'Allow', Action: 'sts:AssumeRole', ...more } }
  expect(trustWarningsOf(JSON.stringify(trust))).toEqual(expected.map((one) => expect.stringMatching(one)))
})
