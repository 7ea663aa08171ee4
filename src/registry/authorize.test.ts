import { describe, expect, it } from 'vitest'
import { ADMINISTRATOR, READER } from '../policy/access/presets.ts'
import { checkPolicyDocument, createAuthorizer, type AccessQuestion } from './authorize.ts'
import { RegistryError } from './errors.ts'
import { ANONYMOUS, type Caller, type ResourcePolicy, type Role, type RoleCaller, type UserCaller } from './model.ts'
import { arn, parseAccountId, parseDomainName, parseRepositoryName } from './names.ts'

const ACCOUNT = parseAccountId('111122223333')
const OTHER = parseAccountId('444455556666')
const DOMAIN = parseDomainName('local')
const MAIN = parseRepositoryName('main')
const REPOSITORY = arn.repository('us-east-1', ACCOUNT, DOMAIN, MAIN)

const user = (name: string, account = ACCOUNT, domain: UserCaller['domain'] = null): UserCaller => ({
  kind: 'user',
  account,
  userName: name,
  userId: `AIDA${account}${name}`,
  arn: arn.user(account, name),
  domain,
  credential: 'AKIAX',
})

const session = (roleName: string, more: Partial<RoleCaller> = {}): RoleCaller => ({
  kind: 'role',
  account: ACCOUNT,
  roleName,
  roleId: `AROA${roleName}`,
  roleArn: arn.role(ACCOUNT, roleName),
  sessionName: 'run-7',
  userId: `AROA${roleName}:run-7`,
  arn: arn.roleSession(ACCOUNT, roleName, 'run-7'),
  sessionPolicy: null,
  issuedAt: Date.parse('2026-06-01T11:00:00Z'),
  expiresAt: Date.parse('2026-06-01T13:00:00Z'),
  accessKeyId: 'AKIAX',
  domain: null,
  credential: 'ASIAX',
  ...more,
})

type Standing = Pick<ResourcePolicy, 'repository' | 'document'> & Partial<ResourcePolicy>

/** Policies of users and roles by name, and of one domain, as a store that counts how often it is asked. */
function setUp(documents: Record<string, string>, standing: readonly Standing[] = []) {
  const attached = (name: string) => {
    store.asked += 1
    const document = store.documents[name]
    return document === undefined ? [] : [{ name: 'attached', document }]
  }
  const store = {
    asked: 0,
    askedOfDomain: 0,
    documents,
    standing,
    listIdentityPolicies: async (account: typeof ACCOUNT, userName: string) =>
      attached(userName).map((one) => ({ ...one, account, userName })),
    listRolePolicies: async (account: typeof ACCOUNT, roleName: string) =>
      attached(roleName).map((one) => ({ ...one, account, roleName })),
    async listResourcePolicies(domain: typeof DOMAIN) {
      store.askedOfDomain += 1
      return store.standing.map((one) => ({ domain, principals: {}, revision: 'r', ...one }))
    },
  }
  const clock = { time: Date.parse('2026-06-01T12:00:00Z'), now: () => clock.time }
  return { store, clock, authorizer: createAuthorizer({ store, clock, region: 'us-east-1' }) }
}

const question = (caller: Caller, more: Partial<AccessQuestion> = {}): AccessQuestion => ({
  caller,
  action: 'codeartifact:ReadFromRepository',
  resource: REPOSITORY,
  owner: ACCOUNT,
  domain: DOMAIN,
  repository: { name: MAIN, administrator: ACCOUNT },
  topology: 1,
  ...more,
})
const allow = (more: object) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: { Sid: 'It', Effect: 'Allow', Action: '*', Resource: '*', ...more },
  })

