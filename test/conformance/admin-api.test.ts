import { describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { openClient, type Client } from '../../src/cli/client.ts'
import { startManagement, type ManagementServer, type TestKey } from '../support/management-server.ts'

// What AWS has no operation for, asked by the command line's own client.

const HOME = '000000000000'
const OTHER = '111122223333'

const as = (server: ManagementServer, key: TestKey): Client =>
  openClient({ url: server.url, region: 'us-east-1', credentials: { kind: 'access-key', sessionToken: null, ...key } })

const allow = (action: string, resource = '*') =>
  JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: action, Resource: resource } })

/** A user with a policy, as an operator makes one, and a client that is this user. */
async function addUser(server: ManagementServer, account: string, user: string, document: string): Promise<Client> {
  const operator = as(server, server.key)
  await operator.call(operations.createUser, { account, user })
  await operator.call(operations.attachUserPolicy, { account, user, policy: 'own', document })
  return as(server, await operator.call(operations.createAccessKey, { account, user }))
}

const forbidden = expect.objectContaining({ exitCode: 3 })
const missing = expect.objectContaining({ exitCode: 4 })

describe('identities', () => {
  it('are made, used and taken away', async () => {
    await using server = await startManagement()
    const operator = as(server, server.key)
    await operator.call(operations.createAccount, { id: OTHER })
    expect((await operator.call(operations.listAccounts, {})).accounts.map(({ id }) => id)).toEqual([HOME, OTHER])
    await expect(operator.call(operations.createAccount, { id: OTHER })).rejects.toThrow('exists already')

    const of = { account: OTHER, user: 'bob' }
    const bob = await operator.call(operations.createUser, of)
    expect(bob).toMatchObject({ account: OTHER, name: 'bob', arn: `arn:aws:iam::${OTHER}:user/bob` })
    expect((await operator.call(operations.listUsers, { account: OTHER })).users).toEqual([bob])

    const key = await operator.call(operations.createAccessKey, of)
    const asBob = as(server, key)
    expect(await asBob.call(operations.whoAmI, {})).toEqual({
      account: OTHER,
      user: 'bob',
      role: null,
      session: null,
      id: bob.id,
      arn: bob.arn,
      domain: null,
    })
    await expect(asBob.call(operations.listDomains, {})).rejects.toEqual(forbidden)
    await operator.call(operations.attachUserPolicy, { ...of, policy: 'reader', preset: 'reader' })
    expect(await asBob.call(operations.listDomains, {})).toEqual({ domains: [] })
    await operator.call(operations.detachUserPolicy, { ...of, policy: 'reader' })
    await expect(asBob.call(operations.listDomains, {})).rejects.toEqual(forbidden)

    const revoked = await operator.call(operations.revokeAccessKey, { ...of, key: key.accessKeyId })
    expect(revoked).toMatchObject({ accessKeyId: key.accessKeyId, revokedAt: expect.any(String) })
    expect((await operator.call(operations.listAccessKeys, of)).keys).toEqual([revoked])
    await expect(asBob.call(operations.whoAmI, {})).rejects.toEqual(forbidden)
    await operator.call(operations.deleteUser, of)
    expect(await operator.call(operations.listUsers, { account: OTHER })).toEqual({ users: [] })
    await expect(operator.call(operations.listAccessKeys, of)).rejects.toEqual(missing)
  })

  it('have secrets that are shown once and stored sealed', async () => {
    await using server = await startManagement()
    const operator = as(server, server.key)
    const of = { account: HOME, user: 'admin' }
    const { accessKeyId, secretAccessKey } = await operator.call(operations.createAccessKey, of)
    const stored = await server.store.findAccessKey(accessKeyId)
    expect(stored?.secret).toMatch(/^gs1\./)
    expect(stored?.secret).not.toContain(secretAccessKey)
    expect(JSON.stringify(await operator.call(operations.listAccessKeys, of))).not.toContain('secret')
    const events = await operator.call(operations.listEvents, { limit: 1000 })
    expect(JSON.stringify(events)).not.toContain(secretAccessKey)
  })

  it('refuse a policy document that is none, and say where it is wrong', async () => {
    await using server = await startManagement()
    const of = { account: HOME, user: 'admin', policy: 'broken' }
    const attach = (document: string) => as(server, server.key).call(operations.attachUserPolicy, { ...of, document })
    await expect(attach('{"Version":"2012-10-17","Statement":{"Effect":"Perhaps"}}')).rejects.toThrow(/Effect/)
    await expect(attach('no JSON')).rejects.toThrow(/policy document is not valid/)
    const both = { ...of, document: allow('*'), preset: 'reader' } as const
    await expect(as(server, server.key).call(operations.attachUserPolicy, both)).rejects.toThrow('either a document')
  })
})

