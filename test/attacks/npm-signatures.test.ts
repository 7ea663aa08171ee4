import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { startCanary } from '../support/canary.ts'
import { watchMemory } from '../support/memory.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'

// Keys, attestations and advisories from an upstream that means no good, and requests for them by whoever may not ask.

const KEYS = '-/npm/v1/keys'
const ATTESTATIONS = '-/npm/v1/attestations/'
const ADVISORIES = '-/npm/v1/security/advisories/bulk'
const MEBIBYTE = 1024 * 1024

type Answer = (response: ServerResponse) => void
const send =
  (body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}, status = 200): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(body)
  }
const endless: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  const more = () => {
    if (!response.destroyed) response.write(Buffer.alloc(MEBIBYTE, ' '), more)
  }
  more()
}

/** In front of a real upstream: one path of it answers otherwise. */
let hostile: { path: string; answer: Answer } | null = null
let npmjs: NpmUpstream
let registry: TestRegistry
let front: ReturnType<typeof createServer>

beforeAll(async () => {
  npmjs = await startNpmUpstream()
  front = createServer(async (request, response) => {
    if (hostile && request.url === `/${hostile.path}`) return hostile.answer(response)
    const behind = await fetch(npmjs.origin + request.url)
    response.writeHead(behind.status, { 'content-type': 'application/json' })
    response.end(Buffer.from(await behind.arrayBuffer()))
  })
  front.listen(0, '127.0.0.1')
  await once(front, 'listening')
  const { port } = front.address() as AddressInfo
  registry = await startRegistry({ GRANARY_UPSTREAM_NPMJS: `http://127.0.0.1:${port}/` })
})
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  front.closeAllConnections()
  front.close()
  await npmjs[Symbol.asyncDispose]()
})

/** A package that no other case has, attested by the real upstream. */
let name = ''
let taken = 0
beforeEach(async () => {
  hostile = null
  name = `hello-${(taken += 1)}`
  await npmjs.publish({ name, version: '1.0.0', attested: true })
  registry.passTime(3_600_000)
})

const get = async (path: string, init: Parameters<TestRegistry['fetch']>[1] = {}) =>
  registry.fetch(`/npm/local/main/${path}`, { token: await registry.admin.token(), ...init })
const FRESH = { 'cache-control': 'no-cache' }
const ask = (names: readonly string[]) =>
  get(ADVISORIES, { method: 'POST', body: JSON.stringify(Object.fromEntries(names.map((one) => [one, ['1.0.0']]))) })

const HOSTILE: readonly (readonly [string, Answer])[] = [
  ['a page for people', send('<html><script>alert(1)</script></html>', { 'content-type': 'text/html' })],
  ['a page that says it is JSON', send('<html></html>')],
  ['a list', send('[]')],
  ['null', send('null')],
  ['another document', send('{"name":"hello","versions":{}}')],
  ['keys and attestations that are none', send('{"keys":[1],"attestations":["x"]}')],
  ['keys and attestations that are texts', send('{"keys":"x","attestations":"x"}')],
  ['a key without an id', send('{"keys":[{"key":"x","keytype":"x","scheme":"x"}],"attestations":[{}]}')],
  ['an endless document', endless],
  ['a large document', send(`{"keys":[],"attestations":[],"x":"${'x'.repeat(3 * MEBIBYTE)}"}`)],
  [
    'a document that unfolds',
    send(gzipSync(Buffer.alloc(200 * MEBIBYTE, ' '), { level: 1 }), { 'content-encoding': 'gzip' }),
  ],
  ['a document that is nested', send('['.repeat(900_000))],
  ['nothing', send('')],
  ['half a document', send('{"keys":[')],
  ['a redirect to itself', (response) => send('', { location: response.req.url ?? '' }, 302)(response)],
]

describe('documents of a hostile upstream', () => {
  it.each(HOSTILE)('%s is neither served nor kept, and what is here stays', async (_what, answer) => {
    const { grownBy } = await watchMemory(() => remainsAs(answer))
    expect(grownBy).toBeLessThan(400 * MEBIBYTE)
  })

  const remainsAs = async (answer: Answer) => {
    for (const path of [KEYS, `${ATTESTATIONS}${name}@1.0.0`]) {
      const first = await get(path)
      expect(first.status).toBe(200)
      const text = await first.text()
      hostile = { path, answer }
      registry.passTime(3_600_000)
      const stale = await get(path, { headers: FRESH })
      expect([path, stale.status, stale.headers.has('warning')]).toEqual([path, 200, true])
      expect(await stale.text()).toBe(text)
    }
    // Where nothing is here yet, it is an outage.
    await npmjs.publish({ name: `${name}-cold`, version: '1.0.0', attested: true })
    hostile = { path: `${ATTESTATIONS}${name}-cold@1.0.0`, answer }
    expect((await get(hostile.path)).status).toBe(502)
    hostile = null
    registry.passTime(60_000)
    expect((await get(`${ATTESTATIONS}${name}-cold@1.0.0`)).status).toBe(200)
  }

  it('give no header and no member that is theirs to a client', async () => {
    const key = { ...npmjs.signer.publicKey, note: '<script>', toString: 'x' }
    const headers = { 'set-cookie': 'session=1', 'x-evil': '1', 'content-type': 'text/html', 'npm-notice': 'run this' }
    hostile = { path: KEYS, answer: send(JSON.stringify({ keys: [key], more: 1 }), headers) }
    const answer = await get(KEYS, { headers: FRESH })
    expect(await answer.json()).toEqual({ keys: [npmjs.signer.publicKey] })
    const document = JSON.stringify({ attestations: [{ bundle: {}, '</script>': '<script>' }] })
    hostile = { path: `${ATTESTATIONS}${name}@1.0.0`, answer: send(document, headers) }
    const attested = await get(hostile.path)
    expect(await attested.text()).toBe(document)
    for (const { headers: sent } of [answer, attested]) {
      expect(sent.get('content-type')).toBe('application/json')
      expect(sent.get('x-content-type-options')).toBe('nosniff')
      for (const header of ['set-cookie', 'x-evil', 'npm-notice']) expect(sent.get(header)).toBeNull()
    }
  })

  it.each(['https://evil.example/x', 'javascript:alert(1)', '//evil.example', '', 1, null])(
    'lead nobody to %j in place of this registry',
    async (url) => {
      await using canary = await startCanary()
      const leading = typeof url === 'string' ? url.replace('https://evil.example', canary.origin) : url
      const version = '2.0.0'
      await npmjs.publish({ name, version, dist: { attestations: { url: leading, provenance: {} } } })
      const manifest = (await (await get(`${name}/${version}`)).json()) as { dist: { attestations: { url: string } } }
      expect(manifest.dist.attestations.url).toBe(`${registry.url}/npm/local/main/${ATTESTATIONS}${name}@2.0.0`)
      expect((await get(`${ATTESTATIONS}${name}@2.0.0`)).status).toBe(404)
      expect(canary.connections).toBe(0)
    },
  )
})