describe('who gets in', () => {
  const { authorizer } = setUp({ admin: ADMINISTRATOR, reader: READER, broken: '{"Version": "2012-10-17"' })
  it.each<[string, Partial<AccessQuestion> & { caller: Caller }, boolean]>([
    ['the administrator', { caller: user('admin') }, true],
    ['the reader', { caller: user('reader') }, true],
    ['the reader who would publish', { caller: user('reader'), action: 'codeartifact:PublishPackageVersion' }, false],
    ['a user without a policy', { caller: user('new') }, false],
    ['an administrator of another account', { caller: user('admin', OTHER) }, false],
    ['nobody', { caller: ANONYMOUS }, false],
    ['a token for the domain', { caller: user('admin', ACCOUNT, DOMAIN) }, true],
    ['a token for another domain', { caller: user('admin', ACCOUNT, parseDomainName('elsewhere')) }, false],
    [
      'a token for a domain, where there is none',
      { caller: user('admin', ACCOUNT, DOMAIN), domain: null, resource: '*' },
      false,
    ],
    ['a user whose policy cannot be read', { caller: user('broken') }, false],
  ])('%s', async (_, { caller, ...more }, allowed) => {
    expect((await authorizer.decide(question(caller, more))).allowed).toBe(allowed)
  })
})

const onDomain = (more: object): Standing => ({ repository: null, document: allow(more) })
const onMain = (more: object): Standing => ({ repository: MAIN, document: allow(more) })
const everyone = { Principal: '*' }

describe('resource policies', () => {
  it('between accounts both sides must allow', async () => {
    const { authorizer } = setUp({ admin: ADMINISTRATOR }, [onMain(everyone)])
    expect((await authorizer.decide(question(user('admin', OTHER)))).allowed).toBe(true)
    expect((await authorizer.decide(question(user('new', OTHER)))).allowed).toBe(false)
    expect((await authorizer.decide(question(ANONYMOUS))).allowed).toBe(true)
  })

  const elsewhere = { name: parseRepositoryName('other'), administrator: ACCOUNT }
  const byOther = { repository: { name: MAIN, administrator: OTHER } }
  it.each<[string, Standing[], Partial<AccessQuestion>, boolean]>([
    ['none', [], {}, false],
    ["the repository's", [onMain(everyone)], {}, true],
    ["the domain's", [onDomain(everyone)], {}, true],
    ["another repository's", [onMain(everyone)], { repository: elsewhere }, false],
    ["the domain's, for another repository", [onDomain(everyone)], { repository: elsewhere }, true],
    [
      "the domain's denies, the repository's allows",
      [onMain(everyone), onDomain({ ...everyone, Effect: 'Deny' })],
      {},
      false,
    ],
    [
      "the repository's denies, the domain's allows",
      [onDomain(everyone), onMain({ ...everyone, Effect: 'Deny' })],
      {},
      false,
    ],
    [
      'one that cannot be read, another that allows',
      [{ repository: null, document: '{' }, onMain(everyone)],
      {},
      false,
    ],
    [
      'an action that does not exist any more',
      [onMain({ ...everyone, Action: ['codeartifact:Retired', '*'] })],
      {},
      true,
    ],
    ['where identity policies alone count', [onMain(everyone)], { identityPoliciesOnly: true }, false],
    [
      'a repository that does not exist',
      [onMain(everyone)],
      { repository: { name: elsewhere.name, administrator: null } },
      false,
    ],
    ['the account of the caller', [onMain({ Principal: { AWS: OTHER } })], {}, true],
    ['another account', [onMain({ Principal: { AWS: ACCOUNT } })], {}, false],
    ['the caller', [onMain({ Principal: { AWS: arn.user(OTHER, 'admin') } })], {}, true],
    [
      'who had the name of the caller before',
      [
        {
          ...onMain({ Principal: { AWS: arn.user(OTHER, 'admin') } }),
          principals: { [arn.user(OTHER, 'admin')]: 'AIDAOLD' },
        },
      ],
      {},
      false,
    ],
    ['none, where the account of the caller administers the repository', [], byOther, true],
    ['one that denies, likewise', [onDomain({ ...everyone, Effect: 'Deny' })], byOther, false],
  ])('of another account: %s', async (_, standing, more, allowed) => {
    const { authorizer } = setUp({ admin: ADMINISTRATOR }, standing)
    expect((await authorizer.decide(question(user('admin', OTHER), more))).allowed).toBe(allowed)
  })

  it.each<[string, Standing[], boolean]>([
    ['names the user', [onMain({ Principal: { AWS: arn.user(ACCOUNT, 'new') } })], true],
    ['names the account, which gave nothing', [onMain({ Principal: { AWS: ACCOUNT } })], false],
    ['names everyone', [onMain(everyone)], true],
  ])('of the own account, for a user without policies: %s', async (_, standing, allowed) => {
    const { authorizer } = setUp({}, standing)
    expect((await authorizer.decide(question(user('new')))).allowed).toBe(allowed)
  })

  it('do not count for what belongs to no domain', async () => {
    const { authorizer, store } = setUp({}, [onDomain(everyone)])
    const about = { domain: null, resource: '*', action: 'granary:ListUsers' }
    expect((await authorizer.decide(question(user('new'), about))).allowed).toBe(false)
    expect(store.askedOfDomain).toBe(0)
  })

  // P-65
  it('do not lock the owner out of replacing them', async () => {
    const { authorizer } = setUp({ admin: ADMINISTRATOR }, [onDomain({ ...everyone, Effect: 'Deny' })])
    const about = { action: 'codeartifact:PutDomainPermissionsPolicy' }
    expect((await authorizer.decide(question(user('admin'), about))).allowed).toBe(false)
    const asked = question(user('admin'), { ...about, identityPoliciesOnly: true })
    expect((await authorizer.decide(asked)).allowed).toBe(true)
    // Nor does the owner's policy give that right to another account.
    const { authorizer: generous } = setUp({ admin: ADMINISTRATOR }, [onDomain(everyone)])
    const theirs = question(user('admin', OTHER), { ...about, identityPoliciesOnly: true })
    expect((await generous.decide(theirs)).allowed).toBe(false)
  })
})