describe('accounts', () => {
  it('are managed by their own principals, within what their policies say', async () => {
    await using server = await startManagement()
    await as(server, server.key).call(operations.createAccount, { id: OTHER })
    const admin = await addUser(server, OTHER, 'admin', allow('granary:*', `arn:aws:iam::${OTHER}:user/*`))
    await admin.call(operations.createUser, { account: OTHER, user: 'bob' })
    expect((await admin.call(operations.listUsers, { account: OTHER })).users).toHaveLength(2)
    await expect(admin.call(operations.listUsers, { account: HOME })).rejects.toEqual(forbidden)
  })

  it('do not reach one another, whatever their own policies say', async () => {
    await using server = await startManagement()
    await as(server, server.key).call(operations.createAccount, { id: OTHER })
    const admin = await addUser(server, OTHER, 'admin', allow('*'))
    const victim = { account: HOME, user: 'admin' }
    const refused: readonly (() => Promise<unknown>)[] = [
      () => admin.call(operations.createAccessKey, victim),
      () => admin.call(operations.attachUserPolicy, { ...victim, policy: 'mine', document: allow('*') }),
      () => admin.call(operations.deleteUser, victim),
      () => admin.call(operations.listEvents, { account: HOME }),
      () => admin.call(operations.createAccount, { id: '222233334444' }),
      () => admin.call(operations.listAccounts, {}),
      () => admin.call(operations.createConnection, { name: 'private:x', format: 'npm', url: 'https://npm.example/' }),
      () => admin.call(operations.createRepository, { domain: 'local', domainOwner: HOME, repository: 'mine' }),
      () => admin.call(operations.listRules, { domain: 'local', domainOwner: HOME }),
    ]
    for (const attempt of refused) await expect(attempt()).rejects.toEqual(forbidden)
    // Left out, the owner is the caller's account: a domain of another one is as good as missing.
    await expect(admin.call(operations.describeDomain, { domain: 'local' })).rejects.toEqual(missing)
    await expect(admin.call(operations.createDomain, { domain: 'local' })).rejects.toThrow('exists already')
  })

  it('keep the keys of a user to that user', async () => {
    await using server = await startManagement()
    const operator = as(server, server.key)
    await operator.call(operations.createUser, { account: HOME, user: 'bob' })
    const revoke = operator.call(operations.revokeAccessKey, {
      account: HOME,
      user: 'bob',
      key: server.key.accessKeyId,
    })
    await expect(revoke).rejects.toEqual(missing)
    expect(await operator.call(operations.whoAmI, {})).toMatchObject({ user: 'admin' })
  })
})

describe('curation and names', () => {
  it('hold names as their format normalises them', async () => {
    await using server = await startManagement()
    const operator = as(server, server.key)
    const rule = await operator.call(operations.createRule, {
      domain: 'local',
      repository: 'main',
      rule: {
        kind: 'deny-list',
        packages: [
          { format: 'npm', package: '@Evil/Thing', versions: ['1.0.0'] },
          { format: 'npm', package: '@evil/*' },
          { format: 'pypi', package: 'Bad_Thing' },
          { format: 'pypi', package: '*' },
        ],
        reason: 'No',
      },
    })
    expect(rule.rule.packages).toEqual([
      { format: 'npm', package: 'Evil/Thing', versions: ['1.0.0'] },
      { format: 'npm', package: 'evil/*' },
      { format: 'pypi', package: 'bad-thing' },
      { format: 'pypi', package: '*' },
    ])
    expect(await operator.call(operations.listRules, { domain: 'local' })).toEqual({ rules: [rule] })
    await operator.call(operations.deleteRule, { domain: 'local', rule: rule.id })
    await expect(operator.call(operations.deleteRule, { domain: 'local', rule: rule.id })).rejects.toEqual(missing)
  })

  it('reserve prefixes, which read back as they are written', async () => {
    await using server = await startManagement()
    const operator = as(server, server.key)
    const reserved = [
      { format: 'npm', prefix: '@acme/' },
      { format: 'pypi', prefix: 'acme-' },
    ] as const
    const put = await operator.call(operations.putReservedPrefixes, { domain: 'local', reserved: [...reserved] })
    expect(put).toEqual({ reserved })
    expect((await server.store.findDomain('local' as never))?.reserved).toEqual([
      { format: 'npm', prefix: 'acme/' },
      { format: 'pypi', prefix: 'acme-' },
    ])
    expect(await operator.call(operations.getReservedPrefixes, { domain: 'local' })).toEqual({ reserved })
  })
})

