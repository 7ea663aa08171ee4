import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { openClient, type Client } from '../../src/cli/client.ts'
import { publishNpm } from '../support/npm-publish.ts'
import { uploadPypi } from '../support/pypi-upload.ts'
import { getRaw } from '../support/raw-http.ts'
import { startRegistry, type AccessKey, type TestRegistry } from '../support/server.ts'
import { buildWheel } from '../support/wheel.ts'

// Policies of domains and repositories: documents that are none, who may put them, and what they open to whom.

const HOME = '000000000000'
const OTHER = '222233334444'
const BOB = `arn:aws:iam::${OTHER}:user/bob`
const ADMIN = `arn:aws:iam::${HOME}:user/admin`
const ARN = `arn:aws:codeartifact:us-east-1:${HOME}`
const LOCAL = { domain: 'local', domainOwner: HOME } as const
const MAIN = { ...LOCAL, repository: 'main' } as const

const policy = (...statements: readonly object[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements })
const allow = (principal: string | readonly string[], action: string | readonly string[], more: object = {}) => ({
  Effect: 'Allow',
  Principal: principal === '*' ? '*' : { AWS: principal },
  Action: action,
  Resource: '*',
  ...more,
})
const deny = (principal: string, action: string) => ({ ...allow(principal, action), Effect: 'Deny' })
const READ = 'codeartifact:ReadFromRepository'
const TOKEN = 'codeartifact:GetAuthorizationToken'
const PUBLISH = 'codeartifact:PublishPackageVersion'
const EVERYTHING = policy({ Effect: 'Allow', Action: '*', Resource: '*' })

let registry: TestRegistry
let operator: Client

beforeAll(async () => {
  registry = await startRegistry()
  operator = registry.admin.client
  await operator.call(operations.createAccount, { id: OTHER })
  await publishNpm(registry, { name: '@acme/plan', version: '1.0.0' })
  const wheel = buildWheel({ name: 'acme-plan', version: '1.0.0' })
  await uploadPypi(registry, { name: 'acme-plan', version: '1.0.0', ...wheel })
  await operator.call(operations.createRepository, { domain: 'local', repository: 'private' })
  await publishNpm(registry, { name: 'secret', version: '1.0.0' }, { repository: 'private' })
})
afterAll(() => registry[Symbol.asyncDispose]())

const putDomain = (policyDocument: string, client = operator) =>
  client.call(operations.putDomainPermissionsPolicy, { ...LOCAL, policyDocument })
const putMain = (policyDocument: string, client = operator) =>
  client.call(operations.putRepositoryPermissionsPolicy, { ...MAIN, policyDocument })
async function noPolicies(): Promise<void> {
  await operator.call(operations.deleteDomainPermissionsPolicy, LOCAL).catch(() => undefined)
  await operator.call(operations.deleteRepositoryPermissionsPolicy, MAIN).catch(() => undefined)
}

type Guest = { readonly client: Client; token(): Promise<string> }

/** A user of the other account, made anew, with a policy of its own. */
async function guest(name: string, document: string): Promise<Guest> {
  const of = { account: OTHER, user: name }
  await operator.call(operations.deleteUser, of).catch(() => undefined)
  await operator.call(operations.createUser, of)
  await operator.call(operations.attachUserPolicy, { ...of, policy: 'own', document })
  const { accessKeyId, secretAccessKey }: AccessKey = await operator.call(operations.createAccessKey, of)
  const credentials = { kind: 'access-key', accessKeyId, secretAccessKey, sessionToken: null } as const
  const client = openClient({ url: registry.url, region: 'us-east-1', credentials })
  return {
    client,
    token: async () => (await client.call(operations.getAuthorizationToken, LOCAL)).authorizationToken,
  }
}

const statusOf = async (path: string, token: string | null, init: RequestInit = {}) => {
  const response = await registry.fetch(path, { method: init.method ?? 'GET', body: init.body ?? null, token })
  const text = await response.text()
  if (!response.ok) expect(text).not.toContain('1.0.0')
  return response.status
}
const PACKUMENT = '/npm/local/main/@acme%2fplan'
const forbidden = expect.objectContaining({ exitCode: 3 })

