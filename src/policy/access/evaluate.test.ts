import { describe, expect, it } from 'vitest'
import { evaluate, type AccessRequest, type Evaluation, type NamedPolicy, type Principal } from './evaluate.ts'
import { parsePolicy } from './parse.ts'
import type { PolicyKind } from './policy.ts'
import { ADMINISTRATOR, PUBLISHER, READER } from './presets.ts'

const ACCOUNT = '111122223333'
const OTHER = '444455556666'
const BOB: Principal = { arn: `arn:aws:iam::${ACCOUNT}:user/bob`, account: ACCOUNT, id: 'AIDABOB', role: null }
const ROLE = `arn:aws:iam::${ACCOUNT}:role/build`
const SESSION: Principal = {
  arn: `arn:aws:sts::${ACCOUNT}:assumed-role/build/run-7`,
  account: ACCOUNT,
  id: 'AROABUILD',
  role: ROLE,
}
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
const to = (...arns: string[]) => ({ ...allow, Principal: { AWS: arns } })
const toBob = to(BOB.arn)
const toEveryone = { ...allow, Principal: '*' }

/** An evaluation of what is given, in one account and without policies where nothing is. */
const decide = ({ principal = BOB, ...more }: Partial<Evaluation> & { principal?: Principal | null } = {}) =>
  evaluate({
    identityPolicies: [],
    sessionPolicies: [],
    resourcePolicies: [],
    sameAccount: true,
    request: request({ principal }),
    ...more,
  })

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
    expect(decide({ identityPolicies: [identity(statement)], request: request(more) }).allowed).toBe(allowed)
  })
})

