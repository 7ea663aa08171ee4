import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import type { Client } from '../../src/cli/client.ts'
import { npmPublishBody } from '../support/npm-publish.ts'
import { allow, clientOf, createUser, policyOf, TOKENS, trusting } from '../support/roles.ts'
import { startRegistry, type RegistryUser, type TestRegistry } from '../support/server.ts'

// What one account learns and takes of another, and what somebody still does whose rights went while they were at it.

const HOME = '000000000000'
const OTHER = '222233334444'
const MAIN = { domain: 'local', domainOwner: HOME, repository: 'main' } as const

let registry: TestRegistry
let operator: Client
/** May do everything, in the other account. */
let eve: Client

beforeAll(async () => {
  registry = await startRegistry()
  operator = registry.admin.client
  await operator.call(operations.createAccount, { id: OTHER })
  eve = clientOf(registry.url, await createUser(operator, OTHER, 'eve', [allow('*')]))
})
afterAll(() => registry[Symbol.asyncDispose]())

const everyone = (effect: 'Allow' | 'Deny', action: string | readonly string[], principal: object | string = '*') =>
  policyOf({ Sid: 'SecretPlan', Effect: effect, Principal: principal, Action: action, Resource: '*' })
const theirs = { AWS: OTHER }
const refusalOf = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'not refused',
    (error: { exitCode?: number; message: string }) => `${error.exitCode} ${error.message}`,
  )

describe('P-71 what is there', () => {
  const PATHS: readonly (readonly [method: string, rest: string])[] = [
    ['GET', 'left-pad'],
    ['GET', 'left-pad/-/left-pad-1.0.0.tgz'],
    ['GET', '-/ping'],
    ['PUT', 'left-pad'],
    ['PUT', '-/package/left-pad/dist-tags/latest'],
  ]
  const answerOf = async (method: string, path: string, token: string | null) => {
    const response = await registry.fetch(path, { method, token, ...(method !== 'GET' && { body: '{}' }) })
    const headers = [...response.headers].filter(([name]) => !['date', 'x-request-id'].includes(name))
    const body = (await response.text()).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
    return { status: response.status, headers: JSON.stringify(headers), body }
  }

  it.each([
    ...PATHS.map(([method, rest]) => [method, '/npm/', rest] as const),
    ['GET', '/pypi/', 'simple/left-pad/'] as const,
    ['POST', '/pypi/', ''] as const,
  ])('is nothing that a stranger learns: %s %s…/%s', async (method, format, rest) => {
    const [present, absent, absentRepository] = [
      await answerOf(method, `${format}local/main/${rest}`, null),
      await answerOf(method, `${format}nowhere/main/${rest}`, null),
      await answerOf(method, `${format}local/nothing/${rest}`, null),
    ]
    expect(present.status).toBe(401)
    expect(absent).toEqual(present)
    expect(absentRepository).toEqual(present)
    expect(present.body + present.headers).not.toContain(HOME)
  })

  it('is nothing that the token of another domain tells', async () => {
    await eve.call(operations.createDomain, { domain: 'hers' })
    const { authorizationToken: token } = await eve.call(operations.getAuthorizationToken, { domain: 'hers' })
    for (const [method, rest] of PATHS) {
      const present = await answerOf(method, `/npm/local/main/${rest}`, token)
      expect(present.status).toBe(403)
      expect(await answerOf(method, `/npm/nowhere/main/${rest}`, token)).toEqual(present)
      expect(present.body).not.toContain(HOME)
    }
  })

  it('is nothing that who may only make repositories finds out by naming upstreams', async () => {
    const policyDocument = everyone('Allow', 'codeartifact:CreateRepository', theirs)
    await operator.call(operations.putDomainPermissionsPolicy, { ...MAIN, policyDocument })
    await eve.call(operations.createRepository, { ...MAIN, repository: 'eves' })
    const told = async (upstream: string) => {
      const upstreams = [{ repositoryName: upstream }]
      const refusals = [
        await refusalOf(eve.call(operations.createRepository, { ...MAIN, repository: 'probe', upstreams })),
        await refusalOf(eve.call(operations.updateRepository, { ...MAIN, repository: 'eves', upstreams })),
      ]
      return refusals.map((refusal) => refusal.replaceAll(upstream, 'X'))
    }
    const absent = await told('absent')
    expect(absent[0]).toMatch(/^3 .*AssociateWithDownstreamRepository/)
    expect(await told('npm-store')).toEqual(absent)
    await operator.call(operations.deleteRepository, { ...MAIN, repository: 'eves' })
    await operator.call(operations.deleteDomainPermissionsPolicy, MAIN)
  })

  it('of a policy that denies is told to its owner, and not to whom it keeps out', async () => {
    await operator.call(operations.putRepositoryPermissionsPolicy, {
      ...MAIN,
      policyDocument: everyone('Deny', 'codeartifact:DescribeRepository'),
    })
    expect(await refusalOf(operator.call(operations.describeRepository, MAIN))).toContain('SecretPlan')
    const refusal = await refusalOf(eve.call(operations.describeRepository, MAIN))
    expect(refusal).toMatch(/^3 .*because a resource-based policy explicitly denies it$/)
    await operator.call(operations.deleteRepositoryPermissionsPolicy, MAIN)
  })
})