describe('P-64 a document', () => {
  const statement = (more: object) => policy({ ...allow(HOME, READ), ...more })
  const without = (key: string) =>
    policy(Object.fromEntries(Object.entries(allow(HOME, READ)).filter(([name]) => name !== key)))

  it.each<[string, string, RegExp]>([
    ['that is no JSON', 'reader', /line 1/],
    ['that breaks off', '{"Version":"2012-10-17","Statement":[', /line 1/],
    ['that is a list', '[]', /written as an object/],
    [
      'with an Effect twice',
      policy(allow(HOME, READ)).replace('"Effect"', '"Effect":"Deny","Effect"'),
      /Statement\/0.*Effect/,
    ],
    [
      'with a Statement twice',
      policy(allow(HOME, READ)).replace('"Statement"', '"Statement":[],"Statement"'),
      /Statement/,
    ],
    [
      'with an Effect twice, once escaped',
      policy(allow(HOME, READ)).replace('"Effect"', '"\\u0045ffect":"Deny","Effect"'),
      /Effect/,
    ],
    ['with an unknown element', statement({ Effects: 'Deny' }), /Statement\/0\/Effects \(line 1\): .*"Effects"/],
    ['with an element in another case', statement({ condition: {} }), /Statement\/0\/condition/],
    [
      'with a member of prototypes',
      policy(allow(HOME, READ)).replace('"Effect"', '"__proto__":{},"Effect"'),
      /__proto__/,
    ],
    ['without a Version', policy(allow(HOME, READ)).replace('"Version":"2012-10-17",', ''), /Version is missing/],
    ['of another Version', policy(allow(HOME, READ)).replace('2012-10-17', '2012-10-18'), /Version/],
    ['without statements', policy(), /at least one statement/],
    ['without a Principal', without('Principal'), /Principal is missing/],
    ['with Principal and NotPrincipal', statement({ NotPrincipal: '*' }), /exclude each other/],
    ['without an Action', without('Action'), /Action is missing/],
    ['without a Resource', without('Resource'), /Resource is missing/],
    ['with an Effect of another case', statement({ Effect: 'allow' }), /"Allow" or "Deny"/],
    [
      'with an action without its service',
      statement({ Action: 'ReadFromRepository' }),
      /Statement\/0\/Action .*not an action/,
    ],
    [
      'with an action that does not exist',
      statement({ Action: 'codeartifact:ReadFromRepo' }),
      /Statement\/0\/Action .*did you mean codeartifact:ReadFromRepository/,
    ],
    ['P-66 with part of an account', statement({ Principal: { AWS: '2222*' } }), /a wildcard stands alone/],
    ['P-66 with any account', statement({ Principal: { AWS: 'arn:aws:iam::*:root' } }), /a wildcard stands alone/],
    ['P-66 with any user', statement({ Principal: { AWS: `arn:aws:iam::${HOME}:user/*` } }), /a wildcard stands alone/],
    [
      'P-66 with any session',
      statement({ Principal: { AWS: `arn:aws:sts::${HOME}:assumed-role/x/*` } }),
      /a wildcard stands alone/,
    ],
    [
      'with a service for a principal',
      statement({ Principal: { Service: 'codebuild.amazonaws.com' } }),
      /users, roles and accounts/,
    ],
    [
      'with an account that does not exist',
      statement({ Principal: { AWS: '999999999999' } }),
      /Invalid principal in policy: "AWS": "999999999999"/,
    ],
    ['with a user who does not exist', statement({ Principal: { AWS: `${ADMIN}2` } }), /Invalid principal in policy/],
    [
      'with an operator that does not exist',
      statement({ Condition: { StringIs: { 'aws:username': 'x' } } }),
      /Condition\/StringIs/,
    ],
    ['that is too long', statement({ Sid: 'x'.repeat(7_200) }), /policyDocument/],
    ['that is empty', '', /policyDocument/],
    ['that is deeper than anybody writes', `${'['.repeat(3_500)}${']'.repeat(3_500)}`, /./],
  ])('%s is refused with its place, and the old one stays', async (_, document, message) => {
    const { policy: old } = await putMain(policy(allow(HOME, READ)))
    const refused = await putMain(document).then(
      () => 'taken',
      (error: { exitCode?: number; message: string }) => `${error.exitCode} ${error.message}`,
    )
    expect(refused).toMatch(/^1 /)
    expect(refused).toMatch(message)
    expect((await operator.call(operations.getRepositoryPermissionsPolicy, MAIN)).policy).toEqual(old)
  })

  it('of the largest size is taken', async () => {
    const short = policy({ ...allow(HOME, READ), Sid: '' })
    const document = policy({ ...allow(HOME, READ), Sid: 'x'.repeat(7_168 - short.length) })
    expect(document).toHaveLength(7_168)
    expect((await putMain(document)).policy.document).toBe(document)
  })
})

