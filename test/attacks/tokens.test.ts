import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import type { Client } from '../../src/cli/client.ts'
import { publishNpm } from '../support/npm-publish.ts'
import { uploadPypi } from '../support/pypi-upload.ts'
import { allow, clientOf, createRole, policyOf, trusting } from '../support/roles.ts'
import { startRegistry, type RegistryUser, type TestRegistry } from '../support/server.ts'
import { buildWheel } from '../support/wheel.ts'

// Tokens that are missing, forged, for something else, or over: those of users, and those that sessions of roles make.

const ACCOUNT = '000000000000'
let registry: TestRegistry

beforeAll(async () => {
  registry = await startRegistry()
  await publishNpm(registry, { name: 'secret-plan', version: '1.0.0' })
  const wheel = buildWheel({ name: 'secret-plan', version: '1.0.0' })
  await uploadPypi(registry, { name: 'secret-plan', version: '1.0.0', ...wheel })
  await registry.admin.client.call(operations.createDomain, { domain: 'other' })
  await registry.admin.client.call(operations.createRepository, { domain: 'other', repository: 'main' })
})
afterAll(() => registry[Symbol.asyncDispose]())

const KINDS = ['user', 'role'] as const
type Kind = (typeof KINDS)[number]

/** A client of somebody who may do everything: the first user, or a session of a role that this user assumed. */
async function callerOf(kind: Kind, at: TestRegistry): Promise<Client> {
  const { client } = at.admin
  if (kind === 'user') return client
  const trust = [trusting(`arn:aws:iam::${ACCOUNT}:user/admin`)]
  await createRole(client, { account: ACCOUNT, role: 'build', trust, rights: [allow('*')] }).catch((error: Error) => {
    if (!/exists already/.test(error.message)) throw error
  })
  return clientOf(
    at.url,
    await client.assumeRole({ roleArn: `arn:aws:iam::${ACCOUNT}:role/build`, sessionName: 'run-7' }),
  )
}

async function tokenOf(kind: Kind, at: TestRegistry, domain = 'local', duration?: number): Promise<string> {
  const input = { domain, ...(duration !== undefined && { duration }) }
  return (await (await callerOf(kind, at)).call(operations.getAuthorizationToken, input)).authorizationToken
}

const READS = [
  '/npm/local/main/secret-plan',
  '/npm/local/main/secret-plan/-/secret-plan-1.0.0.tgz',
  '/npm/local/main/-/whoami',
  '/pypi/local/main/simple/secret-plan/',
] as const

/** Asks for everything with this Authorization header, and gives back the statuses. Nothing of the package may come along. */
async function statusesWith(
  authorization: string | undefined,
  others: TestRegistry = registry,
): Promise<readonly number[]> {
  const statuses: number[] = []
  for (const path of READS) {
    const headers = authorization === undefined ? {} : { authorization }
    const response = await others.fetch(path, { token: null, headers })
    const text = await response.text()
    if (!response.ok) {
      expect(text).not.toMatch(/1\.0\.0/)
      if (response.status === 401) expect(response.headers.get('www-authenticate')).toMatch(/^(Bearer|Basic) /)
    }
    statuses.push(response.status)
  }
  return [...new Set(statuses)]
}

const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
const parts = (token: string) => token.split('.') as [string, string, string]
const payloadOf = (token: string) =>
  JSON.parse(Buffer.from(parts(token)[1], 'base64url').toString()) as Record<string, unknown>
const headerOf = (token: string) =>
  JSON.parse(Buffer.from(parts(token)[0], 'base64url').toString()) as Record<string, unknown>

it('P-54 no token at all is not logged in', async () => {
  expect(await statusesWith(undefined)).toEqual([401])
})

