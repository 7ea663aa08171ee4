import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packNpm, publishNpm } from '../../test/support/npm-publish.ts'
import { uploadPypi } from '../../test/support/pypi-upload.ts'
import { getRaw, sendRaw } from '../../test/support/raw-http.ts'
import { startRegistry, type TestRegistry } from '../../test/support/server.ts'
import { startNpmUpstream, type NpmUpstream } from '../../test/support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream } from '../../test/support/upstream/pypi.ts'
import { buildWheel } from '../../test/support/wheel.ts'
import { operations } from '../api/index.ts'
import { splitPackagePath } from './packages.ts'

let npm: NpmUpstream
let pypi: PypiUpstream
let registry: TestRegistry

beforeAll(async () => {
  npm = await startNpmUpstream()
  pypi = await startPypiUpstream()
  registry = await startRegistry({
    GRANARY_UPSTREAM_NPMJS: npm.url,
    GRANARY_UPSTREAM_PYPI: pypi.url,
    GRANARY_PUBLIC_URL: 'http://one.example,https://two.example:8443',
    GRANARY_TRUSTED_PROXIES: '127.0.0.1',
  })
  await npm.publish({ name: 'hello', version: '1.0.0' })
  await registry.admin.client.call(operations.createDomain, { domain: 'other' })
  await registry.admin.client.call(operations.createRepository, { domain: 'other', repository: 'main' })
})
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await npm[Symbol.asyncDispose]()
  await pypi[Symbol.asyncDispose]()
})