describe('one resource policy in the same account', () => {
  it.each<[string, object, AccessRequest['principal'], boolean]>([
    ['everyone', { Principal: '*' }, BOB, true],
    ['everyone, nobody logged in', { Principal: '*' }, null, true],
    ['the account, which only hands it on', { Principal: { AWS: ACCOUNT } }, BOB, false],
    ['the account by ARN', { Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` } }, BOB, false],
    ['the account and the user', { Principal: { AWS: [ACCOUNT, BOB.arn] } }, BOB, true],
    ['the account, nobody logged in', { Principal: { AWS: '111122223333' } }, null, false],
    ['another account', { Principal: { AWS: '444455556666' } }, BOB, false],
    ['the user', { Principal: { AWS: ['444455556666', BOB.arn] } }, BOB, true],
    ['the user in another case', { Principal: { AWS: BOB.arn.replace('bob', 'Bob') } }, BOB, false],
    ['everyone but the user', { NotPrincipal: { AWS: BOB.arn } }, BOB, false],
    ['everyone but another', { NotPrincipal: { AWS: '444455556666' } }, BOB, true],
    ['everyone but the account', { NotPrincipal: { AWS: ACCOUNT } }, BOB, false],
    ['everyone but the user, nobody logged in', { NotPrincipal: { AWS: BOB.arn } }, null, true],
    ['everyone but everyone', { NotPrincipal: '*' }, BOB, false],
    ['everyone but everyone, nobody logged in', { NotPrincipal: '*' }, null, false],
    ['the session', { Principal: { AWS: SESSION.arn } }, SESSION, true],
    ['another session', { Principal: { AWS: SESSION.arn.replace('-7', '-8') } }, SESSION, false],
    ['the role', { Principal: { AWS: ROLE } }, SESSION, true],
    ['a role whose name begins the same', { Principal: { AWS: ROLE.replace('build', 'buil') } }, SESSION, false],
    ['everyone but the role', { NotPrincipal: { AWS: ROLE } }, SESSION, false],
    ['everyone but the session', { NotPrincipal: { AWS: SESSION.arn } }, SESSION, false],
    ['a user of the name of the role', { Principal: { AWS: ROLE.replace('role', 'user') } }, SESSION, false],
  ])('%s', (_, principals, principal, allowed) => {
    expect(decide({ resourcePolicies: [resource({ ...allow, ...principals })], principal }).allowed).toBe(allowed)
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
    expect(decide({ identityPolicies, resourcePolicies, sameAccount }).allowed).toBe(allowed)
  })
})

describe('an explicit deny in a resource policy', () => {
  it.each<[string, object, Principal | null, boolean]>([
    ['of the user', { Principal: { AWS: BOB.arn } }, BOB, true],
    ['of the account', { Principal: { AWS: ACCOUNT } }, BOB, true],
    ['of the account, for a session', { Principal: { AWS: ACCOUNT } }, SESSION, true],
    ['of the role', { Principal: { AWS: ROLE } }, SESSION, true],
    ['of the session', { Principal: { AWS: SESSION.arn } }, SESSION, true],
    ['of another session', { Principal: { AWS: `${SESSION.arn}7` } }, SESSION, false],
    ['of everyone', { Principal: '*' }, null, true],
    ['of the account, nobody logged in', { Principal: { AWS: ACCOUNT } }, null, false],
    // IAM asks of the account, then of the role, then of the session.
    ['of all but the user, the account not listed', { NotPrincipal: { AWS: BOB.arn } }, BOB, true],
    ['of all but the user and the account', { NotPrincipal: { AWS: [BOB.arn, ACCOUNT] } }, BOB, false],
    ['of all but the account', { NotPrincipal: { AWS: ACCOUNT } }, BOB, true],
    ['of all but the session and the account', { NotPrincipal: { AWS: [SESSION.arn, ACCOUNT] } }, SESSION, true],
    ['of all but the role and the account', { NotPrincipal: { AWS: [ROLE, ACCOUNT] } }, SESSION, true],
    [
      'of all but the session, its role and the account',
      { NotPrincipal: { AWS: [SESSION.arn, ROLE, ACCOUNT] } },
      SESSION,
      false,
    ],
    ['of all but everyone', { NotPrincipal: '*' }, BOB, false],
    ['of all but the user, nobody logged in', { NotPrincipal: { AWS: [BOB.arn, ACCOUNT] } }, null, true],
  ])('%s', (_, principals, principal, denied) => {
    const policies = { identityPolicies: [identity(allow)], resourcePolicies: [resource(toEveryone)] }
    expect(decide({ ...policies, principal }).allowed).toBe(true)
    const resourcePolicies = [resource(toEveryone, { ...deny, ...principals })]
    expect(decide({ ...policies, resourcePolicies, principal }).allowed).toBe(!denied)
  })
})

describe('principals pinned to unique ids', () => {
  const pinned = (pins: Record<string, string>, ...statements: object[]) => [{ ...resource(...statements), pins }]
  it.each<[string, NamedPolicy[], Principal, boolean]>([
    ['the same user', pinned({ [BOB.arn]: 'AIDABOB' }, toBob), BOB, true],
    ['a user made anew', pinned({ [BOB.arn]: 'AIDAOLD' }, toBob), BOB, false],
    ['nobody was pinned', pinned({}, toBob), BOB, true],
    ['another was pinned', pinned({ [ROLE]: 'AROAOLD' }, toBob), BOB, true],
    ['the same role', pinned({ [ROLE]: 'AROABUILD' }, to(ROLE)), SESSION, true],
    ['a role made anew', pinned({ [ROLE]: 'AROAOLD' }, to(ROLE)), SESSION, false],
    ['a session of the same role', pinned({ [SESSION.arn]: 'AROABUILD' }, to(SESSION.arn)), SESSION, true],
    ['a session of a role made anew', pinned({ [SESSION.arn]: 'AROAOLD' }, to(SESSION.arn)), SESSION, false],
    [
      'the role made anew, named also by the session',
      pinned({ [ROLE]: 'AROAOLD' }, to(ROLE, SESSION.arn)),
      SESSION,
      true,
    ],
    [
      'a deny of one who is gone',
      pinned({ [BOB.arn]: 'AIDAOLD' }, toEveryone, { ...toBob, Effect: 'Deny' }),
      BOB,
      true,
    ],
    [
      'a deny of all but one who is gone',
      pinned({ [BOB.arn]: 'AIDAOLD' }, toEveryone, { ...deny, NotPrincipal: { AWS: [BOB.arn, ACCOUNT] } }),
      BOB,
      false,
    ],
  ])('%s', (_, resourcePolicies, principal, allowed) => {
    expect(decide({ resourcePolicies, principal }).allowed).toBe(allowed)
  })
})

describe('a session policy', () => {
  const all = policy('session', 'session', allow)
  const other = policy('session', 'session', { ...allow, Action: 's3:*' })
  const none: NamedPolicy[] = []
  it.each<[string, NamedPolicy[], NamedPolicy[], NamedPolicy[], boolean, boolean]>([
    ['gives nothing', none, [all], none, true, false],
    ['leaves what it allows', [identity(allow)], [all], none, true, true],
    ['takes what it does not allow', [identity(allow)], [other], none, true, false],
    ['there are two, one allows', [identity(allow)], [other, all], none, true, true],
    [
      'denies',
      [identity(allow)],
      [policy('session', 'session', allow, deny)],
      [resource(to(SESSION.arn))],
      true,
      false,
    ],
    ['does not limit what the session itself was given', none, [other], [resource(to(SESSION.arn))], true, true],
    ['limits what the role was given', none, [other], [resource(to(ROLE))], true, false],
    ['leaves what the role was given', none, [all], [resource(to(ROLE))], true, true],
    ['limits what everyone was given', none, [other], [resource(toEveryone)], true, false],
    ['leaves what everyone was given', none, [all], [resource(toEveryone)], true, true],
    [
      'limits what all but another were given',
      none,
      [other],
      [resource({ ...allow, NotPrincipal: { AWS: OTHER } })],
      true,
      false,
    ],
    ['does not make the account share out', none, [all], [resource(to(ACCOUNT))], true, false],
    ['between accounts limits its own side', [identity(allow)], [other], [resource(to(SESSION.arn))], false, false],
    ['between accounts leaves its own side', [identity(allow)], [all], [resource(to(ROLE))], false, true],
    ['between accounts does not do for its own side', none, [all], [resource(to(SESSION.arn))], false, false],
  ])('%s', (_, identityPolicies, sessionPolicies, resourcePolicies, sameAccount, allowed) => {
    const policies = { identityPolicies, sessionPolicies, resourcePolicies }
    expect(decide({ ...policies, sameAccount, principal: SESSION }).allowed).toBe(allowed)
  })
})

// P-62
describe('between accounts', () => {
  it.each<[string, object, Principal, boolean]>([
    ['the account', to(ACCOUNT), BOB, true],
    ['the user', toBob, BOB, true],
    ['everyone', toEveryone, BOB, true],
    ['another account', to(OTHER), BOB, false],
    ['the role', to(ROLE), SESSION, true],
    ['the session', to(SESSION.arn), SESSION, true],
    ['the account, for a session', to(ACCOUNT), SESSION, true],
    ['all but another', { ...allow, NotPrincipal: { AWS: OTHER } }, BOB, true],
  ])('the owner gives it to %s', (_, statement, principal, allowed) => {
    const resourcePolicies = [resource(statement)]
    const sides = { sameAccount: false, principal }
    expect(decide({ ...sides, resourcePolicies, identityPolicies: [identity(allow)] }).allowed).toBe(allowed)
    expect(decide({ ...sides, resourcePolicies }).allowed).toBe(false)
    expect(decide({ ...sides, identityPolicies: [identity(allow)] }).allowed).toBe(false)
  })
})

describe('a trust policy', () => {
  const assume = { Effect: 'Allow', Action: 'sts:AssumeRole' }
  const trust = (principal: unknown, more: object = {}) =>
    policy('build', 'trust', { ...assume, Principal: principal, ...more })
  const mayAssume = [identity({ ...assume, Resource: ROLE })]
  const none: NamedPolicy[] = []
  it.each<[string, NamedPolicy[], NamedPolicy[], Principal | null, boolean, boolean]>([
    ['identity alone', mayAssume, none, BOB, true, false],
    ['names the user', none, [trust({ AWS: BOB.arn })], BOB, true, true],
    ['names somebody else', mayAssume, [trust({ AWS: `${BOB.arn}by` })], BOB, true, false],
    ['names the account alone', none, [trust({ AWS: ACCOUNT })], BOB, true, false],
    ['names the account, which shares it out', mayAssume, [trust({ AWS: ACCOUNT })], BOB, true, true],
    ['names everyone', none, [trust('*')], BOB, true, true],
    ['names the role of a session', none, [trust({ AWS: ROLE })], SESSION, true, true],
    ['names everyone, nobody logged in', none, [trust('*')], null, true, false],
    ['names everyone, nobody logged in, elsewhere', none, [trust('*')], null, false, false],
    ['names the user, who is denied', [identity(deny)], [trust({ AWS: BOB.arn })], BOB, true, false],
    ['denies the user', mayAssume, [trust({ AWS: ACCOUNT }), trust('*', { Effect: 'Deny' })], BOB, true, false],
    ['is about another action', mayAssume, [trust({ AWS: BOB.arn }, { Action: 'sts:TagSession' })], BOB, true, false],
    [
      'has a condition that fails',
      mayAssume,
      [trust({ AWS: BOB.arn }, { Condition: { StringEquals: { 'sts:ExternalId': 'x' } } })],
      BOB,
      true,
      false,
    ],
    ['elsewhere: identity alone', mayAssume, none, BOB, false, false],
    ['elsewhere: trust alone', none, [trust({ AWS: BOB.arn })], BOB, false, false],
    ['elsewhere: both', mayAssume, [trust({ AWS: BOB.arn })], BOB, false, true],
    ['elsewhere: both, by the account', mayAssume, [trust({ AWS: ACCOUNT })], BOB, false, true],
  ])('%s', (_, identityPolicies, resourcePolicies, principal, sameAccount, allowed) => {
    const about = request({ principal, action: 'sts:AssumeRole', resource: ROLE })
    const evaluation = { identityPolicies, resourcePolicies, sameAccount, isTrust: true, request: about }
    expect(decide(evaluation).allowed).toBe(allowed)
  })

  it.each<[string, NamedPolicy[], NamedPolicy[], boolean]>([
    ['limits what the account shares out', mayAssume, [trust({ AWS: ACCOUNT })], false],
    ['limits what the role was given', none, [trust({ AWS: ROLE })], false],
    ['does not limit what the session was given', none, [trust({ AWS: SESSION.arn })], true],
  ])('a session policy %s', (_, identityPolicies, resourcePolicies, allowed) => {
    const about = request({ principal: SESSION, action: 'sts:AssumeRole', resource: ROLE })
    const sessionPolicies = [policy('session', 'session', { ...allow, Action: 's3:*' })]
    const evaluation = { identityPolicies, sessionPolicies, resourcePolicies, isTrust: true, request: about }
    expect(decide(evaluation).allowed).toBe(allowed)
  })

  it.each<[string, Partial<Evaluation>, string]>([
    ['nothing', {}, 'the trust policy of the role does not allow it'],
    [
      'the account does not share it out',
      { resourcePolicies: [trust({ AWS: ACCOUNT })] },
      'no identity-based policy allows it',
    ],
    ['elsewhere, the caller', { sameAccount: false }, 'no identity-based policy allows it'],
    [
      'elsewhere, the role',
      { sameAccount: false, identityPolicies: mayAssume },
      'the trust policy of the role does not allow it',
    ],
    [
      'denied',
      { resourcePolicies: [trust('*', { Effect: 'Deny' })] },
      'the trust policy "build" (statement 0) explicitly denies it',
    ],
  ])('says why not: %s', (_, policies, reason) => {
    const about = request({ action: 'sts:AssumeRole', resource: ROLE })
    expect(decide({ ...policies, isTrust: true, request: about })).toMatchObject({ allowed: false, reason })
  })
})

describe('explanations', () => {
  const cut = [policy('session', 'session', { ...allow, Action: 's3:*' })]
  it('names the statement that allowed', () => {
    expect(decide({ identityPolicies: [identity({ ...allow, Action: 's3:*' }, { ...allow, Sid: 'All' })] })).toEqual({
      allowed: true,
      reason: 'the identity-based policy "mine" (statement "All") allows it',
      by: { side: 'identity', policy: 'mine', statement: 'All', effect: 'Allow' },
      errors: [],
    })
  })
  it('names both sides where both are needed, and the session policy that left it', () => {
    const sides = { identityPolicies: [identity(allow)], resourcePolicies: [resource(toBob)], sameAccount: false }
    expect(decide(sides)).toMatchObject({
      reason:
        'the resource-based policy "theirs" (statement 0) and the identity-based policy "mine" (statement 0) allow it',
      by: { side: 'resource', policy: 'theirs' },
    })
    const sessionPolicies = [policy('session', 'session', { ...allow, Sid: 'Rest' })]
    expect(decide({ identityPolicies: [identity(allow)], sessionPolicies, principal: SESSION })).toMatchObject({
      reason: 'the identity-based policy "mine" (statement 0) and the session policy (statement "Rest") allow it',
      by: { side: 'identity' },
    })
  })
  it('names the statement that denied', () => {
    const resourcePolicies = [resource(toBob, { ...deny, Principal: '*' })]
    expect(decide({ identityPolicies: [identity(allow)], resourcePolicies })).toEqual({
      allowed: false,
      reason: 'the resource-based policy "theirs" (statement 1) explicitly denies it',
      by: { side: 'resource', policy: 'theirs', statement: 1, effect: 'Deny' },
      errors: [],
    })
  })
  it('names the statement of the session policy that denied', () => {
    const sessionPolicies = [policy('session', 'session', deny)]
    expect(decide({ identityPolicies: [identity(allow)], sessionPolicies, principal: SESSION })).toMatchObject({
      reason: 'the session policy (statement 0) explicitly denies it',
      by: { side: 'session', policy: 'session', statement: 0, effect: 'Deny' },
    })
  })
  it.each<[string, Partial<Evaluation> & { principal?: Principal | null }, string]>([
    ['nothing', {}, 'no identity-based policy allows it'],
    [
      'the account, and the caller has none',
      { resourcePolicies: [resource(to(ACCOUNT))] },
      'no identity-based policy allows it',
    ],
    ['between accounts, nothing', { sameAccount: false }, 'no identity-based policy allows it'],
    [
      'between accounts, the caller',
      { resourcePolicies: [resource(toEveryone)], sameAccount: false },
      'no identity-based policy allows it',
    ],
    [
      'between accounts, the owner',
      { identityPolicies: [identity(allow)], sameAccount: false },
      'no resource-based policy of the owning account allows it',
    ],
    [
      'the session',
      { identityPolicies: [identity(allow)], sessionPolicies: cut, principal: SESSION },
      'the session policy does not allow it',
    ],
    [
      'the session, of what the role was given',
      { resourcePolicies: [resource(to(ROLE))], sessionPolicies: cut, principal: SESSION },
      'the session policy does not allow it',
    ],
    [
      'between accounts, the session',
      {
        identityPolicies: [identity(allow)],
        resourcePolicies: [resource(to(ROLE))],
        sessionPolicies: cut,
        sameAccount: false,
        principal: SESSION,
      },
      'the session policy does not allow it',
    ],
    ['nobody', { sameAccount: false, principal: null }, 'no resource-based policy allows it to everyone'],
  ])('says what is missing: %s', (_, evaluation, reason) => {
    expect(decide(evaluation)).toMatchObject({ allowed: false, reason, by: null })
  })
  // P-63
  it('tells which statements could not be evaluated', () => {
    const odd = { ...allow, Sid: 'Odd', Condition: { NumericLessThan: { 'aws:username': 5 } } }
    const told = [{ side: 'identity', policy: 'mine', statement: 'Odd', effect: 'Allow' }]
    expect(decide({ identityPolicies: [identity(allow, odd)] })).toMatchObject({ allowed: true, errors: told })
    expect(decide({ identityPolicies: [identity(odd)] })).toMatchObject({ allowed: false, errors: told })
  })
  // P-67
  it.each([
    ['ForAllValues', true],
    ['ForAnyValue', false],
  ])('%s holds of a key that is missing: %s', (quantifier, allowed) => {
    const statement = { ...allow, Condition: { [`${quantifier}:StringEquals`]: { 'aws:TagKeys': ['team'] } } }
    expect(decide({ identityPolicies: [identity(statement)] }).allowed).toBe(allowed)
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
      decide({
        identityPolicies: [named('preset', text, 'identity')],
        request: request({ action, resource: action.startsWith('codeartifact:') ? REPOSITORY : '*' }),
      }).allowed
    expect([allowed(READER), allowed(PUBLISHER), allowed(ADMINISTRATOR)]).toEqual([reader, publisher, administrator])
  })
})