describe('role sessions', () => {
  const documents = { admin: ADMINISTRATOR, reader: READER, none: allow({ Action: 's3:*' }) }
  const nothing = allow({ Action: 's3:*' })
  it.each<[string, Standing[], RoleCaller, Partial<AccessQuestion>, boolean]>([
    ['with the policies of the role', [], session('reader'), {}, true],
    ['with no others', [], session('reader'), { action: 'codeartifact:PublishPackageVersion' }, false],
    ['of a role without policies', [], session('new'), {}, false],
    ['cut down', [], session('admin', { sessionPolicy: READER }), {}, true],
    ['cut down to less', [], session('admin', { sessionPolicy: nothing }), {}, false],
    ['cut down by what cannot be read', [], session('admin', { sessionPolicy: '{' }), {}, false],
    ['named by the role', [onMain({ Principal: { AWS: arn.role(ACCOUNT, 'none') } })], session('none'), {}, true],
    [
      'named by the role, cut down',
      [onMain({ Principal: { AWS: arn.role(ACCOUNT, 'none') } })],
      session('none', { sessionPolicy: nothing }),
      {},
      false,
    ],
    [
      'named itself, cut down',
      [onMain({ Principal: { AWS: session('none').arn } })],
      session('none', { sessionPolicy: nothing }),
      {},
      true,
    ],
    [
      'of a role made anew',
      [
        {
          ...onMain({ Principal: { AWS: arn.role(ACCOUNT, 'none') } }),
          principals: { [arn.role(ACCOUNT, 'none')]: 'AROAOLD' },
        },
      ],
      session('none'),
      {},
      false,
    ],
    ['with a token for another domain', [], session('admin', { domain: parseDomainName('elsewhere') }), {}, false],
  ])('%s', async (_, standing, caller, more, allowed) => {
    const { authorizer } = setUp(documents, standing)
    expect((await authorizer.decide(question(caller, more))).allowed).toBe(allowed)
  })

  it.each([
    ['StringEquals', 'aws:PrincipalArn', arn.role(ACCOUNT, 'bob'), true],
    ['StringEquals', 'aws:PrincipalArn', arn.roleSession(ACCOUNT, 'bob', 'run-7'), false],
    ['StringEquals', 'aws:userid', 'AROAbob:run-7', true],
    ['StringEquals', 'aws:PrincipalType', 'AssumedRole', true],
    ['StringEquals', 'aws:PrincipalAccount', ACCOUNT, true],
    ['Null', 'aws:username', 'true', true],
    ['DateEquals', 'aws:TokenIssueTime', '2026-06-01T11:00:00Z', true],
  ])('are told to conditions: %s %s %s is %s', async (operator, key, value, allowed) => {
    const { authorizer } = setUp({ bob: allow({ Condition: { [operator]: { [key]: value } } }) })
    // What the request says of these is not believed.
    const context = { 'aws:username': 'bob', 'AWS:PrincipalType': 'User' }
    expect((await authorizer.decide(question(session('bob'), { context }))).allowed).toBe(allowed)
  })

  it('a user has no time of issue', async () => {
    const { authorizer } = setUp({ bob: allow({ Condition: { Null: { 'aws:TokenIssueTime': 'true' } } }) })
    const context = { 'aws:TokenIssueTime': '2026-06-01T11:00:00Z' }
    expect((await authorizer.decide(question(user('bob'), { context }))).allowed).toBe(true)
  })
})

