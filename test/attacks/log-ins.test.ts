import { expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { startRegistry, type RegistryUser, type TestRegistry } from '../support/server.ts'

// Guessing, and pretending to come from somewhere else.

it('P-76 too many wrong log-ins are refused with the time to wait, and nobody else is', async () => {
  await using registry = await startRegistry()
  const wrong = (token: string) => registry.fetch('/npm/local/main/-/whoami', { token })
  const statuses: number[] = []
  for (let guess = 0; guess < 200; guess++) statuses.push((await wrong(`guess-${guess}`)).status)
  expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401])
  expect(new Set(statuses.slice(20))).toEqual(new Set([429]))
  const refused = await wrong('one-more')
  const seconds = Number(refused.headers.get('retry-after'))
  expect(seconds).toBeGreaterThan(0)
  expect(seconds).toBeLessThanOrEqual(60)
  // Who shares the address and knows a token still gets in.
  expect((await registry.fetch('/npm/local/main/-/whoami')).status).toBe(200)
  expect((await registry.createUser('somebody-else', 'reader')).name).toBe('somebody-else')
  registry.passTime((seconds + 1) * 1000)
  expect((await wrong('after-the-wait')).status).toBe(401)
})

it('P-76 one token that is tried again and again is refused unseen', async () => {
  await using registry = await startRegistry()
  const statuses = new Set<number>()
  for (let guess = 0; guess < 50; guess++)
    statuses.add((await registry.fetch('/npm/local/main/-/whoami', { token: 'the-same' })).status)
  expect(statuses).toEqual(new Set([401, 429]))
})

const ACCOUNT = '000000000000'
const basic = (token: string) => ({ authorization: `Basic ${Buffer.from(`aws:${token}`).toString('base64')}` })

/** Every door that takes tokens. */
const DOORS: readonly ((registry: TestRegistry, token: string) => Promise<Response>)[] = [
  (registry, token) => registry.fetch('/npm/local/main/-/whoami', { token }),
  (registry, token) => registry.fetch('/pypi/local/main/simple/hello/', { token: null, headers: basic(token) }),
  (registry, token) => registry.fetch('/api/whoami', { token }),
]

type End = (registry: TestRegistry, user: RegistryUser) => unknown
it.each<[string, End, string]>([
  ['expired', (registry) => registry.passTime(13 * 3_600_000), 'The token has expired; get a new one'],
  [
    'lost its key',
    ({ admin }, { name, key }) =>
      admin.client.call(operations.revokeAccessKey, { account: ACCOUNT, user: name, key: key.accessKeyId }),
    'The access key that the token was made with was revoked; get a new token',
  ],
  [
    'lost its user',
    ({ admin }, { name }) => admin.client.call(operations.deleteUser, { account: ACCOUNT, user: name }),
    'The user whom the token was made for does not exist any more',
  ],
])('P-76 a token that %s is told so at every door each time, and keeps nobody out', async (_what, end, reason) => {
  await using registry = await startRegistry()
  const user = await registry.createUser('leaving', 'reader')
  const token = await user.token()
  for (const ask of DOORS) expect((await ask(registry, token)).status).not.toBe(401)
  await end(registry, user)
  for (let round = 0; round < 12; round++)
    for (const ask of DOORS) {
      const refused = await ask(registry, token)
      expect(refused.status).toBe(401)
      expect(await refused.text()).toContain(reason)
    }
  // The address may guess wrong as often as if nothing had been.
  const statuses: number[] = []
  for (let guess = 0; guess < 11; guess++)
    statuses.push((await registry.fetch('/npm/local/main/-/whoami', { token: `${token.slice(0, -9)}${guess}` })).status)
  expect(statuses).toEqual([...Array<number>(10).fill(401), 429])
})

const FROM_OFFICE = {
  statements: [
    { Effect: 'Allow', Action: ['sts:GetServiceBearerToken', 'codeartifact:GetAuthorizationToken'], Resource: '*' },
    {
      Effect: 'Allow',
      Action: 'codeartifact:ReadFromRepository',
      Resource: '*',
      Condition: { IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } },
    },
  ],
}

const PRETENCES: readonly Readonly<Record<string, string>>[] = [
  { 'x-forwarded-for': '203.0.113.7' },
  { 'x-forwarded-for': '203.0.113.7, 127.0.0.1' },
  { 'x-real-ip': '203.0.113.7' },
  { forwarded: 'for=203.0.113.7' },
  { 'client-ip': '203.0.113.7' },
  { 'true-client-ip': '203.0.113.7' },
]

it('P-04 a client does not say where it comes from', async () => {
  await using registry = await startRegistry()
  const token = await (await registry.createUser('commuter', FROM_OFFICE)).token()
  for (const headers of PRETENCES)
    expect((await registry.fetch('/npm/local/main/-/ping', { token, headers })).status).toBe(403)
  // Nor does it get a new allowance of wrong log-ins by saying so.
  const statuses: number[] = []
  for (let guess = 0; guess < 30; guess++) {
    const headers = { 'x-forwarded-for': `198.51.100.${guess}` }
    statuses.push((await registry.fetch('/npm/local/main/-/whoami', { token: `guess-${guess}`, headers })).status)
  }
  expect(statuses.at(-1)).toBe(429)
})

it('P-04 a trusted proxy does, for the hop that it saw itself', async () => {
  await using registry = await startRegistry({ GRANARY_TRUSTED_PROXIES: '127.0.0.1' })
  const token = await (await registry.createUser('commuter', FROM_OFFICE)).token()
  const from = async (address: string) => {
    const headers = { 'x-forwarded-for': address }
    return (await registry.fetch('/npm/local/main/-/ping', { token, headers })).status
  }
  expect(await from('203.0.113.7')).toBe(200)
  expect(await from('198.51.100.1')).toBe(403)
  // What stands further left came from the client.
  expect(await from('203.0.113.7, 198.51.100.1')).toBe(403)
  expect(await from('198.51.100.1, 203.0.113.7')).toBe(200)
  expect(await from('203.0.113.7, 198.51.100.1, 127.0.0.1')).toBe(403)
  expect(await from('nonsense')).toBe(403)
})