describe('connections', () => {
  it('keep their credentials to themselves', async () => {
    await using server = await startManagement()
    const operator = as(server, server.key)
    const made = await operator.call(operations.createConnection, {
      name: 'private:partner',
      format: 'npm',
      url: 'https://npm.partner.example',
      credentials: { type: 'bearer', token: 'their-token' },
    })
    expect(made).toEqual({
      name: 'private:partner',
      format: 'npm',
      url: 'https://npm.partner.example/',
      fileOrigins: [],
      hasCredentials: true,
      builtIn: false,
      enabled: true,
      timeoutMs: null,
      only: [],
      except: [],
    })
    const narrowed = { only: ['@partner/*', 'exactly'], except: ['@partner/secret'], timeoutMs: 5_000, enabled: false }
    const connection = 'private:partner'
    expect(await operator.call(operations.updateConnection, { connection, ...narrowed })).toEqual({
      ...made,
      ...narrowed,
    })
    const wide = { only: [], except: [], timeoutMs: 0, enabled: true }
    expect(await operator.call(operations.updateConnection, { connection, ...wide })).toEqual(made)
    const everything = [
      await operator.call(operations.listConnections, {}),
      await operator.call(operations.listEvents, {}),
      await server.store.findConnection('private:partner' as never),
    ]
    expect(JSON.stringify(everything)).not.toContain('their-token')
    const at = { domain: 'local', repository: 'main', externalConnection: 'private:partner' }
    await operator.call(operations.associateExternalConnection, at)
    await expect(operator.call(operations.deleteConnection, { connection: 'private:partner' })).rejects.toThrow(
      'still used by repositories',
    )
    await operator.call(operations.disassociateExternalConnection, at)
    await operator.call(operations.deleteConnection, { connection: 'private:partner' })
    await expect(operator.call(operations.deleteConnection, { connection: 'public:npmjs' })).rejects.toThrow('built in')
  })
})

describe('changes at the same moment', () => {
  it('are all kept', async () => {
    await using server = await startManagement()
    const operator = as(server, server.key)
    const at = { domain: 'local', repository: 'main' }
    await Promise.all([
      operator.call(operations.associateExternalConnection, { ...at, externalConnection: 'public:npmjs' }),
      operator.call(operations.associateExternalConnection, { ...at, externalConnection: 'public:pypi' }),
      operator.call(operations.updateRepository, { ...at, description: 'both' }),
    ])
    const { repository } = await operator.call(operations.describeRepository, at)
    expect(repository.description).toBe('both')
    expect(
      repository.externalConnections.map(({ externalConnectionName }) => externalConnectionName).toSorted(),
    ).toEqual(['public:npmjs', 'public:pypi'])
    // Neither of two writers makes a cycle with the other's change.
    const update = (of: string, upstream: string) =>
      operator.call(operations.updateRepository, {
        domain: 'local',
        repository: of,
        upstreams: [{ repositoryName: upstream }],
      })
    const results = await Promise.allSettled([update('npm-store', 'pypi-store'), update('pypi-store', 'npm-store')])
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  })
})

describe('the door', () => {
  it('shows the OpenAPI document to everybody and nothing else to whoever is not known', async () => {
    await using server = await startManagement()
    const document = await fetch(`${server.url}/api/openapi.json`)
    expect(document.status).toBe(200)
    expect(await document.json()).toMatchObject({ openapi: '3.1.0' })
    const whoami = await fetch(`${server.url}/api/whoami`)
    expect(whoami.status).toBe(401)
    expect(await whoami.json()).toEqual({
      error: { code: 'unauthenticated', message: 'Missing Authentication Token' },
    })
    const domains = await fetch(`${server.url}/v1/domains`, { method: 'POST' })
    expect(domains.status).toBe(403)
    expect(domains.headers.get('x-amzn-errortype')).toBe('MissingAuthenticationTokenException')
  })

  it('tells who was refused nothing about what is there', async () => {
    await using server = await startManagement()
    const bob = await addUser(server, HOME, 'bob', allow('codeartifact:DescribeDomain'))
    const ask = (repository: string) => bob.call(operations.describeRepository, { domain: 'local', repository })
    await expect(ask('main')).rejects.toEqual(forbidden)
    await expect(ask('absent')).rejects.toEqual(forbidden)
    await expect(bob.call(operations.describeRepository, { domain: 'absent', repository: 'main' })).rejects.toEqual(
      forbidden,
    )
  })
})