describe('P-65 the right to put a policy', () => {
  it('is not taken from its owner by the policy', async () => {
    await noPolicies()
    await putDomain(policy(deny('*', '*')))
    await putMain(policy(deny('*', '*')))
    expect(await statusOf(PACKUMENT, registry.token)).toBe(403)
    await expect(operator.call(operations.getRepositoryPermissionsPolicy, MAIN)).rejects.toEqual(forbidden)
    await putMain(policy(allow(HOME, READ)))
    await operator.call(operations.deleteDomainPermissionsPolicy, LOCAL)
    await operator.call(operations.deleteRepositoryPermissionsPolicy, MAIN)
    expect(await statusOf(PACKUMENT, registry.token)).toBe(200)
  })

  it('is not given to anybody by the policy', async () => {
    await putDomain(policy(allow([OTHER, ADMIN], '*'), allow('*', '*')))
    const bob = await guest('bob', EVERYTHING)
    const limited = await registry.createUser('limited', {
      statements: [{ Effect: 'Allow', Action: READ, Resource: '*' }],
    })
    for (const client of [bob.client, limited.client]) {
      expect((await client.call(operations.getDomainPermissionsPolicy, LOCAL)).policy.document).toContain('Allow')
      await expect(putDomain(policy(deny('*', '*')), client)).rejects.toEqual(forbidden)
      await expect(putMain(policy(deny('*', '*')), client)).rejects.toEqual(forbidden)
      await expect(client.call(operations.deleteDomainPermissionsPolicy, LOCAL)).rejects.toEqual(forbidden)
      await expect(client.call(operations.deleteRepositoryPermissionsPolicy, MAIN)).rejects.toEqual(forbidden)
    }
    await noPolicies()
  })

  it('is not used on what somebody else has changed meanwhile', async () => {
    const { policy: first } = await putMain(policy(allow(HOME, READ)))
    const put = (document: string) =>
      operator.call(operations.putRepositoryPermissionsPolicy, {
        ...MAIN,
        policyDocument: document,
        policyRevision: first.revision,
      })
    const wishes = Array.from({ length: 8 }, (_, index) => policy(allow(HOME, READ, { Sid: `S${index}` })))
    const done = await Promise.allSettled(wishes.map(put))
    expect(done.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const refused = done.flatMap((one) => (one.status === 'rejected' ? [String(one.reason.message)] : []))
    expect(refused.every((message) => message.includes('main'))).toBe(true)
    const stale = { ...MAIN, policyRevision: first.revision }
    await expect(operator.call(operations.deleteRepositoryPermissionsPolicy, stale)).rejects.toThrow(/revision/)
  })
})

describe('requests that mean two things', () => {
  const DOCUMENT = policy(deny('*', 'codeartifact:DescribeRepository'))
  const revisions = async () => [
    (await operator.call(operations.getDomainPermissionsPolicy, LOCAL)).policy.revision,
    (await operator.call(operations.getRepositoryPermissionsPolicy, MAIN)).policy.revision,
  ]
  const send = (method: string, path: string, body = JSON.stringify({ domain: 'local', policyDocument: DOCUMENT })) =>
    registry.fetch(path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(method === 'PUT' && { body }),
    })

  it.each([
    ['PUT', '/v1/repository/permissions/policy?domain=local&domain=other&repository=main'],
    ['PUT', '/v1/repository/permissions/policy?domain=local&repository=main&repository=private'],
    ['PUT', '/v1/repository/permissions/policy?domain=local&repository=main&%72epository=private'],
    ['DELETE', '/v1/repository/permissions/policies?domain=local&repository=main&policy-revision=a&policy-revision=b'],
    ['DELETE', '/v1/domain/permissions/policy?domain=local&domain=local'],
    ['PUT', '/v1/repository/permissions/policy?domain=local&repository=MAIN%2f..%2fmain'],
    ['PUT', '/v1/repository/permissions/policy?domain=local&repository=main%00'],
    ['PUT', '/v1/repository/permissions/policy?domain=local'],
  ])('are refused: %s %s', async (method, path) => {
    await putDomain(policy(allow(HOME, READ)))
    await putMain(policy(allow(HOME, READ)))
    const before = await revisions()
    const response = await send(method, path)
    expect([400, 404]).toContain(response.status)
    expect(await response.json()).toMatchObject({ message: expect.any(String) })
    expect(await revisions()).toEqual(before)
  })

  it.each([
    ['PUT', '/v1/domain/permissions/policy/'],
    ['PUT', '/v1/domain/permissions/Policy'],
    ['PUT', '/V1/domain/permissions/policy'],
    ['PUT', '/v1//domain/permissions/policy'],
    ['PUT', '/v1/domain/permissions/%70olicy'],
    ['PUT', '/v1/domain%2fpermissions/policy'],
    ['PUT', '/v1/domain/permissions/policies'],
    ['DELETE', '/v1/domain/permissions/policies?domain=local'],
    ['DELETE', '/v1/repository/permissions/policy?domain=local&repository=main'],
    ['PUT', '/v1/repository/permissions/policies?domain=local&repository=main'],
    ['POST', '/v1/domain/permissions/policy'],
    ['POST', '/api/policies/explain/'],
    ['POST', '/api//policies/explain'],
    ['POST', '/API/policies/explain'],
    ['GET', '/api/policies/explain'],
  ])('lead nowhere: %s %s', async (method, path) => {
    await putDomain(policy(allow(HOME, READ)))
    await putMain(policy(allow(HOME, READ)))
    const before = await revisions()
    const raw = await getRaw(registry.url, path, { method, token: registry.token, headers: { 'content-length': '0' } })
    expect(raw.status).toBe(404)
    expect(await revisions()).toEqual(before)
  })

  it('are about what was asked for: what a body names twice counts once', async () => {
    const limited = await registry.createUser('one-domain', {
      statements: [{ Effect: 'Allow', Action: 'codeartifact:*', Resource: `${ARN}:domain/theirs` }],
    })
    await operator.call(operations.createDomain, { domain: 'theirs' })
    await putDomain(policy(allow(HOME, READ)))
    const before = await operator.call(operations.getDomainPermissionsPolicy, LOCAL)
    await expect(putDomain(DOCUMENT, limited.client)).rejects.toEqual(forbidden)
    // A token for one domain does not reach another one, whichever of two names is read.
    for (const [names, status] of [
      ['"domain":"theirs","domain":"local"', 403],
      ['"domain":"local","domain":"theirs"', 200],
    ] as const) {
      const response = await registry.fetch('/v1/domain/permissions/policy?domain=local', {
        method: 'PUT',
        body: `{${names},"policyDocument":${JSON.stringify(DOCUMENT)}}`,
        token: await registry.admin.token('theirs'),
      })
      expect(response.status).toBe(status)
      expect(await operator.call(operations.getDomainPermissionsPolicy, LOCAL)).toEqual(before)
    }
    await operator.call(operations.deleteDomain, { domain: 'theirs' })
  })
})