const get = (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
  getRaw(registry.url, path, { token: registry.token, headers, method })

it.each([
  ['/npm/local/main/hello', ['npm', 'local', 'main', '/hello']],
  ['/npm/local/main/', ['npm', 'local', 'main', '/']],
  ['/pypi/a/b/simple//x', ['pypi', 'a', 'b', '/simple//x']],
  ['/npm/local/main', undefined],
  ['/npm//main/x', undefined],
  ['//npm/local/main/x', undefined],
  ['/NPM/local/main/x', undefined],
  ['/npm/local/ma%2fin/x', ['npm', 'local', 'ma%2fin', '/x']],
  ['http://x/npm/local/main/x', undefined],
])('%s is taken apart undecoded', (path, parts) => {
  const split = splitPackagePath(path)
  expect(split && [split.format, split.domain, split.repository, split.rest]).toEqual(parts)
})

describe('who may come in', () => {
  it.each([
    ['/npm/local/main/hello', null, 401],
    ['/npm/local/main/hello', 'nonsense', 401],
    ['/npm/local/nowhere/hello', null, 401],
    ['/npm/nowhere/main/hello', null, 401],
    ['/pypi/nowhere/main/', null, 401],
    ['/npm/local/nowhere/hello', undefined, 404],
    // A token is for one domain, and tells nothing of the others.
    ['/npm/nowhere/main/hello', undefined, 403],
    ['/npm/other/main/hello', undefined, 403],
    ['/npm/other/main/-/ping', undefined, 403],
    ['/npm/other/nowhere/-/ping', undefined, 403],
    ['/pypi/other/main/', undefined, 403],
    ['/npm/local/ma%69n/hello', undefined, 404],
    ['/npm/LOCAL/main/hello', undefined, 404],
    ['/npm/local/main/hello', undefined, 200],
  ] as const)('%s with %s: %i', async (path, token, status) => {
    const method = path.startsWith('/pypi') ? 'POST' : 'GET'
    const response = await registry.fetch(path, { method, ...(token !== undefined && { token }) })
    expect(response.status).toBe(status)
    expect(response.headers.has('www-authenticate')).toBe(status === 401)
  })

  it('a condition on the address holds at every door', async () => {
    const from = async (name: string, cidr: string, effect: 'Allow' | 'Deny') => {
      const rights = [
        { Effect: 'Allow', Action: ['sts:GetServiceBearerToken', 'codeartifact:GetAuthorizationToken'], Resource: '*' },
        ...(effect === 'Deny' ? [{ Effect: 'Allow', Action: 'codeartifact:*', Resource: '*' }] : []),
        {
          Effect: effect,
          Action: ['codeartifact:ReadFromRepository', 'codeartifact:PublishPackageVersion'],
          Resource: '*',
          Condition: { IpAddress: { 'aws:SourceIp': cidr } },
        },
      ]
      return (await registry.createUser(name, { statements: rights })).token()
    }
    const allowed = await from('office', '127.0.0.0/8', 'Allow')
    const elsewhere = await from('elsewhere', '198.51.100.0/24', 'Allow')
    const denied = await from('banned', '127.0.0.0/8', 'Deny')
    const statuses = async (token: string, name: string) => [
      (await registry.fetch('/npm/local/main/hello', { token })).status,
      (await publishNpm(registry, { name, version: '1.0.0' }, { token })).status,
      (await uploadPypi(registry, { name, version: '1.0.0', ...buildWheel({ name, version: '1.0.0' }) }, { token }))
        .status,
    ]
    expect(await statuses(allowed, 'from-office')).toEqual([200, 201, 200])
    expect(await statuses(elsewhere, 'from-elsewhere')).toEqual([403, 403, 403])
    expect(await statuses(denied, 'from-banned')).toEqual([403, 403, 403])
    // As the trusted proxy tells it.
    const headers = { 'x-forwarded-for': '198.51.100.7' }
    expect((await registry.fetch('/npm/local/main/hello', { token: elsewhere, headers })).status).toBe(200)
    expect((await registry.fetch('/npm/local/main/hello', { token: allowed, headers })).status).toBe(403)
  })
})

describe('an answer', () => {
  const tarballIn = async (headers: Readonly<Record<string, string>>) => {
    const { body } = await get('/npm/local/main/hello', headers)
    return (JSON.parse(body.toString()) as { versions: Record<string, { dist: { tarball: string } }> }).versions[
      '1.0.0'
    ]?.dist.tarball
  }

  it.each([
    ['one.example', 'http://one.example'],
    ['two.example:8443', 'https://two.example:8443'],
    ['evil.example', 'http://one.example'],
  ])('for Host %s names %s', async (host, origin) => {
    expect(await tarballIn({ host })).toBe(`${origin}/npm/local/main/hello/-/hello-1.0.0.tgz`)
    expect(await tarballIn({ host })).toBe(`${origin}/npm/local/main/hello/-/hello-1.0.0.tgz`)
  })

  it('is compressed for who takes that, with a validator of its own', async () => {
    const plain = await get('/npm/local/main/hello')
    const packed = await get('/npm/local/main/hello', { 'accept-encoding': 'gzip' })
    expect(plain.headers.get('content-encoding')).toBeUndefined()
    expect(packed.headers.get('content-encoding')).toBe('gzip')
    expect(packed.headers.get('etag')).not.toBe(plain.headers.get('etag'))
    const etag = packed.headers.get('etag') ?? ''
    expect(await get('/npm/local/main/hello', { 'accept-encoding': 'gzip', 'if-none-match': etag })).toMatchObject({
      status: 304,
    })
    expect((await get('/npm/local/main/hello', { 'if-none-match': etag })).status).toBe(200)
  })

  it('to HEAD has the headers of GET and no body', async () => {
    const [asked, headed] = [await get('/npm/local/main/hello'), await get('/npm/local/main/hello', {}, 'HEAD')]
    expect([headed.status, headed.body.length]).toEqual([200, 0])
    for (const name of ['etag', 'content-length', 'content-type', 'vary', 'cache-control'])
      expect(headed.headers.get(name), name).toBe(asked.headers.get(name))
  })

  it('tells how it came about', async () => {
    await npm.publish({ name: 'fresh', version: '1.0.0' })
    const statuses = []
    for (let asked = 0; asked < 2; asked++) statuses.push((await get('/npm/local/main/fresh')).headers.get('x-cache'))
    for (let asked = 0; asked < 2; asked++)
      statuses.push((await get('/npm/local/main/fresh/-/fresh-1.0.0.tgz')).headers.get('x-cache'))
    expect(statuses).toEqual(['miss', 'hit', 'miss', 'hit'])
  })

  it('of a file that nobody fetched yet: HEAD knows its length, a part of it is right', async () => {
    const tarballBytes = Buffer.from(Array.from({ length: 200_000 }, (_, at) => at % 251))
    for (const name of ['cold-head', 'cold-part']) await npm.publish({ name, version: '1.0.0', tarballBytes })
    const headed = await get('/npm/local/main/cold-head/-/cold-head-1.0.0.tgz', {}, 'HEAD')
    expect([headed.status, headed.headers.get('content-length'), headed.body.length]).toEqual([200, '200000', 0])
    const part = await get('/npm/local/main/cold-part/-/cold-part-1.0.0.tgz', { range: 'bytes=1000-1099' })
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 1000-1099/200000'])
    expect(part.body.equals(tarballBytes.subarray(1000, 1100))).toBe(true)
    // The part is cut out of the whole, which was verified; for its headers nothing is fetched.
    const asked = (name: string) =>
      npm.requests.filter(({ path }) => path.endsWith(`${name}-1.0.0.tgz`)).map(({ method, sent }) => [method, sent])
    expect([asked('cold-head'), asked('cold-part')]).toEqual([[['HEAD', 0]], [['GET', tarballBytes.length]]])
    const cached = async (name: string) =>
      (await get(`/npm/local/main/${name}/-/${name}-1.0.0.tgz`)).headers.get('x-cache')
    expect([await cached('cold-head'), await cached('cold-head')]).toEqual(['miss', 'hit'])
    expect(await cached('cold-part')).toBe('hit')
  })

  it('that cannot be given leaves its connection for the next', async () => {
    const request = (path: string) =>
      `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${registry.token}\r\n\r\n`
    const { answers, text } = await sendRaw(
      registry.url,
      request('/npm/local/main/no-such-package-anywhere') + request('/npm/local/main/-/nothing') + request('/npm/x'),
    )
    expect(answers).toBe(3)
    expect(text).not.toMatch(/connection: close/i)
  })

  it('that nobody foresaw is told by its number, and in full to the log only', async () => {
    // A published version whose bytes are gone: nothing that a client could help.
    const tarball = await packNpm({ name: 'broken', version: '1.0.0' })
    await publishNpm(registry, { name: 'broken', version: '1.0.0', tarball })
    const sha256 = createHash('sha256').update(tarball).digest('hex')
    await rm(join(registry.data, 'blobs/sha256', sha256.slice(0, 2), sha256.slice(2)))
    const { status, headers, body } = await get('/npm/local/main/broken/-/broken-1.0.0.tgz')
    const id = headers.get('x-request-id') ?? ''
    expect(status).toBe(500)
    expect(body.toString()).toContain(id)
    expect(body.toString()).not.toContain(sha256)
    expect(registry.log.filter(({ request, level }) => request === id && level === 'error')).toMatchObject([
      { error: { message: expect.stringContaining(sha256) } },
    ])
  })
})

describe('names of the domain', () => {
  it('leave by no door, in no form, under no condition', { timeout: 30_000 }, async () => {
    await registry.admin.client.call(operations.putReservedPrefixes, {
      domain: 'local',
      reserved: [
        { format: 'npm', prefix: '@acme/' },
        { format: 'pypi', prefix: 'acme-' },
      ],
    })
    await publishNpm(registry, { name: '@team/secret', version: '1.0.0' })
    const wheel = buildWheel({ name: 'team-secret', version: '1.0.0' })
    await uploadPypi(registry, { name: 'team-secret', version: '1.0.0', ...wheel })
    const paths = [
      ...['@team%2fsecret', '@acme%2funborn'].flatMap((name) => [
        `/npm/local/main/${name}`,
        `/npm/local/npm-store/${name}`,
        `/npm/local/main/${name}/9.9.9`,
        `/npm/local/main/${name}/latest`,
        `/npm/local/main/-/package/${name}/dist-tags`,
        `/npm/local/main/${name}/-/${name.slice(name.indexOf('%2f') + 3)}-9.9.9.tgz`,
      ]),
      ...['team-secret', 'acme-unborn'].flatMap((name) => [
        `/pypi/local/main/simple/${name}/`,
        `/pypi/local/pypi-store/simple/${name}/`,
        `/pypi/local/main/packages/aa/bb/cc/${name.replace('-', '_')}-9.9-py3-none-any.whl`,
        `/pypi/local/main/packages/aa/bb/cc/${name.replace('-', '_')}-9.9-py3-none-any.whl.metadata`,
        `/pypi/local/main/packages/aa/bb/cc/${name}-9.9.tar.gz`,
      ]),
    ]
    for (const path of paths) {
      for (const [method, headers] of [
        ['GET', {}],
        ['HEAD', {}],
        ['GET', { 'cache-control': 'no-cache' }],
        ['GET', { 'if-none-match': '"x"', 'if-modified-since': 'Wed, 21 Oct 2015 07:28:00 GMT' }],
        ['GET', { range: 'bytes=0-1' }],
      ] as const)
        expect([200, 404], `${method} ${path}`).toContain((await get(path, headers, method)).status)
    }
    const asked = [...npm.requests, ...pypi.requests].map(({ path }) => path)
    expect(asked.filter((path) => /team|secret|acme|unborn/.test(path))).toEqual([])
    // Nor those of a publisher's look-up, whatever it asks for.
    for (const path of ['/npm/local/main/brand-new', '/npm/local/main/brand-new/latest'])
      expect((await get(path, { 'npm-command': 'publish' })).status).toBe(404)
    expect(npm.countOf(/brand-new/)).toBe(0)
  })
})