describe('assuming a role', () => {
  const BUILD = arn.role(ACCOUNT, 'build')
  const role = (principal: unknown, more: Partial<Role> = {}): Role => ({
    account: ACCOUNT,
    name: 'build',
    id: 'AROABUILD',
    createdAt: 0,
    trust: JSON.stringify({
      Version: '2012-10-17',
      Statement: { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: principal },
    }),
    trusted: {},
    maxSessionSeconds: 3600,
    sessionsValidFrom: 0,
    ...more,
  })
  const about = (trust: Role) => ({ action: 'sts:AssumeRole', resource: BUILD, domain: null, trust })
  it.each<[string, Caller, Role, boolean]>([
    ['named in the trust policy', user('new'), role({ AWS: arn.user(ACCOUNT, 'new') }), true],
    ['allowed, and the account trusted', user('admin'), role({ AWS: ACCOUNT }), true],
    ['not allowed, and the account trusted', user('new'), role({ AWS: ACCOUNT }), false],
    ['allowed, and not trusted', user('admin'), role({ AWS: arn.user(ACCOUNT, 'new') }), false],
    [
      'made anew under a trusted name',
      user('new'),
      role({ AWS: arn.user(ACCOUNT, 'new') }, { trusted: { [arn.user(ACCOUNT, 'new')]: 'AIDAOLD' } }),
      false,
    ],
    ['of another account, allowed and trusted', user('admin', OTHER), role({ AWS: OTHER }), true],
    ['of another account, trusted', user('new', OTHER), role({ AWS: arn.user(OTHER, 'new') }), false],
    ['of another account, allowed', user('admin', OTHER), role({ AWS: ACCOUNT }), false],
    ['a session', session('build'), role({ AWS: BUILD }), true],
    ['not known', ANONYMOUS, role('*'), false],
    ['trusted by what cannot be read', user('admin'), role('*', { trust: '{' }), false],
    ['with a token', user('admin', ACCOUNT, DOMAIN), role({ AWS: ACCOUNT }), false],
  ])('somebody %s', async (_, caller, trust, allowed) => {
    const { authorizer } = setUp({ admin: ADMINISTRATOR })
    expect((await authorizer.decide(question(caller, about(trust)))).allowed).toBe(allowed)
  })

  it('a trust policy holds as soon as it is put', async () => {
    const { authorizer } = setUp({})
    const allowed = async (trust: Role) => (await authorizer.decide(question(user('new'), about(trust)))).allowed
    expect([await allowed(role('*')), await allowed(role({ AWS: ACCOUNT }))]).toEqual([true, false])
  })
})