describe('P-62 another account', () => {
  const installs = policy({
    Effect: 'Allow',
    Action: [TOKEN, READ, PUBLISH, 'sts:GetServiceBearerToken'],
    Resource: '*',
  })
  const lets = (...actions: readonly string[]) => policy(allow(OTHER, actions))

  it('needs both sides, and a change holds from the next request on, with the same token', async () => {
    await noPolicies()
    const bob = await guest('bob', installs)
    await expect(bob.token()).rejects.toEqual(forbidden)
    await putDomain(lets(TOKEN))
    const token = await bob.token()
    expect(await statusOf(PACKUMENT, token)).toBe(403)
    await putMain(lets(READ))
    expect(await statusOf(PACKUMENT, token)).toBe(200)
    expect(await statusOf('/pypi/local/main/simple/acme-plan/', token)).toBe(200)
    expect(await statusOf('/npm/local/private/secret', token)).toBe(403)

    const own = { account: OTHER, user: 'bob', policy: 'own' }
    await operator.call(operations.attachUserPolicy, {
      ...own,
      document: policy({ Effect: 'Allow', Action: TOKEN, Resource: '*' }),
    })
    expect(await statusOf(PACKUMENT, token)).toBe(403)
    await operator.call(operations.attachUserPolicy, { ...own, document: installs })
    expect(await statusOf(PACKUMENT, token)).toBe(200)
    await operator.call(operations.deleteRepositoryPermissionsPolicy, MAIN)
    expect(await statusOf(PACKUMENT, token)).toBe(403)
    await putDomain(lets(TOKEN, READ))
    expect(await statusOf(PACKUMENT, token), 'the policy of the domain counts for its repositories').toBe(200)
    await putMain(policy(deny(BOB, READ)))
    expect(await statusOf(PACKUMENT, token), 'a deny wins').toBe(403)
    await noPolicies()
    expect(await statusOf(PACKUMENT, token)).toBe(403)
  })

  it('publishes only what it was given', async () => {
    const bob = await guest('bob', installs)
    await putDomain(lets(TOKEN, READ))
    await putMain(
      policy(
        allow(BOB, PUBLISH, { Resource: `${ARN}:package/local/main/npm/guests/*` }),
        allow(BOB, PUBLISH, { Resource: `${ARN}:package/local/main/pypi//bobs` }),
      ),
    )
    const token = await bob.token()
    expect(await publishNpm(registry, { name: '@guests/tool', version: '1.0.0' }, { token })).toMatchObject({
      status: 201,
    })
    for (const name of ['@acme/plan', '@guestsx/tool', 'guests', 'tool']) {
      expect(await publishNpm(registry, { name, version: '2.0.0' }, { token }), name).toMatchObject({ status: 403 })
    }
    const upload = (name: string) =>
      uploadPypi(registry, { name, version: '1.0.0', ...buildWheel({ name, version: '1.0.0' }) }, { token })
    expect(await upload('bobs')).toMatchObject({ status: 200 })
    expect(await upload('bobs2')).toMatchObject({ status: 403 })
    await noPolicies()
  })

  it('does not inherit what was given to a user of the same name', async () => {
    const first = await guest('bob', installs)
    await putDomain(policy(allow(BOB, [TOKEN, READ])))
    const token = await first.token()
    expect(await statusOf(PACKUMENT, token)).toBe(200)
    const second = await guest('bob', installs)
    expect(await statusOf(PACKUMENT, token)).toBe(401)
    await expect(second.token()).rejects.toEqual(forbidden)
    await putDomain(policy(allow(BOB, [TOKEN, READ])))
    expect(await statusOf(PACKUMENT, await second.token())).toBe(200)
    await noPolicies()
  })

  it('P-70 does not draw from a repository that it may not read, by an upstream of its own', async () => {
    const bob = await guest('bob', EVERYTHING)
    await putDomain(policy(allow(OTHER, ['codeartifact:CreateRepository', TOKEN])))
    const theirs = { ...LOCAL, repository: 'theirs' }
    const drawing = { ...theirs, upstreams: [{ repositoryName: 'private' }] }
    await expect(bob.client.call(operations.createRepository, drawing)).rejects.toEqual(forbidden)
    await bob.client.call(operations.createRepository, theirs)
    await expect(bob.client.call(operations.updateRepository, drawing)).rejects.toEqual(forbidden)
    const token = await bob.token()
    expect(await statusOf('/npm/local/theirs/secret', token)).toBe(404)
    await operator.call(operations.putRepositoryPermissionsPolicy, {
      ...LOCAL,
      repository: 'private',
      policyDocument: policy(allow(OTHER, 'codeartifact:AssociateWithDownstreamRepository')),
    })
    await bob.client.call(operations.updateRepository, drawing)
    expect(await statusOf('/npm/local/theirs/secret', token), 'now its owner said so').toBe(200)
    expect(await statusOf('/npm/local/private/secret', token)).toBe(403)
    await operator.call(operations.deleteRepository, { domain: 'local', repository: 'theirs' })
    await operator.call(operations.deleteRepositoryPermissionsPolicy, { ...LOCAL, repository: 'private' })
    await noPolicies()
  })

  it('P-72 is shown nothing of what it may not read', async () => {
    const bob = await guest('bob', EVERYTHING)
    await putDomain(policy(allow(OTHER, TOKEN)))
    await putMain(policy(allow(OTHER, [READ, 'codeartifact:ListPackages'])))
    const token = await bob.token()
    const shown = JSON.stringify(await bob.client.call(operations.listPackages, MAIN))
    expect(shown).toContain('plan')
    expect(shown).not.toContain('secret')
    for (const path of [
      '/npm/local/private/secret',
      '/npm/local/private/secret/-/secret-1.0.0.tgz',
      '/npm/local/private/-/package/secret/dist-tags',
      '/pypi/local/private/simple/secret/',
    ]) {
      expect(await statusOf(path, token), path).toBe(403)
    }
    expect(await statusOf('/pypi/local/private/simple/', token)).toBeGreaterThanOrEqual(403)
    expect(await statusOf('/npm/local/main/secret', token)).toBeGreaterThanOrEqual(404)
    expect(await bob.client.call(operations.listDomains, {})).toEqual({ domains: [] })
    expect(await bob.client.call(operations.listRepositories, {})).toEqual({ repositories: [] })
    // What is not there and what is not theirs are answered alike.
    const refusals = await Promise.all(
      ['private', 'absent'].map((repository) =>
        bob.client
          .call(operations.describeRepository, { ...LOCAL, repository })
          .catch((error: Error) => error.message.replaceAll(repository, 'X')),
      ),
    )
    expect(refusals[0]).toMatch(/not authorized/)
    expect(refusals[1]).toBe(refusals[0])
    await noPolicies()
  })
})

