import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { publishNpm } from '../support/npm-publish.ts'
import { uploadPypi } from '../support/pypi-upload.ts'
import { getRaw, sendRaw } from '../support/raw-http.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'
import { buildWheel } from '../support/wheel.ts'

// Paths, names and routing: what a request line can be made to mean. Everything goes over a raw socket, so that no client
// tidies a path up before it leaves.

let upstream: NpmUpstream
let pypiUpstream: PypiUpstream
let registry: TestRegistry
let secrets: readonly string[]
let otherTarball: Uint8Array

beforeAll(async () => {
  upstream = await startNpmUpstream()
  pypiUpstream = await startPypiUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_NPMJS: upstream.url, GRANARY_UPSTREAM_PYPI: pypiUpstream.url })
  await publishNpm(registry, { name: 'pkg', version: '1.0.0' })
  otherTarball = (await publishNpm(registry, { name: 'other', version: '1.0.0' })).tarball
  await publishNpm(registry, { name: '@acme/scoped', version: '1.0.0' })
  const wheel = buildWheel({ name: 'hello', version: '1.0.0' })
  await uploadPypi(registry, { name: 'hello', version: '1.0.0', ...wheel })
  const masterKey = await readFile(join(registry.data, 'master.key'), 'latin1')
  secrets = [masterKey.trim(), 'root:x:', 'SQLite format 3']
})

afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  await pypiUpstream[Symbol.asyncDispose]()
})

const get = (path: string, options: Parameters<typeof getRaw>[2] = {}) =>
  getRaw(registry.url, path, { token: registry.token, ...options })

describe('traversal', () => {
  it.each([
    '/npm/local/main/%2F%2F%2F..%2F..%2F..%2Fetc%2Fpasswd',
    '/npm/local/main/..%2f..%2f..%2fmaster.key',
    '/npm/local/main/%2e%2e/%2e%2e/%2e%2e/granary.db',
    '/npm/local/main/../../../../../../etc/passwd',
    '/npm/local/main/..%5c..%5cmaster.key',
    '/npm/local/main/%2e%2e%5cmaster.key',
    '/npm/local/main/pkg/-/../../../../master.key',
    '/npm/local/main/pkg/-/%2e%2e%2f%2e%2e%2fgranary.db',
    '/npm/local/main/@acme%2f..%2f..%2fgranary.db',
    '/npm/local/main/-/package/..%2f..%2fmaster.key/dist-tags',
    '/npm/local/%2e%2e/pkg',
    '/npm/%2e%2e/%2e%2e/master.key',
    '/npm/..%2f..%2f/main/master.key',
    '/pypi/local/main/packages/..%2f..%2f..%2fmaster.key',
    '/pypi/local/main/packages/%2e%2e/%2e%2e/granary-1.0.tar.gz',
    '/pypi/local/main/packages/sha256/../../../master-1.0.tar.gz',
    '/pypi/local/main/simple/%2e%2e/',
    '/pypi/local/main/simple/..%2f..%2fmaster.key/',
  ])('P-01 %s gives no file of the machine and tells no upstream', async (path) => {
    upstream.requests.length = 0
    pypiUpstream.requests.length = 0
    const answer = await get(path)
    expect([400, 404]).toContain(answer.status)
    for (const secret of secrets) expect(answer.text).not.toContain(secret)
    expect([...upstream.requests, ...pypiUpstream.requests]).toEqual([])
  })

  it.each([
    '/npm/local/main/../../../-/metrics',
    '/npm/local/main/%2e%2e/%2e%2e/%2e%2e/-/metrics',
    '/%2d/metrics',
    '//-/metrics',
    '/-/x/../metrics',
    '/.well-known/x/../jwks.json',
  ])("P-03 %s is not what operators' tools ask for", async (path) => {
    expect([400, 404]).toContain((await getRaw(registry.url, path)).status)
  })

  it.each([
    '/npm/local/main/pkg/-/..%2f..%2fother%2f-%2fother-1.0.0.tgz',
    '/npm/local/main/pkg/-/../../other/-/other-1.0.0.tgz',
    '/npm/local/main/pkg/-/other%2f-%2fother-1.0.0.tgz',
    '/npm/local/main/pkg/-/other-1.0.0.tgz',
    '/npm/local/main/pkg%2f..%2fother/-/other-1.0.0.tgz',
    '/npm/local/main/@acme/scoped/-/@acme%2f..%2fother-1.0.0.tgz',
  ])('P-02 %s does not serve one package under the name of another', async (path) => {
    const answer = await get(path)
    expect([400, 404]).toContain(answer.status)
    expect(answer.body.includes(Buffer.from(otherTarball.subarray(0, 64)))).toBe(false)
  })
})