describe('the credentials of a connection', () => {
  const hers = { domain: 'eves-own', domainOwner: OTHER, repository: 'main' }
  const associate = (client: Client, externalConnection: string, at: object = hers) =>
    client.call(operations.associateExternalConnection, { ...hers, ...at, externalConnection })

  it('are not lent to other accounts, whatever these may do with their own repositories', async () => {
    const connection = { format: 'npm', url: 'https://npm.partner.example/' } as const
    const credentials = { type: 'bearer', token: 'partner-token' } as const
    await operator.call(operations.createConnection, { ...connection, name: 'private:partner', credentials })
    await operator.call(operations.createConnection, { ...connection, name: 'open:mirror' })
    await eve.call(operations.createDomain, { domain: hers.domain })
    await eve.call(operations.createRepository, hers)

    expect(await refusalOf(associate(eve, 'private:partner'))).toMatch(/^3 .*has credentials/)
    const { repository } = await eve.call(operations.describeRepository, hers)
    expect(repository.externalConnections).toEqual([])
    await associate(eve, 'open:mirror')
    await associate(eve, 'public:npmjs')

    await associate(operator, 'private:partner', MAIN)
    expect(await refusalOf(associate(operator, 'private:partner')), 'an operator, unasked').toMatch(/^3 /)
    await eve.call(operations.putRepositoryPermissionsPolicy, {
      ...hers,
      policyDocument: everyone('Allow', 'codeartifact:AssociateExternalConnection', { AWS: HOME }),
    })
    await associate(operator, 'private:partner')
    const { repository: now } = await eve.call(operations.describeRepository, hers)
    expect(now.externalConnections.map((one) => one.externalConnectionName)).toContain('private:partner')
    await operator.call(operations.disassociateExternalConnection, { ...MAIN, externalConnection: 'private:partner' })
  })
})

describe('policies without end', () => {
  const document = policyOf(allow('codeartifact:ListDomains'))

  it.each(['user', 'role'] as const)('are not attached to a %s', async (kind) => {
    const of = { account: OTHER, user: 'many', role: 'many' }
    if (kind === 'user') await eve.call(operations.createUser, of)
    else await eve.call(operations.createRole, { ...of, trust: policyOf(trusting(`arn:aws:iam::${OTHER}:user/eve`)) })
    const attach = (policy: string) =>
      kind === 'user'
        ? eve.call(operations.attachUserPolicy, { ...of, policy, document })
        : eve.call(operations.attachRolePolicy, { ...of, policy, document })
    for (let number = 1; number <= 20; number++) await attach(`p${number}`)
    expect(await refusalOf(attach('p21'))).toMatch(/There are 20 policies of a user or role already; at most 20/)
    await expect(attach('p7'), 'in place of another').resolves.toMatchObject({ name: 'p7' })
  })
  it('nor are access keys made for a user, but those that were revoked leave room', async () => {
    const of = { account: OTHER, user: 'keys' }
    await eve.call(operations.createUser, of)
    const create = () => eve.call(operations.createAccessKey, of)
    const first = await create()
    for (let number = 2; number <= 10; number++) await create()
    expect(await refusalOf(create())).toMatch(/There are 10 access keys of a user already/)
    await eve.call(operations.revokeAccessKey, { ...of, key: first.accessKeyId })
    await create()
  })

  it('nor are they compared with contexts without end', async () => {
    const ask = (value: string) =>
      eve.call(operations.explainPolicy, {
        principal: `arn:aws:iam::${OTHER}:user/eve`,
        action: 'codeartifact:ListDomains',
        resource: '*',
        context: { 'aws:UserAgent': [value, value, value] },
      })
    expect(await ask('x'.repeat(1_000))).toMatchObject({ allowed: true })
    expect(await refusalOf(ask('x'.repeat(2_000)))).toMatch(/^1 .*context: must have at most 4096 characters/)
  })
})

describe('P-58 rights that end while a package is on its way', () => {
  /** Sends half of a publish, has something happen, and sends the rest. */
  async function publishAround(user: RegistryUser, name: string, happen: () => Promise<unknown>): Promise<string> {
    const { body } = await npmPublishBody({ name, version: '1.0.0' })
    const bytes = Buffer.from(JSON.stringify(body))
    const headers = {
      authorization: `Bearer ${await user.token()}`,
      'content-type': 'application/json',
      'content-length': bytes.length,
    }
    const sending = request(`${registry.url}/npm/local/main/${name}`, { method: 'PUT', headers })
    const answered = once(sending, 'response') as Promise<[IncomingMessage]>
    sending.write(bytes.subarray(0, bytes.length - 20))
    // Until the request was let in: whoever may not publish is refused before the body is read.
    await expect.poll(() => registry.pendingFiles().then((files) => files.length)).toBeGreaterThan(0)
    await happen()
    sending.end(bytes.subarray(bytes.length - 20))
    const [response] = await answered
    return `${response.statusCode} ${await text(response)}`
  }
  it.each<[string, RegExp, (user: RegistryUser) => Promise<unknown>]>([
    ['nothing', /^201 /, async () => undefined],
    [
      'the right',
      /^403 .*not authorized/,
      ({ name }) => operator.call(operations.detachUserPolicy, { account: HOME, user: name, policy: 'rights' }),
    ],
    [
      'the access key',
      /^401 .*access key .* was revoked/,
      ({ name, key }) => operator.call(operations.revokeAccessKey, { account: HOME, user: name, key: key.accessKeyId }),
    ],
    [
      'the user',
      /^401 .*does not exist/,
      ({ name }) => operator.call(operations.deleteUser, { account: HOME, user: name }),
    ],
  ])('%s', async (what, answer, happen) => {
    const name = `slow-${what.replace(/\W/g, '-')}`
    const user = await registry.createUser(name, {
      statements: [allow([...TOKENS, 'codeartifact:PublishPackageVersion'])],
    })
    expect(await publishAround(user, name, () => happen(user))).toMatch(answer)
    const stored = (await registry.fetch(`/npm/local/main/${name}`)).status
    expect(stored === 200).toBe(what === 'nothing')
  })
})