describe('refusals', () => {
  const { authorizer } = setUp({ reader: READER, denied: allow({ Effect: 'Deny' }) })
  it.each<[string, AccessQuestion, string, string]>([
    [
      'no policy',
      question(user('reader'), { action: 'codeartifact:DeletePackage' }),
      'forbidden',
      `User arn:aws:iam::111122223333:user/reader is not authorized to perform codeartifact:DeletePackage on resource ${REPOSITORY} because no identity-based policy allows it`,
    ],
    [
      'a deny',
      question(user('denied')),
      'forbidden',
      `User arn:aws:iam::111122223333:user/denied is not authorized to perform codeartifact:ReadFromRepository on resource ${REPOSITORY} because the identity-based policy "attached" (statement "It") explicitly denies it`,
    ],
    [
      'a token for elsewhere',
      question(user('reader', ACCOUNT, parseDomainName('elsewhere'))),
      'forbidden',
      `User arn:aws:iam::111122223333:user/reader is not authorized to perform codeartifact:ReadFromRepository on resource ${REPOSITORY} because the token is for the domain elsewhere only`,
    ],
    [
      'nobody',
      question(ANONYMOUS),
      'unauthenticated',
      'Authentication is required to perform codeartifact:ReadFromRepository',
    ],
  ])('%s', async (_, asked, code, message) => {
    await expect(authorizer.require(asked)).rejects.toMatchObject({ name: 'RegistryError', code, message })
  })

  it.each<[string, Standing[], AccessQuestion, string]>([
    [
      'the owner gives nothing',
      [],
      question(user('reader', OTHER)),
      'no resource-based policy of the owning account allows it',
    ],
    [
      "the repository's policy denies",
      [onMain({ ...everyone, Effect: 'Deny' })],
      question(user('reader')),
      'the resource-based policy "repository/local/main" (statement "It") explicitly denies it',
    ],
    [
      "the domain's policy denies",
      [onDomain({ ...everyone, Effect: 'Deny' })],
      question(user('reader')),
      'the resource-based policy "domain/local" (statement "It") explicitly denies it',
    ],
    [
      "the repository's policy denies it to another account, which learns no more of the policy",
      [onMain({ ...everyone, Effect: 'Deny' })],
      question(user('reader', OTHER)),
      'a resource-based policy explicitly denies it',
    ],
    [
      'the session was cut down',
      [],
      question(session('reader', { sessionPolicy: allow({ Action: 's3:*' }) })),
      'the session policy does not allow it',
    ],
  ])('say whose word is missing: %s', async (_, standing, asked, reason) => {
    const { authorizer: one } = setUp({ reader: READER }, standing)
    await expect(one.require(asked)).rejects.toThrow(`because ${reason}`)
  })

  it('lets through what is allowed', async () => {
    await expect(authorizer.require(question(user('reader')))).resolves.toBeUndefined()
  })
})