const PROTECTED = [
  ['GET', '/npm/local/main/pkg'],
  ['GET', '/npm/local/main/pkg/1.0.0'],
  ['GET', '/npm/local/main/pkg/-/pkg-1.0.0.tgz'],
  ['GET', '/npm/local/main/-/whoami'],
  ['GET', '/npm/local/main/-/package/pkg/dist-tags'],
  ['PUT', '/npm/local/main/pkg'],
  ['DELETE', '/npm/local/main/-/package/pkg/dist-tags/beta'],
  ['GET', '/pypi/local/main/simple/hello/'],
  ['POST', '/pypi/local/main/'],
  ['GET', '/v1/domain?domain=local'],
  ['POST', '/v1/domains'],
  ['POST', '/v1/authorization-token?domain=local'],
  ['POST', '/v1/repositories'],
  ['GET', '/api/whoami'],
  ['GET', '/api/accounts'],
  ['POST', '/api/accounts/000000000000/users'],
  ['GET', '/api/accounts/000000000000/users/admin/keys'],
  ['GET', '/api/connections'],
  ['GET', '/api/events'],
] as const

const DISGUISES: Readonly<Record<string, (path: string) => string>> = {
  'as it is': (path) => path,
  'a trailing slash': (path) => `${path}/`,
  'two trailing slashes': (path) => `${path}//`,
  'two leading slashes': (path) => `/${path}`,
  'a doubled slash inside': (path) => path.replace(/(?<=.)\//, '//'),
  'a dot segment': (path) => path.replace(/(?<=.)\//, '/./'),
  'a detour': (path) => path.replace(/(?<=.)\//, '/x/../'),
  'a path parameter': (path) => `${path};x=1`,
  'capital letters': (path) => path.toUpperCase(),
  'an encoded slash': (path) => path.replace(/(?<=.)\//, '%2f'),
  'an encoded letter': (path) => path.replace(/(?<=\/)[a-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
  'an encoded NUL': (path) => `${path}%00`,
  'an absolute address': (path) => `http://127.0.0.1${path}`,
  'a file extension': (path) => `${path}.json`,
}

describe('spellings of protected routes', () => {
  const cases = Object.entries(DISGUISES)

  it.each(cases)('P-03 %s opens none of them without a token', async (_disguise, disguise) => {
    for (const [method, path] of PROTECTED) {
      const [bare = '', query] = path.split('?')
      const target = disguise(bare) + (query === undefined ? '' : `?${query}`)
      const { status } = await getRaw(registry.url, target, { method, headers: { 'content-length': '0' } })
      expect([400, 401, 403, 404, 405], `${method} ${target}`).toContain(status)
    }
  })

  it('P-13 HEAD asks for the same rights as GET, and gives no body', async () => {
    const path = '/npm/local/main/pkg'
    const refused = await getRaw(registry.url, path, { method: 'HEAD' })
    expect(refused).toMatchObject({ status: 401, body: Buffer.alloc(0) })
    const answer = await get(path, { method: 'HEAD' })
    expect(answer).toMatchObject({ status: 200, body: Buffer.alloc(0) })
    expect(answer.headers.get('content-length')).toBe((await get(path)).headers.get('content-length'))
  })

  it.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])('P-13 %s changes nothing', async (name) => {
    const path = '/npm/local/main/-/package/pkg/dist-tags'
    const put = await registry.fetch(`${path}/beta`, { method: 'PUT', body: '"1.0.0"' })
    expect(put.status).toBe(201)
    for (const method of ['GET', 'POST']) await get(`${path}/beta`, { method, headers: { [name]: 'DELETE' } })
    expect(await (await registry.fetch(path)).json()).toMatchObject({ beta: '1.0.0' })
  })

  it.each(['OPTIONS', 'TRACE', 'CONNECT', 'PROPFIND', 'PATCH'])('P-13 %s is no way in', async (method) => {
    const answer = await getRaw(registry.url, '/npm/local/main/pkg', { method })
    expect([0, 400, 401, 404, 405, 501]).toContain(answer.status)
    expect(answer.headers.get('access-control-allow-origin')).toBeUndefined()
  })
})

describe('addresses in headers', () => {
  it('P-05 a foreign Host gets the configured address, and nobody else gets the foreign one', async () => {
    for (const headers of [
      { host: 'evil.example' },
      { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
    ]) {
      const answer = await get('/npm/local/main/pkg', { headers })
      expect(answer.status).toBe(200)
      expect(answer.text).not.toContain('evil.example')
      expect(answer.text).toContain(`${registry.url}/npm/local/main/pkg/-/pkg-1.0.0.tgz`)
      const redirect = await get('/pypi/local/main/simple/HELLO/', { headers })
      expect(redirect.text).not.toContain('evil.example')
    }
    expect(await (await registry.fetch('/npm/local/main/pkg')).text()).not.toContain('evil.example')
  })

  it.each([
    '/pypi/local/main/simple/Hel_lo%0d%0aX-Injected:1/',
    '/pypi/local/main/simple/Hel_lo/?a=%0d%0aX-Injected:1',
    '/pypi/local/main/simple/HELLO?%0d%0aX-Injected:%201',
    '/pypi/local/main/simple/HELLO%E5%98%8D%E5%98%8AX-Injected:1/',
    '/npm/local/main/pkg%0d%0aX-Injected:1',
    '/npm/local/main/pkg/-/pkg-1.0.0.tgz%0d%0aX-Injected:1',
    '/v1/domain?domain=local%0d%0aX-Injected:1',
  ])('P-06 %s injects no header', async (path) => {
    const answer = await get(path)
    expect(answer.status).toBeLessThan(500)
    expect(answer.headers.has('x-injected')).toBe(false)
    expect(answer.headers.get('location') ?? '').not.toMatch(/[\r\n]/)
  })
})

describe('names', () => {
  it.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'prototype', '__defineGetter__'])(
    'P-07 %s is a name like any other',
    async (name) => {
      const before = Object.getOwnPropertyNames(Object.prototype)
      for (const path of [
        `/npm/local/main/${name}`,
        `/npm/local/main/pkg/${name}`,
        `/npm/local/main/pkg/-/${name}`,
        `/npm/local/main/@${name}%2f${name}`,
        `/npm/local/main/-/package/${name}/dist-tags`,
        `/npm/${name}/main/pkg`,
        `/npm/local/${name}/pkg`,
        `/${name}/local/main/pkg`,
        `/pypi/local/main/simple/${name}/`,
        `/pypi/local/main/packages/sha256/${name}/${name}-1.0.tar.gz`,
        `/api/${name}`,
      ]) {
        const { status } = await get(path)
        // A token tells nothing of other domains than its own.
        expect(path.startsWith(`/npm/${name}`) ? [403, 404] : [301, 400, 404], path).toContain(status)
      }
      const published = await publishNpm(registry, {
        name: `holds-${name.replaceAll('_', '').toLowerCase()}`,
        version: '1.0.0',
        packageJson: JSON.parse(
          `{ "${name}": { "polluted": true }, "dependencies": { "${name}": "1.0.0" } }`,
        ) as object as Record<string, unknown>,
      })
      expect(published.status).toBeLessThan(500)
      expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    },
  )

  it.each(['FOO.bar', 'foo--bar', 'Foo_Bar', 'foo-_.bar', 'foo-bar'])(
    'P-08 %s is the project foo-bar',
    async (spelling) => {
      const wheel = buildWheel({ name: 'Foo_Bar', version: '1.0.0' })
      await uploadPypi(registry, { name: 'Foo_Bar', version: '1.0.0', ...wheel })
      const answer = await get(`/pypi/local/main/simple/${spelling}/`)
      if (spelling === 'foo-bar') expect(answer).toMatchObject({ status: 200 })
      else {
        expect(answer.status).toBe(301)
        expect(answer.headers.get('location')).toBe('/pypi/local/main/simple/foo-bar/')
      }
      // The name belongs to the domain in every spelling.
      expect(pypiUpstream.requests.filter(({ path }) => /foo.*bar/i.test(path))).toEqual([])
      const again = buildWheel({ name: spelling, version: '1.0.0', files: { 'other.py': 'OTHER = 1\n' } })
      const other = await uploadPypi(registry, { name: spelling, version: '1.0.0', ...again })
      expect(other).toMatchObject({ status: 400, text: expect.stringContaining('File already exists') })
    },
  )

  it('P-08 who may publish one project may publish no other that is spelled alike', async () => {
    const resource = 'arn:aws:codeartifact:us-east-1:000000000000:package/local/main/pypi//foo-bar'
    const statements = [
      { Effect: 'Allow', Action: ['sts:GetServiceBearerToken', 'codeartifact:GetAuthorizationToken'], Resource: '*' },
      { Effect: 'Allow', Action: 'codeartifact:PublishPackageVersion', Resource: resource },
    ]
    const token = await (await registry.createUser('one-project', { statements })).token()
    const upload = (name: string, version: string) =>
      uploadPypi(registry, { name, version, ...buildWheel({ name, version }) }, { token })
    expect(await upload('FOO.Bar', '2.0.0')).toMatchObject({ status: 200 })
    for (const name of ['foobar', 'foo-bar-x', 'hello'])
      expect(await upload(name, '2.0.0')).toMatchObject({ status: 403 })
  })

  it('P-09 a body that names another package than its address changes neither', async () => {
    const resource = 'arn:aws:codeartifact:us-east-1:000000000000:package/local/main/npm/org/mine'
    const statements = [
      { Effect: 'Allow', Action: ['sts:GetServiceBearerToken', 'codeartifact:GetAuthorizationToken'], Resource: '*' },
      { Effect: 'Allow', Action: 'codeartifact:PublishPackageVersion', Resource: resource },
    ]
    const token = await (await registry.createUser('owner-of-mine', { statements })).token()
    await publishNpm(registry, { name: '@org/theirs', version: '1.0.0' })
    const lies = [
      { name: '@org/theirs' },
      { name: '@org/mine', body: { name: '@org/theirs' } },
      { name: '@org/mine', body: { _id: '@org/theirs' } },
      { name: '@org/mine', manifest: { name: '@org/theirs' } },
    ]
    for (const lie of lies) {
      const refused = await publishNpm(registry, { version: '6.6.6', ...lie }, { at: '@org%2fmine', token })
      expect([400, 422]).toContain(refused.status)
    }
    // The other way round, the address is what rights are asked for.
    const honest = await publishNpm(registry, { name: '@org/theirs', version: '6.6.6' }, { token })
    expect(honest.status).toBe(403)
    expect((await get('/npm/local/main/@org%2fmine')).status).toBe(404)
    const theirs = (await (await registry.fetch('/npm/local/main/@org%2ftheirs')).json()) as { versions: object }
    expect(Object.keys(theirs.versions)).toEqual(['1.0.0'])
  })

  it('P-10 a scoped name has three spellings and no fourth', async () => {
    const spellings = ['@acme%2fscoped', '@acme%2Fscoped', '@acme/scoped', '%40acme%2fscoped']
    const bodies = await Promise.all(
      spellings.map(async (name) => (await get(`/npm/local/main/${name}`)).body.toString()),
    )
    expect(new Set(bodies).size).toBe(1)
    expect(JSON.parse(bodies[0] ?? '')).toMatchObject({ name: '@acme/scoped' })
    for (const name of ['@acme%252fscoped', '%2540acme%252fscoped', '@acme%2f%2fscoped', '@acme%5cscoped'])
      expect([400, 404], name).toContain((await get(`/npm/local/main/${name}`)).status)
  })

  it('P-11 a name or version that is too long is refused at once', async () => {
    const name = 'a'.repeat(215)
    const started = performance.now()
    // Nobody can have published under such a name: a reader finds nothing, a publisher is told why.
    expect((await get(`/npm/local/main/${name}`)).status).toBe(404)
    expect((await publishNpm(registry, { name, version: '1.0.0' })).status).toBe(400)
    const version = `1.0.0-${'a'.repeat(257)}`
    expect((await get(`/npm/local/main/pkg/${version}`)).status).toBe(400)
    expect([400, 422]).toContain((await publishNpm(registry, { name: 'pkg', version })).status)
    expect(performance.now() - started).toBeLessThan(2_000)
    expect(upstream.requests.filter(({ path }) => path.includes(name))).toEqual([])
  })

  it.each([
    '%00',
    'pkg%00.tgz',
    '%c0%ae%c0%ae',
    '%ff%fe',
    '%',
    '%zz',
    'pkg%e2%28%a1',
    '\xc3\x28',
    '\x80\x81',
    '%1b[31m',
  ])('P-12 the path %j is refused, and logged on one line', async (path) => {
    for (const root of [
      '/npm/local/main/',
      '/npm/local/main/pkg/-/',
      '/pypi/local/main/simple/',
      '/pypi/local/main/packages/',
    ]) {
      const answer = await get(root + path)
      expect([400, 404], root + path).toContain(answer.status)
    }
    // What is written to the log is read line by line: a path that broke out of its own would not be among them.
    const logged = registry.log.filter((line) => line['path'] === `/npm/local/main/${path}`)
    expect(logged).toHaveLength(/[^\x20-\x7e]/.test(path) ? 0 : 1)
  })

  it('P-12 a request line that is none is refused, and its connection closed', async () => {
    for (const line of [
      'GET  HTTP/1.1',
      'GET /npm/local/main/\x00pkg HTTP/1.1',
      'GET /npm/local/main/pk g HTTP/1.1',
      '\x16\x03\x01\x02\x00',
    ]) {
      const answer = await sendRaw(registry.url, `${line}\r\nHost: x\r\n\r\n`)
      expect(answer).toMatchObject({ status: 400, closed: true, answers: 1 })
    }
  })
})
