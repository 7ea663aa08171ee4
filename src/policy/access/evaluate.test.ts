import { describe, expect, it } from 'vitest'
import { evaluate, type AccessRequest, type NamedPolicy } from './evaluate.ts'
import { parsePolicy } from './parse.ts'
import type { PolicyKind } from './policy.ts'
import { ADMINISTRATOR, PUBLISHER, READER } from './presets.ts'

const BOB = { arn: 'arn:aws:iam::111122223333:user/bob', account: '111122223333' }
const REPOSITORY = 'arn:aws:codeartifact:us-east-1:111122223333:repository/local/main'
const READ = 'codeartifact:ReadFromRepository'

const named = (name: string, text: string, kind: PolicyKind): NamedPolicy => {
  const { policy, problems } = parsePolicy(text, kind)
  if (!policy) throw new Error(`${name}: ${JSON.stringify(problems)}`)
  return { name, policy }
}
const policy = (name: string, kind: PolicyKind, ...statements: object[]) =>
  named(name, JSON.stringify({ Version: '2012-10-17', Statement: statements }), kind)
const identity = (...statements: object[]) => policy('mine', 'identity', ...statements)
const resource = (...statements: object[]) => policy('theirs', 'resource', ...statements)

const request = (more: Partial<AccessRequest> = {}): AccessRequest => ({
  principal: BOB,
  action: READ,
  resource: REPOSITORY,
  context: { 'aws:username': 'bob' },
  ...more,
})
const allow = { Effect: 'Allow', Action: '*', Resource: '*' }
const deny = { Effect: 'Deny', Action: '*', Resource: '*' }
const toBob = { ...allow, Principal: { AWS: BOB.arn } }

describe('one identity policy', () => {
  it.each<[string, object, Partial<AccessRequest>, boolean]>([
    ['everything', allow, {}, true],
    ['an action in another case', { ...allow, Action: 'CODEARTIFACT:readfromrepository' }, {}, true],
    ['an action with wildcards', { ...allow, Action: ['s3:*', 'codeartifact:Read?rom*'] }, {}, true],
    ['another action', { ...allow, Action: 'codeartifact:List*' }, {}, false],
    ['an action prefix is not enough', { ...allow, Action: 'codeartifact:Read' }, {}, false],
    ['NotAction that names another', { Effect: 'Allow', NotAction: 'codeartifact:List*', Resource: '*' }, {}, true],
    ['NotAction that names it', { Effect: 'Allow', NotAction: 'codeartifact:Read*', Resource: '*' }, {}, false],
    ['the resource', { ...allow, Resource: REPOSITORY }, {}, true],
    ['a resource in another case', { ...allow, Resource: REPOSITORY.replace('main', 'Main') }, {}, false],
    ['another resource', { ...allow, Resource: `${REPOSITORY}2` }, {}, false],
    ['NotResource that names another', { Effect: 'Allow', Action: '*', NotResource: `${REPOSITORY}2` }, {}, true],
    ['NotResource that names it', { Effect: 'Allow', Action: '*', NotResource: [REPOSITORY] }, {}, false],
    [
      'an ARN where the request is about no one thing',
      { ...allow, Resource: 'arn:aws:codeartifact:*:*:*' },
      { resource: '*' },
      false,
    ],
    [
      'a variable that fits',
      { ...allow, Resource: 'arn:aws:codeartifact:*:*:repository/local/${aws:username}' },
      { resource: REPOSITORY.replace('main', 'bob') },
      true,
    ],
    [
      'a variable that does not',
      { ...allow, Resource: 'arn:aws:codeartifact:*:*:repository/local/${aws:username}' },
      {},
      false,
    ],
    [
      'a variable that nobody knows',
      { ...allow, Resource: 'arn:aws:codeartifact:*:*:repository/${aws:tag}*' },
      {},
      false,
    ],
    [
      'NotResource with a variable that nobody knows',
      { Effect: 'Allow', Action: '*', NotResource: 'arn:aws:s3:::${aws:tag}' },
      {},
      false,
    ],
    ['a condition that holds', { ...allow, Condition: { StringEquals: { 'AWS:UserName': 'bob' } } }, {}, true],
    ['a condition that fails', { ...allow, Condition: { StringEquals: { 'aws:username': 'eve' } } }, {}, false],
    [
      'two operators, one failing',
      { ...allow, Condition: { StringEquals: { 'aws:username': 'bob' }, Null: { 'aws:username': 'true' } } },
      {},
      false,
    ],
    [
      'two keys, one failing',
      { ...allow, Condition: { StringEquals: { 'aws:username': 'bob', 'aws:other': 'x' } } },
      {},
      false,
    ],
    [
      'a condition that cannot be evaluated',
      { ...allow, Condition: { NumericLessThan: { 'aws:username': 5 } } },
      {},
      false,
    ],
    ['nobody logged in', allow, { principal: null }, false],
  ])('%s', (_, statement, more, allowed) => {
    const decision = evaluate({
      identityPolicies: [identity(statement)],
      resourcePolicies: [],
      sameAccount: true,
      request: request(more),
    })
    expect(decision.allowed).toBe(allowed)
  })
})