describe('who is not logged in', () => {
  const tarball = `${PACKUMENT}/-/plan-1.0.0.tgz`
  const reads = [
    PACKUMENT,
    tarball,
    '/npm/local/main/-/package/@acme%2fplan/dist-tags',
    '/pypi/local/main/simple/acme-plan/',
  ]
  const pypiFile = async () => {
    const page = await (await registry.fetch('/pypi/local/main/simple/acme-plan/')).text()
    return new URL(/href="([^"#]+)/.exec(page)?.[1] ?? '', `${registry.url}/pypi/local/main/simple/acme-plan/`).pathname
  }

  it('reads where a policy says `*`, only there and only as long as it does', async () => {
    await noPolicies()
    for (const path of reads) expect(await statusOf(path, null), path).toBe(401)
    await putMain(policy(allow('*', READ)))
    for (const path of [...reads, await pypiFile()]) expect(await statusOf(path, null), path).toBe(200)
    expect(await statusOf('/npm/local/private/secret', null)).toBe(401)
    expect(await statusOf(PACKUMENT, 'no-token'), 'a wrong token is not nobody').toBe(401)
    await operator.call(operations.deleteRepositoryPermissionsPolicy, MAIN)
    for (const path of reads) expect(await statusOf(path, null), path).toBe(401)
  })

  it('is not everyone of an account', async () => {
    await putMain(policy(allow([HOME, OTHER, ADMIN], READ)))
    for (const path of reads) expect(await statusOf(path, null), path).toBe(401)
    await putMain(
      policy({
        Effect: 'Allow',
        Principal: '*',
        Action: READ,
        Resource: '*',
        Condition: { StringLike: { 'aws:PrincipalArn': '*' } },
      }),
    )
    for (const path of reads) expect(await statusOf(path, null), path).toBe(401)
    await noPolicies()
  })

  it('does nothing but read, whatever a policy allows', async () => {
    await putDomain(policy(allow('*', '*')))
    await putMain(policy(allow('*', '*')))
    expect(await statusOf(PACKUMENT, null)).toBe(200)
    expect(await publishNpm(registry, { name: '@acme/plan', version: '2.0.0' }, { token: null })).toMatchObject({
      status: 401,
    })
    expect(await publishNpm(registry, { name: 'brand-new', version: '2.0.0' }, { token: null })).toMatchObject({
      status: 401,
    })
    const wheel = buildWheel({ name: 'acme-plan', version: '2.0.0' })
    expect(
      await uploadPypi(registry, { name: 'acme-plan', version: '2.0.0', ...wheel }, { token: null }),
    ).toMatchObject({ status: 401 })
    const tag = '/npm/local/main/-/package/@acme%2fplan/dist-tags/evil'
    expect(await statusOf(tag, null, { method: 'PUT', body: '"1.0.0"' })).toBe(401)
    expect(await statusOf(tag, null, { method: 'DELETE' })).toBe(401)
    expect([401, 405]).toContain(await statusOf(`${PACKUMENT}/-rev/1-0`, null, { method: 'DELETE' }))
    expect(await statusOf('/npm/local/main/-/whoami', null)).toBe(401)
    for (const [method, path] of [
      ['GET', '/v1/domain?domain=local&domain-owner=000000000000'],
      ['GET', '/v1/domain/permissions/policy?domain=local&domain-owner=000000000000'],
      ['DELETE', '/v1/domain/permissions/policy?domain=local&domain-owner=000000000000'],
      ['POST', '/v1/authorization-token?domain=local&domain-owner=000000000000'],
      ['POST', '/v1/packages?domain=local&domain-owner=000000000000&repository=main'],
      ['GET', '/api/events'],
      ['POST', '/api/policies/explain'],
    ] as const) {
      expect([401, 403], path).toContain(await statusOf(path, null, { method }))
    }
    const document = await (await registry.fetch(PACKUMENT)).json()
    expect(document).toMatchObject({ 'dist-tags': { latest: '1.0.0' } })
    await noPolicies()
  })
})