it.each<[string, (token: string) => string]>([
  ['garbage', () => 'Bearer garbage'],
  ['nothing', () => 'Bearer '],
  ['three dots', () => 'Bearer ...'],
  ['another scheme', (token) => `Digest ${token}`],
  ['no scheme', (token) => token],
  ['its first half', (token) => `Bearer ${token.slice(0, token.length / 2)}`],
  ['all but its last character', (token) => `Bearer ${token.slice(0, -1)}`],
  ['all but its first character', (token) => `Bearer ${token.slice(1)}`],
  ['its header and its claims', (token) => `Bearer ${parts(token).slice(0, 2).join('.')}`],
  ['some of its claims', (token) => `Bearer ${parts(token)[0]}.${parts(token)[1].slice(0, -8)}.${parts(token)[2]}`],
  ['its end turned', (token) => `Bearer ${token.slice(0, -4)}${token.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`],
  ['something behind it', (token) => `Bearer ${token} x`],
  ['something very long', () => `Bearer ${'x'.repeat(8_000)}`],
  [
    'an access key',
    () =>
      `Basic ${Buffer.from(`${registry.admin.key.accessKeyId}:${registry.admin.key.secretAccessKey}`).toString('base64')}`,
  ],
  ['a password of another kind', () => `Basic ${Buffer.from('admin:admin').toString('base64')}`],
  ['no base64', () => 'Basic !!!'],
])('P-54 %s in place of a token is not logged in', async (_what, authorization) => {
  for (const kind of KINDS) {
    await using others = await startRegistry() // of its own: so many failures are throttled soon
    await publishNpm(others, { name: 'secret-plan', version: '1.0.0' })
    const token = await tokenOf(kind, others)
    const status = async () => (await others.fetch('/npm/local/main/secret-plan', { token })).status
    expect(await status(), kind).toBe(200)
    expect(await statusesWith(authorization(token), others), kind).toEqual([401])
    expect(await status(), kind).toBe(200)
  }
})

