import { describe, expect, it } from 'vitest'
import { parsePolicy } from '../policy/access/parse.ts'
import { ADMINISTRATOR, READER } from '../policy/access/presets.ts'
import { checkPolicyDocument, createAuthorizer, type AccessQuestion } from './authorize.ts'
import { RegistryError } from './errors.ts'
import { ANONYMOUS, type Caller } from './model.ts'
import { arn, parseAccountId, parseDomainName, parseRepositoryName } from './names.ts'

const ACCOUNT = parseAccountId('111122223333')
const OTHER = parseAccountId('444455556666')
const DOMAIN = parseDomainName('local')
const REPOSITORY = arn.repository('us-east-1', ACCOUNT, DOMAIN, parseRepositoryName('main'))

const user = (name: string, account = ACCOUNT, domain: Extract<Caller, { kind: 'user' }>['domain'] = null): Caller => ({
  kind: 'user',
  account,
  userName: name,
  userId: `AIDA${account}${name}`,
  arn: arn.user(account, name),
  domain,
  credential: 'AKIAX',
})

/** Policies of users by name, as a store that counts how often it is asked. */
function setUp(documents: Record<string, string>, everyoneMay?: string) {
  const store = {
    asked: 0,
    documents,
    async listIdentityPolicies(account: typeof ACCOUNT, userName: string) {
      store.asked += 1
      const document = store.documents[userName]
      return document === undefined ? [] : [{ account, userName, name: 'attached', document }]
    },
  }
  const clock = { time: Date.parse('2026-06-01T12:00:00Z'), now: () => clock.time }
  const authorizer = createAuthorizer({
    store,
    clock,
    region: 'us-east-1',
    ...(everyoneMay !== undefined && {
      resourcePoliciesOf: async () => {
        const { policy } = parsePolicy(everyoneMay, 'resource')
        return policy ? [{ name: 'repository', policy }] : []
      },
    }),
  })
  return { store, clock, authorizer }
}

const question = (caller: Caller, more: Partial<AccessQuestion> = {}): AccessQuestion => ({
  caller,
  action: 'codeartifact:ReadFromRepository',
  resource: REPOSITORY,
  owner: ACCOUNT,
  domain: DOMAIN,
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

it('between accounts both sides must allow', async () => {
  const { authorizer } = setUp({ admin: ADMINISTRATOR }, allow({ Principal: '*' }))
  expect((await authorizer.decide(question(user('admin', OTHER)))).allowed).toBe(true)
  expect((await authorizer.decide(question(user('new', OTHER)))).allowed).toBe(false)
  expect((await authorizer.decide(question(ANONYMOUS))).allowed).toBe(true)
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
      `Authentication is required to perform codeartifact:ReadFromRepository on resource ${REPOSITORY}`,
    ],
  ])('%s', async (_, asked, code, message) => {
    await expect(authorizer.require(asked)).rejects.toMatchObject({ name: 'RegistryError', code, message })
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