describe('one resource policy in the same account', () => {
  it.each<[string, object, AccessRequest['principal'], boolean]>([
    ['everyone', { Principal: '*' }, BOB, true],
    ['everyone, nobody logged in', { Principal: '*' }, null, true],
    ['the account', { Principal: { AWS: '111122223333' } }, BOB, true],
    ['the account by ARN', { Principal: { AWS: 'arn:aws:iam::111122223333:root' } }, BOB, true],
    ['the account, nobody logged in', { Principal: { AWS: '111122223333' } }, null, false],
    ['another account', { Principal: { AWS: '444455556666' } }, BOB, false],
    ['the user', { Principal: { AWS: ['444455556666', BOB.arn] } }, BOB, true],
    ['the user in another case', { Principal: { AWS: BOB.arn.replace('bob', 'Bob') } }, BOB, false],
    ['everyone but the user', { NotPrincipal: { AWS: BOB.arn } }, BOB, false],
    ['everyone but another', { NotPrincipal: { AWS: '444455556666' } }, BOB, true],
  ])('%s', (_, principals, principal, allowed) => {
    const policies = [resource({ ...allow, ...principals })]
    const decision = evaluate({
      identityPolicies: [],
      resourcePolicies: policies,
      sameAccount: true,
      request: request({ principal }),
    })
    expect(decision.allowed).toBe(allowed)
  })
})

describe('both sides', () => {
  const no = identity({ ...allow, Action: 's3:*' })
  it.each<[string, NamedPolicy[], NamedPolicy[], boolean, boolean]>([
    ['same account: nothing', [], [], true, false],
    ['same account: identity only', [identity(allow)], [], true, true],
    ['same account: resource only', [no], [resource(toBob)], true, true],
    ['other account: identity only', [identity(allow)], [], false, false],
    ['other account: resource only', [no], [resource(toBob)], false, false],
    ['other account: both', [identity(allow)], [resource(toBob)], false, true],
    [
      'other account: both, in several policies',
      [no, identity(allow)],
      [resource({ ...toBob, Action: 's3:*' }), resource(toBob)],
      false,
      true,
    ],
    ['identity denies', [identity(allow, deny)], [resource(toBob)], true, false],
    ['resource denies', [identity(allow)], [resource(toBob, { ...deny, Principal: '*' })], true, false],
    ['other account: identity denies', [identity(allow), identity(deny)], [resource(toBob)], false, false],
    [
      'other account: resource denies somebody else',
      [identity(allow)],
      [resource(toBob, { ...deny, Principal: { AWS: '444455556666' } })],
      false,
      true,
    ],
    [
      'a deny that cannot be evaluated denies',
      [identity(allow, { ...deny, Condition: { Bool: { 'aws:username': true } } })],
      [],
      true,
      false,
    ],
  ])('%s', (_, identityPolicies, resourcePolicies, sameAccount, allowed) => {
    expect(evaluate({ identityPolicies, resourcePolicies, sameAccount, request: request() }).allowed).toBe(allowed)
  })
})

describe('explanations', () => {
  const decide = (
    identityPolicies: NamedPolicy[],
    resourcePolicies: NamedPolicy[] = [],
    sameAccount = true,
    more = {},
  ) => evaluate({ identityPolicies, resourcePolicies, sameAccount, request: request(more) })

  it('names the statement that allowed', () => {
    expect(decide([identity({ ...allow, Action: 's3:*' }, { ...allow, Sid: 'All' })])).toEqual({
      allowed: true,
      reason: 'the identity-based policy "mine" (statement "All") allows it',
      by: { policy: 'mine', statement: 'All', effect: 'Allow' },
      errors: [],
    })
  })
  it('names the statement that denied', () => {
    expect(decide([identity(allow)], [resource(toBob, { ...deny, Principal: '*' })])).toEqual({
      allowed: false,
      reason: 'the resource-based policy "theirs" (statement 1) explicitly denies it',
      by: { policy: 'theirs', statement: 1, effect: 'Deny' },
      errors: [],
    })
  })
  it.each([
    ['nothing', decide([]), 'no identity-based policy allows it'],
    ['between accounts, nothing', decide([], [], false), 'no identity-based policy allows it'],
    [
      'between accounts, the owner',
      decide([identity(allow)], [], false),
      'no resource-based policy of the owning account allows it',
    ],
    ['nobody', decide([], [], false, { principal: null }), 'no resource-based policy allows it to everyone'],
  ])('says what is missing: %s', (_, decision, reason) => {
    expect(decision).toMatchObject({ allowed: false, reason, by: null })
  })
  it('tells which statements could not be evaluated', () => {
    const decision = decide([
      identity(allow, { ...allow, Sid: 'Odd', Condition: { NumericLessThan: { 'aws:username': 5 } } }),
    ])
    expect(decision).toMatchObject({ allowed: true, errors: [{ policy: 'mine', statement: 'Odd', effect: 'Allow' }] })
  })
})

describe('presets', () => {
  it.each<[string, string, boolean, boolean, boolean]>([
    ['codeartifact:ReadFromRepository', 'read', true, true, true],
    ['codeartifact:GetAuthorizationToken', 'read', true, true, true],
    ['sts:GetServiceBearerToken', 'read', true, true, true],
    ['codeartifact:PublishPackageVersion', 'publish', false, true, true],
    ['codeartifact:PutPackageMetadata', 'publish', false, true, true],
    ['codeartifact:DeletePackage', 'administer', false, false, true],
    ['codeartifact:PutPackageOriginConfiguration', 'administer', false, false, true],
    ['granary:CreateUser', 'administer', false, false, true],
  ])('%s (%s)', (action, _, reader, publisher, administrator) => {
    const allowed = (text: string) =>
      evaluate({
        identityPolicies: [named('preset', text, 'identity')],
        resourcePolicies: [],
        sameAccount: true,
        request: request({ action, resource: action.startsWith('codeartifact:') ? REPOSITORY : '*' }),
      }).allowed
    expect([allowed(READER), allowed(PUBLISHER), allowed(ADMINISTRATOR)]).toEqual([reader, publisher, administrator])
  })
})
