import { expect, it } from 'vitest'
import { evaluate } from './evaluate.ts'
import { parsePolicy } from './parse.ts'

// Policies are written by whoever owns an account, and asked at everybody's requests: the worst of them must cost little.

const NAME = 'a'.repeat(400)
const RESOURCE = `arn:aws:codeartifact:us-east-1:111122223333:package/local/main/npm//${NAME}`
const ANY_PACKAGE = 'arn:aws:codeartifact:*:*:package/'

/** As many statements as fit. */
const filled = (statement: (pattern: string) => object, pattern: string, limit = 10_240) => {
  const text = (patterns: readonly string[]) =>
    JSON.stringify({ Version: '2012-10-17', Statement: patterns.map((one) => statement(one)) })
  const each = text([pattern, pattern]).length - text([pattern]).length
  const count = Math.floor((limit - text([]).length) / each)
  return text(Array.from({ length: count }, () => pattern))
}
const ofResource = (pattern: string) => ({ Effect: 'Deny', Action: '*', Resource: `${ANY_PACKAGE}${pattern}` })
const ofCondition = (pattern: string) => ({
  Effect: 'Deny',
  Action: '*',
  Resource: '*',
  Condition: { StringLike: { 'sts:ExternalId': pattern } },
})

it.each<[string, (pattern: string) => object, string]>([
  ['thousands of stars', ofResource, '*'.repeat(9_000)],
  ['thousands of stars between letters', ofResource, `${'*a'.repeat(4_500)}b`],
  ['as many stars between letters as the name is long', ofResource, `${'*a'.repeat(390)}b`],
  ['a long tail after a star', ofResource, `*${'a'.repeat(200)}b`],
  ['question marks after a star', ofResource, `*${'?'.repeat(200)}b`],
  ['stars and question marks', ofResource, `${'*?'.repeat(390)}b`],
  ['many short patterns', ofResource, '*a*b'],
  ['variables that stand for much', ofResource, '${sts:externalid}'.repeat(500)],
  ['a long tail in a condition', ofCondition, `*${'a'.repeat(600)}b`],
])('a policy with %s is asked in a moment', (_, statement, pattern) => {
  const { policy, problems } = parsePolicy(filled(statement, pattern), 'identity')
  if (!policy) throw new Error(JSON.stringify(problems))
  expect(policy.statements.length).toBeGreaterThan(0)
  const started = performance.now()
  const { allowed } = evaluate({
    identityPolicies: [{ name: 'costly', policy }],
    sessionPolicies: [],
    resourcePolicies: [],
    sameAccount: true,
    request: {
      principal: { arn: 'arn:aws:iam::111122223333:user/bob', account: '111122223333', id: 'AIDABOB', role: null },
      action: 'codeartifact:PublishPackageVersion',
      resource: RESOURCE,
      context: { 'sts:ExternalId': 'a'.repeat(1_224) },
    },
  })
  const took = performance.now() - started
  expect(allowed).toBe(false)
  // About 20 ms at the most on an idle machine.
  expect(took).toBeLessThan(500)
})

it.each([
  ['line breaks', `{"Version": "2012-10-17", "Statement": [${'\n'.repeat(5_000)}${'[],'.repeat(1_500)}[]]}`],
  ['actions', JSON.stringify({ Version: '2012-10-17', Statement: { Action: Array(2_000).fill('*') } })],
])('a document full of %s is read in a moment', (_, text) => {
  const started = performance.now()
  expect(parsePolicy(text, 'identity').problems?.length).toBeGreaterThan(0)
  expect(performance.now() - started).toBeLessThan(500)
})