describe('answers to an audit by a hostile upstream', () => {
  it.each([
    ['a page for people', send('<html></html>', { 'content-type': 'text/html' })],
    ['a list', send('[]')],
    ['an endless one', endless],
    [
      'one that unfolds',
      send(gzipSync(Buffer.alloc(200 * MEBIBYTE, ' '), { level: 1 }), { 'content-encoding': 'gzip' }),
    ],
  ])('%s is an outage, never "no vulnerabilities"', async (_what, answer) => {
    hostile = { path: ADVISORIES, answer }
    const answered = await ask([name])
    expect(answered.status).toBe(502)
    hostile = null
    registry.passTime(60_000)
  })

  it('speaks only about what it was asked', async () => {
    const { call } = registry.admin.client
    await call(operations.putReservedPrefixes, { domain: 'local', reserved: [{ format: 'npm', prefix: '@acme/' }] })
    const advisory = [{ id: 1, url: 'https://evil.example/', severity: 'critical', vulnerable_versions: '*' }]
    const said = `{"${name}":${JSON.stringify(advisory)},"@acme/secret":${JSON.stringify(advisory)},"__proto__":${JSON.stringify(advisory)},"other":[]}`
    hostile = { path: ADVISORIES, answer: send(said, { 'set-cookie': 'a=1' }) }
    const answer = await ask([name, '@acme/secret'])
    expect(answer.headers.get('set-cookie')).toBeNull()
    expect(await answer.json()).toEqual({ [name]: advisory })
  })
})

describe('who may ask', () => {
  const paths = () => [
    ['GET', KEYS],
    ['GET', `${ATTESTATIONS}${name}@1.0.0`],
    ['GET', `npm/local/main/${ATTESTATIONS}${name}@1.0.0`],
    ['POST', ADVISORIES],
  ]

  it('nobody without a token, and nobody who may not read', async () => {
    const actions = ['codeartifact:GetAuthorizationToken', 'sts:GetServiceBearerToken']
    const stranger = await registry.createUser(`stranger-${name}`, {
      statements: [{ Effect: 'Allow', Action: actions, Resource: '*' }],
    })
    const token = await stranger.token()
    npmjs.requests.length = 0
    for (const [method = '', path = ''] of paths()) {
      const init = { method, ...(method === 'POST' && { body: `{"${name}":["1.0.0"]}` }) }
      expect((await get(path, { ...init, token: null })).status, path).toBe(401)
      expect((await get(path, { ...init, token })).status, path).toBe(403)
    }
    expect(npmjs.requests).toEqual([])
  })

  it('nobody about a name that belongs to the domain: no upstream hears it', async () => {
    const { call } = registry.admin.client
    await call(operations.putReservedPrefixes, { domain: 'local', reserved: [{ format: 'npm', prefix: '@acme/' }] })
    await npmjs.publish({ name: '@acme/secret', version: '1.0.0', attested: true })
    npmjs.requests.length = 0
    for (const spec of ['@acme%2fsecret@1.0.0', '@acme/secret@1.0.0'])
      expect((await get(ATTESTATIONS + spec, { headers: FRESH })).status).toBe(404)
    expect(npmjs.requests).toEqual([])
  })

  it.each([
    '..%2f..%2fkeys@1.0.0',
    'hello@1.0.0%2f..%2f..%2fkeys',
    'hello@..',
    'hello@1.0.0%00',
    'hello@1.0.0%3fwrite=true',
    'hello@1.0.0%23',
    `hello@${'1'.repeat(300)}`,
    '%252e%252e@1.0.0',
    '@acme@1.0.0',
    'a/b/c@1.0.0',
  ])('nobody with the address %s', async (spec) => {
    npmjs.requests.length = 0
    expect([400, 404]).toContain((await get(ATTESTATIONS + spec)).status)
    expect(npmjs.requests.filter(({ path }) => path.includes('/-/'))).toEqual([])
  })
})