describe('forged tokens', () => {
  const attacker = generateKeyPairSync('ed25519')
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })

  const signed = (header: object, payload: object, key: KeyObject): string => {
    const text = `${encode(header)}.${encode(payload)}`
    return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`
  }
  const hmac = (header: object, payload: object, key: string | Buffer): string => {
    const text = `${encode(header)}.${encode(payload)}`
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
  }

  type Keys = { readonly keys: readonly [{ readonly kid: string; readonly x: string }] }

  it.each<[string, (token: string, jwks: Keys) => string]>([
    ['no algorithm', (token) => `${encode({ ...headerOf(token), alg: 'none' })}.${parts(token)[1]}.`],
    ['no algorithm, in capitals', (token) => `${encode({ ...headerOf(token), alg: 'NONE' })}.${parts(token)[1]}.`],
    [
      'no algorithm, but the signature',
      (token) => `${encode({ ...headerOf(token), alg: 'none' })}.${parts(token).slice(1).join('.')}`,
    ],
    ['no signature', (token) => `${parts(token).slice(0, 2).join('.')}.`],
    [
      'an HMAC by the public key as it is published',
      (token, { keys }) => hmac({ ...headerOf(token), alg: 'HS256' }, payloadOf(token), JSON.stringify(keys[0])),
    ],
    [
      'an HMAC by the bytes of the public key',
      (token, { keys }) =>
        hmac({ ...headerOf(token), alg: 'HS256' }, payloadOf(token), Buffer.from(keys[0].x, 'base64url')),
    ],
    ['an HMAC by the empty key', (token) => hmac({ ...headerOf(token), alg: 'HS256' }, payloadOf(token), '')],
    ['an HMAC by a blank', (token) => hmac({ ...headerOf(token), alg: 'HS256' }, payloadOf(token), ' ')],
    ['a key of its own under our id', (token) => signed(headerOf(token), payloadOf(token), attacker.privateKey)],
    [
      'a key of its own that it brings along',
      (token) =>
        signed(
          { ...headerOf(token), jwk: attacker.publicKey.export({ format: 'jwk' }) },
          payloadOf(token),
          attacker.privateKey,
        ),
    ],
    [
      'a key of its own at an address',
      (token) =>
        signed(
          { ...headerOf(token), jku: `${registry.url}/.well-known/jwks.json` },
          payloadOf(token),
          attacker.privateKey,
        ),
    ],
    [
      'a certificate at an address',
      (token) =>
        signed({ ...headerOf(token), x5u: 'http://evil.example/x.pem' }, payloadOf(token), attacker.privateKey),
    ],
    [
      'a certificate that it brings along',
      (token) => signed({ ...headerOf(token), x5c: ['AAAA'] }, payloadOf(token), attacker.privateKey),
    ],
    [
      'a critical extension',
      (token) => signed({ ...headerOf(token), crit: ['b64'], b64: false }, payloadOf(token), attacker.privateKey),
    ],
    [
      'a key id that is a path',
      (token) => hmac({ ...headerOf(token), alg: 'HS256', kid: '../../../../dev/null' }, payloadOf(token), ''),
    ],
    [
      'a key id that is a query',
      (token) => signed({ ...headerOf(token), kid: "' or 1=1 --" }, payloadOf(token), attacker.privateKey),
    ],
    [
      'a key id of the prototype',
      (token) => signed({ ...headerOf(token), kid: '__proto__' }, payloadOf(token), attacker.privateKey),
    ],
    ['no key id', (token) => signed({ alg: 'EdDSA' }, payloadOf(token), attacker.privateKey)],
    [
      'an RSA key',
      (token) => {
        const text = `${encode({ ...headerOf(token), alg: 'RS256' })}.${parts(token)[1]}`
        return `${text}.${sign('sha256', Buffer.from(text), rsa.privateKey).toString('base64url')}`
      },
    ],
    [
      'another subject under an old signature',
      (token) => {
        const [header, , signature] = parts(token)
        return `${header}.${encode({ ...payloadOf(token), sub: 'AIDASOMEBODYELSE1234' })}.${signature}`
      },
    ],
    [
      'a later end under an old signature',
      (token) => {
        const [header, , signature] = parts(token)
        return `${header}.${encode({ ...payloadOf(token), exp: 9_999_999_999 })}.${signature}`
      },
    ],
  ])('P-55 with %s are refused', async (_what, forge) => {
    // A new server for each: so many failures from one address would be throttled, which proves nothing.
    await using others = await startRegistry()
    const jwks = (await (await others.fetch('/.well-known/jwks.json')).json()) as Keys
    for (const kind of KINDS) {
      const token = await tokenOf(kind, others)
      for (const path of ['/npm/local/main/-/whoami', '/api/whoami']) {
        expect((await others.fetch(path, { token: forge(token, jwks) })).status, `${kind} ${path}`).toBe(401)
        expect((await others.fetch(path, { token })).status, 'the true one still holds').toBe(200)
      }
    }
  })

  it('P-55 the published key set has public keys only', async () => {
    const text = await (await registry.fetch('/.well-known/jwks.json', { token: null })).text()
    const { keys } = JSON.parse(text) as { keys: Record<string, unknown>[] }
    expect(keys.length).toBeGreaterThan(0)
    for (const key of keys)
      expect(Object.keys(key).filter((member) => ['d', 'p', 'q', 'k'].includes(member))).toEqual([])
  })
})

describe('true tokens for something else', () => {
  it.each(KINDS)('P-56 one of another domain is forbidden (%s)', async (kind) => {
    const token = await tokenOf(kind, registry, 'other')
    expect((await registry.fetch('/npm/other/main/-/ping', { token })).status).toBe(200)
    expect(await statusesWith(`Bearer ${token}`)).toEqual([403])
    expect(await publishNpm(registry, { name: 'intruder', version: '1.0.0' }, { token })).toMatchObject({ status: 403 })
    const wheel = buildWheel({ name: 'intruder', version: '1.0.0' })
    expect(await uploadPypi(registry, { name: 'intruder', version: '1.0.0', ...wheel }, { token })).toMatchObject({
      status: 403,
    })
  })

  it.each(KINDS)('P-56 one of another installation is not known (%s)', async (kind) => {
    await using others = await startRegistry()
    const token = await tokenOf(kind, others)
    expect((await others.fetch('/npm/local/main/-/whoami', { token })).status).toBe(200)
    expect(await statusesWith(`Bearer ${token}`)).toEqual([401])
  })

  it('P-56 one of a user who may read one repository is forbidden in the next', async () => {
    await registry.admin.client.call(operations.createRepository, { domain: 'local', repository: 'vault' })
    const statements = [
      { Effect: 'Allow', Action: ['sts:GetServiceBearerToken', 'codeartifact:GetAuthorizationToken'], Resource: '*' },
      {
        Effect: 'Allow',
        Action: 'codeartifact:ReadFromRepository',
        Resource: `arn:aws:codeartifact:us-east-1:${ACCOUNT}:repository/local/vault`,
      },
    ]
    const token = await (await registry.createUser('vault-reader', { statements })).token()
    expect((await registry.fetch('/npm/local/vault/-/ping', { token })).status).toBe(200)
    expect(await statusesWith(`Bearer ${token}`)).toEqual([403])
  })

  it.each(KINDS)('P-56 a token makes no token (%s)', async (kind) => {
    const path = `/v1/authorization-token?domain=local&domain-owner=${ACCOUNT}`
    const token = await tokenOf(kind, registry)
    expect((await registry.fetch(path, { method: 'POST', token })).status).toBe(403)
  })
})

describe('rights to read', () => {
  it.each(['nobody', 'a reader'] as const)('P-57 %s changes nothing', async (who) => {
    const reader = who === 'nobody' ? null : await (await registry.createUser('reader', 'reader')).token()
    const expected = who === 'nobody' ? [401, 403] : [403]
    const statuses: Record<string, number> = {}
    const ask = async (what: string, path: string, init: RequestInit) => {
      const { status } = await registry.fetch(path, {
        ...(init as object),
        token: reader,
        headers: { 'content-type': 'application/json' },
      })
      statuses[what] = status
    }
    statuses['publish'] = (
      await publishNpm(registry, { name: 'secret-plan', version: '2.0.0' }, { token: reader })
    ).status
    statuses['publish a new name'] = (
      await publishNpm(registry, { name: 'brand-new', version: '1.0.0' }, { token: reader })
    ).status
    const wheel = buildWheel({ name: 'secret-plan', version: '2.0.0' })
    statuses['upload'] = (
      await uploadPypi(registry, { name: 'secret-plan', version: '2.0.0', ...wheel }, { token: reader })
    ).status
    const tag = '/npm/local/main/-/package/secret-plan/dist-tags/latest'
    await ask('move a tag', tag, { method: 'PUT', body: '"1.0.0"' })
    await ask('delete a tag', tag.replace('latest', 'beta'), { method: 'DELETE' })
    const at = `domain=local&domain-owner=${ACCOUNT}&repository=main`
    await ask('delete the repository', `/v1/repository?${at}`, { method: 'DELETE' })
    await ask('change the repository', `/v1/repository?${at}`, { method: 'PUT', body: '{"upstreams":[]}' })
    await ask('make a repository', `/v1/repository?${at}2`, { method: 'POST', body: '{}' })
    await ask('delete the domain', `/v1/domain?domain=local&domain-owner=${ACCOUNT}`, { method: 'DELETE' })
    await ask('open the origin', `/v1/package?${at}&format=npm&package=secret-plan`, {
      method: 'POST',
      body: '{"restrictions":{"publish":"ALLOW","upstream":"ALLOW"}}',
    })
    await ask('make a user', `/api/accounts/${ACCOUNT}/users`, { method: 'POST', body: '{"name":"mallory"}' })
    await ask('make a key of the first user', `/api/accounts/${ACCOUNT}/users/admin/keys`, {
      method: 'POST',
      body: '{}',
    })
    await ask('take rights', `/api/accounts/${ACCOUNT}/users/reader/policies/more`, {
      method: 'PUT',
      body: '{"preset":"administrator"}',
    })
    await ask('make a connection', '/api/connections', {
      method: 'POST',
      body: '{"name":"private:evil","format":"npm","url":"https://evil.example/"}',
    })
    await ask('make a rule', '/api/domains/local/rules', {
      method: 'POST',
      body: '{"rule":{"kind":"deny-list","packages":[{"format":"npm","package":"secret-plan"}],"reason":"x"}}',
    })
    await ask('lift reservations', '/api/domains/local/reserved-prefixes', { method: 'PUT', body: '{"reserved":[]}' })
    for (const [what, status] of Object.entries(statuses)) expect(expected, what).toContain(status)
    const shown = (await (await registry.fetch('/npm/local/main/secret-plan')).json()) as {
      versions: object
      'dist-tags': object
    }
    expect(Object.keys(shown.versions)).toEqual(['1.0.0'])
    expect(shown['dist-tags']).toEqual({ latest: '1.0.0' })
    const { users } = await registry.admin.client.call(operations.listUsers, { account: ACCOUNT })
    expect(users.map(({ name }) => name)).not.toContain('mallory')
  })
})

describe('what was taken back', () => {
  const statusOf = async (others: TestRegistry, token: string) =>
    (await others.fetch('/npm/local/main/-/ping', { token })).status

  it.each<[string, number, (call: RegistryUser['client']['call'], user: RegistryUser) => Promise<unknown>]>([
    [
      'the access key of the token',
      401,
      (call, { name, key }) => call(operations.revokeAccessKey, { account: ACCOUNT, user: name, key: key.accessKeyId }),
    ],
    ['the user', 401, (call, { name }) => call(operations.deleteUser, { account: ACCOUNT, user: name })],
    [
      'the right',
      403,
      (call, { name }) => call(operations.detachUserPolicy, { account: ACCOUNT, user: name, policy: 'rights' }),
    ],
  ])('P-58 %s: the next request is refused', async (_what, status, takeBack) => {
    await using others = await startRegistry()
    const user = await others.createUser('leaving', 'publisher')
    const token = await user.token()
    expect([await statusOf(others, token), await statusOf(others, token)]).toEqual([200, 200])
    await takeBack(others.admin.client.call, user)
    expect(await statusOf(others, token)).toBe(status)
    expect(await publishNpm(others, { name: 'too-late', version: '1.0.0' }, { token })).toMatchObject({ status })
    await expect(user.token()).rejects.toThrow(/invalid|not authorized/)
  })

  const ROLE = { account: ACCOUNT, role: 'build' }
  it.each<[string, number, (call: Client['call']) => Promise<unknown>]>([
    ['the role', 401, (call) => call(operations.deleteRole, ROLE)],
    ['its sessions', 401, (call) => call(operations.revokeRoleSessions, ROLE)],
    ['the right', 403, (call) => call(operations.detachRolePolicy, { ...ROLE, policy: 'rights' })],
    [
      'the right, by a deny',
      403,
      (call) =>
        call(operations.attachRolePolicy, {
          ...ROLE,
          policy: 'less',
          document: policyOf({ ...allow('*'), Effect: 'Deny' }),
        }),
    ],
  ])('P-58 %s: the next request with a token of a session is refused', async (_what, status, takeBack) => {
    await using others = await startRegistry()
    const session = await callerOf('role', others)
    const { authorizationToken: token } = await session.call(operations.getAuthorizationToken, { domain: 'local' })
    expect([await statusOf(others, token), await statusOf(others, token)]).toEqual([200, 200])
    await takeBack(others.admin.client.call)
    expect(await statusOf(others, token)).toBe(status)
    expect(await publishNpm(others, { name: 'too-late', version: '1.0.0' }, { token })).toMatchObject({ status })
    await expect(session.call(operations.getAuthorizationToken, { domain: 'local' })).rejects.toThrow(
      /session is over|not authorized/,
    )
  })

  it.each<[string, (call: Client['call'], user: RegistryUser) => Promise<unknown>]>([
    [
      'the access key',
      (call, { name, key }) => call(operations.revokeAccessKey, { account: ACCOUNT, user: name, key: key.accessKeyId }),
    ],
    ['the user', (call, { name }) => call(operations.deleteUser, { account: ACCOUNT, user: name })],
  ])('P-58 %s at the root of a session: its tokens end with it', async (_what, takeBack) => {
    await using others = await startRegistry()
    const user = await others.createUser('leaving', { statements: [allow('sts:AssumeRole')] })
    const trust = [trusting(`arn:aws:iam::${ACCOUNT}:user/leaving`)]
    await createRole(others.admin.client, { ...ROLE, trust, rights: [allow('*')] })
    const roleArn = `arn:aws:iam::${ACCOUNT}:role/build`
    const session = clientOf(others.url, await user.client.assumeRole({ roleArn, sessionName: 'run-7' }))
    const { authorizationToken: token } = await session.call(operations.getAuthorizationToken, { domain: 'local' })
    expect(await statusOf(others, token)).toBe(200)
    await takeBack(others.admin.client.call, user)
    expect(await statusOf(others, token)).toBe(401)
    await expect(session.call(operations.whoAmI, {})).rejects.toThrow(/session is over/)
  })

  it('P-58 a user made anew under the old name is somebody else', async () => {
    await using others = await startRegistry()
    const user = await others.createUser('bob', 'reader')
    const token = await user.token()
    await others.admin.client.call(operations.deleteUser, { account: ACCOUNT, user: 'bob' })
    const namesake = await others.createUser('bob', 'reader')
    expect(await statusOf(others, await namesake.token())).toBe(200)
    expect(await statusOf(others, token)).toBe(401)
    await expect(user.token()).rejects.toThrow(/invalid/)
  })
})

it.each(KINDS)('P-54 a token that expired a second ago is over (%s)', async (kind) => {
  await using others = await startRegistry()
  await publishNpm(others, { name: 'secret-plan', version: '1.0.0' })
  const token = await tokenOf(kind, others, 'local', 900)
  const status = async () => (await others.fetch('/npm/local/main/secret-plan', { token })).status
  expect(await status()).toBe(200)
  others.passTime(898_000 - 2_000)
  expect(await status()).toBe(200)
  others.passTime(5_000)
  expect(await status()).toBe(401)
  expect(await statusesWith(`Bearer ${token}`, others)).toEqual([401])
})