describe('what is remembered', () => {
  it('a decision holds until the topology counter moves', async () => {
    const { authorizer, store } = setUp({ bob: ADMINISTRATOR })
    const allowed = async (topology: number) => (await authorizer.decide(question(user('bob'), { topology }))).allowed
    expect([await allowed(1), await allowed(1), store.asked]).toEqual([true, true, 1])
    store.documents = {}
    expect([await allowed(2), await allowed(2), store.asked]).toEqual([false, false, 2])
  })

  it('a decision that looks at the time or the address is made anew', async () => {
    const { authorizer, clock } = setUp({
      bob: allow({
        Condition: {
          DateLessThan: { 'aws:CurrentTime': '2026-06-01T13:00:00Z' },
          IpAddress: { 'aws:SourceIp': '203.0.113.0/24' },
        },
      }),
    })
    const allowed = async (address: string) =>
      (await authorizer.decide(question(user('bob'), { context: { 'aws:SourceIp': address } }))).allowed
    expect([await allowed('203.0.113.9'), await allowed('198.51.100.9')]).toEqual([true, false])
    clock.time += 3_600_000
    expect(await allowed('203.0.113.9')).toBe(false)
  })

  it('what a request says of itself does not replace who calls', async () => {
    const { authorizer } = setUp({ bob: allow({ Condition: { StringEquals: { 'aws:username': 'admin' } } }) })
    const context = { 'aws:username': 'admin', 'AWS:UserName': 'admin' }
    expect((await authorizer.decide(question(user('bob'), { context }))).allowed).toBe(false)
  })

  it('the policies of a domain are read once, until the topology counter moves', async () => {
    const { authorizer, store } = setUp({}, [onMain(everyone)])
    const allowed = async (name: string, topology: number) =>
      (await authorizer.decide(question(user(name), { topology }))).allowed
    expect([await allowed('bob', 1), await allowed('eve', 1), store.askedOfDomain]).toEqual([true, true, 1])
    store.standing = []
    expect([await allowed('bob', 2), await allowed('eve', 2), store.askedOfDomain]).toEqual([false, false, 2])
  })

  it('sessions share no decisions with others of their role', async () => {
    const { authorizer } = setUp({
      bob: allow({ Condition: { DateGreaterThan: { 'aws:TokenIssueTime': '2026-06-01T10:00:00Z' } } }),
    })
    const allowed = async (more: Partial<RoleCaller>) =>
      (await authorizer.decide(question(session('bob', more)))).allowed
    expect([
      await allowed({}),
      await allowed({ sessionPolicy: allow({ Action: 's3:*' }) }),
      await allowed({ sessionPolicy: allow({}) }),
      await allowed({ issuedAt: Date.parse('2026-06-01T09:00:00Z') }),
    ]).toEqual([true, false, true, false])
  })

  it('questions that differ in what counts share no decisions', async () => {
    const { authorizer } = setUp({ admin: ADMINISTRATOR }, [onMain(everyone)])
    const allowed = async (more: Partial<AccessQuestion>) =>
      (await authorizer.decide(question(user('admin', OTHER), more))).allowed
    const there = parseRepositoryName('there')
    expect([
      await allowed({}),
      await allowed({ identityPoliciesOnly: true }),
      await allowed({ repository: { name: there, administrator: ACCOUNT } }),
      await allowed({ repository: { name: there, administrator: OTHER } }),
      await allowed({ domain: null }),
    ]).toEqual([true, false, false, true, false])
  })

  it('principals do not share decisions', async () => {
    const { authorizer } = setUp({
      bob: allow({ Resource: 'arn:aws:codeartifact:*:*:repository/local/${aws:username}' }),
    })
    const resource = arn.repository('us-east-1', ACCOUNT, DOMAIN, parseRepositoryName('bob'))
    const allowed = async (name: string) => (await authorizer.decide(question(user(name), { resource }))).allowed
    expect([await allowed('bob'), await allowed('eve')]).toEqual([true, false])
  })
})

it('names every problem of a document', () => {
  const check = () => checkPolicyDocument('{"Version": "2012-10-17",\n"Statement": {"Effect": "Perhaps"}}', 'identity')
  expect(check).toThrow(RegistryError)
  expect(check).toThrow(
    'The policy document is not valid: /Statement/Effect (line 2): Effect is "Allow" or "Deny"; /Statement (line 2): Action is missing',
  )
  expect(checkPolicyDocument(READER, 'identity').statements).toHaveLength(2)
})

it('refuses actions that do not exist when a policy is put', () => {
  const check = () => checkPolicyDocument(allow({ Action: 'codeartifact:ReadFromRepo' }), 'identity')
  expect(check).toThrow(
    'The policy document is not valid: /Statement/Action (line 1): "codeartifact:ReadFromRepo" is no action of codeartifact; did you mean codeartifact:ReadFromRepository?',
  )
})
