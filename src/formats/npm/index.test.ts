import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { packTarball } from '../../../test/support/tarball.ts'
import { RegistryError } from '../../registry/errors.ts'
import { ANONYMOUS, type Caller } from '../../registry/model.ts'
import { parseAccountId, parseDomainName, parseRepositoryName } from '../../registry/names.ts'
import type { Scope } from '../../registry/scope.ts'
import { createRegistry } from '../../registry/registry.ts'
import { memoryBlobs } from '../../storage/blobs/memory.ts'
import { openSqlite } from '../../storage/sql/sqlite.ts'
import type { Answer, KeptAnswer, RequestContext } from '../format.ts'
import { createNpm } from './index.ts'
import { render } from './renderer.ts'

const ENDPOINT = 'http://127.0.0.1:8787/npm/local/main/'
const account = parseAccountId('111122223333')
const domain = { name: parseDomainName('local'), owner: account, createdAt: 1, reserved: [] }
const repository = {
  domain: domain.name,
  name: parseRepositoryName('main'),
  administrator: account,
  description: null,
  createdAt: 1,
  upstreams: [],
  connections: [],
}
const bob: Caller = {
  kind: 'user',
  account,
  userName: 'bob',
  userId: 'AIDA',
  arn: 'arn:aws:iam::111122223333:user/bob',
  domain: null,
  credential: 'test',
}

type Sent = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  readonly json: unknown
}

/** npm's format over a real store, one repository, and no HTTP in between. */
async function startNpm({ largestPublish = 10_000_000, mayPublish = true } = {}) {
  const now = Date.parse('2026-01-01T00:00:00Z')
  const clock = { now: () => now }
  const store = await openSqlite(':memory:', { clock })
  await store.commit([
    { change: 'create-account', account: { id: account, createdAt: 1 } },
    { change: 'create-domain', domain },
    { change: 'create-repository', repository },
  ])
  const blobs = memoryBlobs()
  const registry = createRegistry({
    store,
    blobs,
    clock,
    upstream: {
      readIndex: () => Promise.reject(new Error('no upstream')),
      download: () => Promise.reject(new Error('no upstream')),
      findVersionOf: async () => undefined,
      readSideCar: () => Promise.reject(new Error('no upstream')),
      openRemote: () => Promise.reject(new Error('no upstream')),
      distrustParts: () => {},
      readDocument: () => Promise.reject(new Error('no upstream')),
      ask: () => Promise.reject(new Error('no upstream')),
    },
    versionKey: (_, version) => version,
    sideCarsOf: () => undefined,
    used: () => {},
    onRetentionFailure: () => {},
    merge: () => Promise.reject(new Error('npm merges nothing')),
    require: async () => {
      if (!mayPublish) throw new RegistryError('forbidden', 'you may not publish')
    },
  })
  const npm = createNpm({ largestPublish })
  const asked: { form: string; options: unknown }[] = []

  const send = async (
    method: string,
    path: string,
    {
      headers = {},
      body = '',
      caller = bob,
    }: { headers?: IncomingHttpHeaders; body?: string | Buffer | Readable; caller?: Caller } = {},
  ): Promise<Sent> => {
    const view = {
      counter: 1,
      domain,
      repositories: new Map([[repository.name, repository]]),
      connections: new Map(),
      rules: [],
    }
    const scope: Scope = { caller, view, domain, repository, packageCounter: null }
    try {
      const context: RequestContext = {
        encode: async (bytes) => ({ body: bytes, encoding: 'identity' }),
        scope,
        method,
        headers,
        query: new URLSearchParams(),
        body: body instanceof Readable ? body : Readable.from([Buffer.from(body)]),
        endpoint: ENDPOINT,
        registry,
        deadline: now + 1000,
        async kept(name, form, options): Promise<KeptAnswer> {
          asked.push({ form, options })
          const { hosted, tags, rules } = await registry.readPackage(scope, name, { deadline: now })
          const rendered = render({ name, form, endpoint: ENDPOINT, index: null, hosted, tags, rules, now })
          if (rendered.kind === 'refused') throw new RegistryError(rendered.code, rendered.message)
          return { ...rendered, etag: '"etag"', encoding: 'identity', stale: false }
        },
      }
      return await received(await npm.match(method, path, headers).handle(context))
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      const { status, headers: sent, body: text } = npm.renderError(error, { headers, requestId: 'test' })
      return { status, headers: sent, text, json: JSON.parse(text) }
    }
  }
  const landed = async () => (await Array.fromAsync(blobs.list())).length
  return {
    npm,
    send,
    asked,
    landed,
    events: () => store.listEvents({ limit: 100 }),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

async function received(answer: Answer): Promise<Sent> {
  if (answer.kind === 'json') {
    const text = JSON.stringify(answer.body)
    return { status: answer.status, headers: answer.headers ?? {}, text, json: JSON.parse(text) }
  }
  if (answer.kind === 'kept') {
    const text = Buffer.from(answer.answer.body).toString()
    return {
      status: 200,
      headers: { 'content-type': answer.answer.contentType, ...answer.headers },
      text,
      json: JSON.parse(text),
    }
  }
  if (answer.kind !== 'asset') throw new Error(`npm never answers with ${answer.kind}`)
  const bytes = Buffer.alloc(answer.asset.size ?? 0)
  await answer.asset.body.read(bytes, 0)
  return {
    status: 200,
    headers: { 'content-type': answer.contentType, ...answer.headers },
    text: bytes.toString('latin1'),
    json: null,
  }
}

type Publish = {
  name?: string
  version?: string
  packageJson?: object
  /** Merged into the manifest, its `dist`, the attachment, the body. */
  manifest?: object
  dist?: object
  attachment?: object
  body?: object
  /** Beside the tarball. */
  attachments?: object
  tarball?: Buffer
  files?: Record<string, string>
}

/** A publish's body as npm makes it. */
async function publishBody(options: Publish = {}) {
  const { name = '@acme/hello', version = '1.0.0', packageJson = {}, files = {} } = options
  const inside = { name, version, license: 'MIT', dependencies: { a: '^1' }, ...packageJson }
  const tarball =
    options.tarball ?? (await packTarball('package', { 'package.json': JSON.stringify(inside), ...files }))
  const body = {
    _id: name,
    name,
    'dist-tags': { latest: version },
    versions: {
      [version]: {
        ...inside,
        _id: `${name}@${version}`,
        ...options.manifest,
        dist: {
          integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
          shasum: createHash('sha1').update(tarball).digest('hex'),
          tarball: `http://elsewhere.example/${name}/-/${name}-${version}.tgz`,
          ...options.dist,
        },
      },
    },
    access: null,
    _attachments: {
      [`${name}-${version}.tgz`]: {
        content_type: 'application/octet-stream',
        data: tarball.toString('base64'),
        length: tarball.length,
        ...options.attachment,
      },
      ...options.attachments,
    },
    ...options.body,
  }
  return { tarball, text: JSON.stringify(body) }
}

describe('publishing', () => {
  it('makes a version that can be installed', async () => {
    await using npm = await startNpm()
    const { text, tarball } = await publishBody()
    const sent = await npm.send('PUT', '/@acme%2fhello', { body: text })
    expect(sent).toMatchObject({ status: 201, json: { ok: true, success: true } })

    const { json, headers } = await npm.send('GET', '/@acme/hello')
    expect(headers).toEqual({ 'content-type': 'application/json', 'cache-control': 'private, no-cache' })
    expect(json).toMatchObject({ 'dist-tags': { latest: '1.0.0' }, time: { '1.0.0': '2026-01-01T00:00:00.000Z' } })
    const version = await npm.send('GET', '/@acme%2Fhello/latest')
    expect(version.json).toEqual({
      name: '@acme/hello',
      version: '1.0.0',
      license: 'MIT',
      dependencies: { a: '^1' },
      _id: '@acme/hello@1.0.0',
      dist: {
        integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
        shasum: createHash('sha1').update(tarball).digest('hex'),
        fileCount: 1,
        unpackedSize: expect.any(Number),
        tarball: `${ENDPOINT}@acme/hello/-/hello-1.0.0.tgz`,
      },
    })
    for (const path of [
      '/@acme/hello/-/hello-1.0.0.tgz',
      '/@acme%2fhello/-/hello-1.0.0.tgz',
      '/@acme/hello/-/@acme/hello-1.0.0.tgz',
    ]) {
      expect(await npm.send('GET', path)).toMatchObject({
        text: tarball.toString('latin1'),
        headers: {
          'content-type': 'application/octet-stream',
          'cache-control': 'private, max-age=31536000, immutable',
        },
      })
    }
  })

  it('succeeds again with the same bytes, and announces them once', async () => {
    await using npm = await startNpm()
    const { text } = await publishBody()
    expect((await npm.send('PUT', '/@acme%2fhello', { body: text })).status).toBe(201)
    expect(await npm.send('PUT', '/@acme%2fhello', { body: text })).toMatchObject({
      status: 200,
      json: { ok: true, success: true },
    })
    expect((await npm.events()).items).toHaveLength(1)
  })

  it('refuses other bytes under a version that is taken', async () => {
    await using npm = await startNpm()
    await npm.send('PUT', '/@acme%2fhello', { body: (await publishBody()).text })
    const other = await publishBody({ files: { 'index.js': 'other' } })
    expect(await npm.send('PUT', '/@acme%2fhello', { body: other.text })).toMatchObject({
      status: 409,
      json: { error: 'You cannot publish over the previously published version 1.0.0.' },
    })
    expect(await npm.landed()).toBe(1)
  })

  it('moves the tags that it names, and gives a first version latest', async () => {
    await using npm = await startNpm()
    await npm.send('PUT', '/@acme%2fhello', {
      body: (await publishBody({ body: { 'dist-tags': { next: '1.0.0' } } })).text,
    })
    await npm.send('PUT', '/@acme%2fhello', {
      body: (await publishBody({ version: '1.1.0', body: { 'dist-tags': { next: '1.1.0' } } })).text,
    })
    expect((await npm.send('GET', '/-/package/@acme%2fhello/dist-tags')).json).toEqual({
      latest: '1.0.0',
      next: '1.1.0',
    })
  })

  it('takes a provenance bundle along, and keeps it out of sight', async () => {
    await using npm = await startNpm()
    const bundle = { content_type: 'x', data: '{"bundle":1}', length: 12 }
    const { text } = await publishBody({ attachments: { '@acme/hello-1.0.0.sigstore': bundle } })
    expect((await npm.send('PUT', '/@acme%2fhello', { body: text })).status).toBe(201)
    expect((await npm.send('GET', '/@acme%2fhello')).text).not.toContain('bundle')
  })

  it.each(['gzip', 'x-gzip', 'identity'])('reads a body in %s', async (encoding) => {
    await using npm = await startNpm()
    const { text } = await publishBody()
    const body = encoding === 'identity' ? text : gzipSync(text)
    expect(await npm.send('PUT', '/@acme%2fhello', { body, headers: { 'content-encoding': encoding } })).toMatchObject({
      status: 201,
    })
  })

  it('notes a shrinkwrap, and whose machine it was on it forgets', async () => {
    await using npm = await startNpm()
    const files = { 'npm-shrinkwrap.json': '{}' }
    const { text } = await publishBody({
      files,
      manifest: { _resolved: '/home/bob/x.tgz', _from: 'file:x.tgz' },
      body: { readme: '# hi' },
    })
    await npm.send('PUT', '/@acme%2fhello', { body: text })
    const { json } = await npm.send('GET', '/@acme%2fhello/1.0.0')
    expect(json).toMatchObject({ _hasShrinkwrap: true, readme: '# hi' })
    expect(json).not.toHaveProperty('_resolved')
    expect(json).not.toHaveProperty('_from')
  })

  const abandoned = Readable.from(
    (async function* () {
      yield Buffer.from('{"name":"@acme/hello","_attachments":{"a.tgz":{"data":"AAAA')
      throw new Error('aborted')
    })(),
  )

  it.each<[string, number, Publish | { raw: string | Readable; headers?: IncomingHttpHeaders }]>([
    ['the name of another package', 422, { body: { name: '@acme/other', _id: '@acme/other' } }],
    ['the id of another package', 422, { body: { _id: '@acme/other' } }],
    ['no name', 422, { body: { name: undefined } }],
    ['a manifest of another package', 422, { manifest: { name: '@acme/other' } }],
    ['a manifest of another version', 422, { manifest: { version: '1.0.1' } }],
    ['no version', 400, { body: { versions: {} } }],
    ['two versions', 400, { body: { versions: { '1.0.0': {}, '1.0.1': {} } } }],
    ['versions that are a list', 400, { body: { versions: [{}] } }],
    ['a version that is none', 400, { version: '1.0' }],
    ['a version with build metadata', 400, { version: '1.0.0+build' }],
    ['a version that is too long', 400, { version: `1.0.0-${'a'.repeat(260)}` }],
    ['a version that is hostile', 400, { version: '1.'.repeat(50_000) }],
    ['a wrong length', 422, { attachment: { length: 5 } }],
    ['a length that is no number', 422, { attachment: { length: '5' } }],
    ['a wrong integrity', 422, { dist: { integrity: `sha512-${Buffer.alloc(64).toString('base64')}` } }],
    ['an integrity that says nothing', 422, { dist: { integrity: 'sha512-' } }],
    ['a wrong shasum', 422, { dist: { shasum: '0'.repeat(40) } }],
    ['a tag that is a range', 400, { body: { 'dist-tags': { v1: '1.0.0' } } }],
    ['a tag that points elsewhere', 400, { body: { 'dist-tags': { latest: '2.0.0' } } }],
    ['a tarball that is none', 422, { tarball: Buffer.from('hello') }],
    ['a tarball of another package', 422, { manifest: {}, packageJson: { name: '@acme/other' }, body: {} }],
    ['another script in the tarball', 422, { manifest: { scripts: { postinstall: 'true' } } }],
    ['another dependency in the tarball', 422, { manifest: { dependencies: {} } }],
    ['another program in the tarball', 422, { manifest: { bin: { npm: 'x.js' } } }],
    ['base64 that turns into garbage', 400, { attachment: { data: 'AAAA!!!!' } }],
    ['a strange attachment', 400, { attachments: { 'b.exe': { data: '' } } }],
    ['a huge bundle', 413, { attachments: { 'b.sigstore': { data: 'x'.repeat(1_100_000) } } }],
    ['two tarballs', 400, { body: { _attachments: { 'a.tgz': { data: 'AAAA' }, 'b.tgz': { data: 'AAAA' } } } }],
    ['no attachment', 405, { body: { _attachments: undefined } }],
    ['no JSON', 400, { raw: 'hello' }],
    ['a body that breaks off', 400, { raw: abandoned }],
    ['gzip that is none', 400, { raw: 'hello', headers: { 'content-encoding': 'gzip' } }],
    ['an encoding that nobody sends', 415, { raw: 'hello', headers: { 'content-encoding': 'br' } }],
    ['a large body, announced', 413, { raw: '{}', headers: { 'content-length': '10000001' } }],
    ['a large body', 413, { raw: ' '.repeat(10_000_001) }],
  ])('is refused with %s, and nothing stays', async (_, status, publish) => {
    await using npm = await startNpm()
    const { body, headers } =
      'raw' in publish
        ? { body: publish.raw, headers: publish.headers ?? {} }
        : { body: (await publishBody(publish)).text, headers: {} }
    const sent = await npm.send('PUT', '/@acme%2fhello', { body, headers })
    expect(sent).toMatchObject({ status, json: { error: expect.any(String) } })
    expect(await npm.landed()).toBe(0)
    expect((await npm.events()).items).toEqual([])
    expect((await npm.send('GET', '/@acme%2fhello')).status).toBe(404)
  })

  it('is refused where a gzip body grows too much', async () => {
    await using npm = await startNpm()
    const body = gzipSync(Buffer.alloc(11_000_000, ' '))
    expect(await npm.send('PUT', '/hello', { body, headers: { 'content-encoding': 'gzip' } })).toMatchObject({
      status: 413,
    })
  })

  it('is refused for a name that is only upstream’s to have', async () => {
    await using npm = await startNpm()
    const { text } = await publishBody({ name: 'JSONStream' })
    expect(await npm.send('PUT', '/JSONStream', { body: text })).toMatchObject({ status: 400 })
  })

  it('is refused before the body is read', async () => {
    await using npm = await startNpm({ mayPublish: false })
    const body = new Readable({ read: () => expect.fail('the body was read') })
    expect(await npm.send('PUT', '/hello', { body })).toMatchObject({
      status: 403,
      json: { error: 'you may not publish' },
    })
  })

  it('lets one of many at once win', async () => {
    await using npm = await startNpm()
    const bodies = await Promise.all(Array.from({ length: 20 }, (_, i) => publishBody({ files: { 'i.js': `${i}` } })))
    const sent = await Promise.all(bodies.map(({ text }) => npm.send('PUT', '/@acme%2fhello', { body: text })))
    expect(sent.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      201,
      ...Array.from({ length: 19 }, () => 409),
    ])
    const winner = bodies[sent.findIndex(({ status }) => status === 201)]
    expect((await npm.send('GET', '/@acme/hello/-/hello-1.0.0.tgz')).text).toBe(winner?.tarball.toString('latin1'))
    expect((await npm.events()).items).toHaveLength(1)
  })
})

describe('dist-tags', () => {
  const published = async () => {
    const npm = await startNpm()
    for (const version of ['1.0.0', '1.1.0'])
      await npm.send('PUT', '/@acme%2fhello', { body: (await publishBody({ version })).text })
    return npm
  }
  const tags = '/-/package/@acme%2fhello/dist-tags'

  it('are set, moved, listed and deleted', async () => {
    await using npm = await published()
    expect(await npm.send('PUT', `${tags}/beta`, { body: '"1.0.0"' })).toMatchObject({
      status: 201,
      json: { ok: true },
    })
    expect(await npm.send('PUT', `${tags}/latest`, { body: '"1.0.0"' })).toMatchObject({ status: 201 })
    expect((await npm.send('GET', tags)).json).toEqual({ latest: '1.0.0', beta: '1.0.0' })
    expect(await npm.send('DELETE', `${tags}/beta`)).toMatchObject({ status: 200, json: { ok: true } })
    expect((await npm.send('GET', tags)).json).toEqual({ latest: '1.0.0' })
  })

  it.each([
    ['PUT', '/v1', '"1.0.0"', 400],
    ['PUT', '/1.x', '"1.0.0"', 400],
    ['PUT', '/__proto__', '"1.0.0"', 400],
    ['PUT', '/a%2fb', '"1.0.0"', 400],
    ['PUT', '/%20', '"1.0.0"', 400],
    ['PUT', '/beta', '1.0.0', 400],
    ['PUT', '/beta', '"^1.0.0"', 400],
    ['PUT', '/beta', '{}', 400],
    ['PUT', '/beta', '', 400],
    ['PUT', '/beta', `"${'1'.repeat(5000)}"`, 413],
    ['PUT', '/beta', '"9.9.9"', 404],
    ['DELETE', '/beta', '', 404],
    ['DELETE', '/latest', '', 400],
    ['PUT', '', '"1.0.0"', 405],
  ])('%s %s %s is refused with %i', async (method, tag, body, status) => {
    await using npm = await published()
    expect(await npm.send(method, `${tags}${tag}`, { body })).toMatchObject({ status })
    expect((await npm.send('GET', tags)).json).toEqual({ latest: '1.1.0' })
  })
})

describe('reading', () => {
  it('gives the abbreviated document to who asks for it', async () => {
    await using npm = await startNpm()
    await npm.send('PUT', '/@acme%2fhello', { body: (await publishBody()).text })
    const headers = { accept: 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*' }
    expect((await npm.send('GET', '/@acme%2fhello', { headers })).headers['content-type']).toBe(
      'application/vnd.npm.install-v1+json',
    )
  })

  it.each<[IncomingHttpHeaders, boolean, unknown]>([
    [{}, true, {}],
    [{ 'npm-command': 'publish' }, true, { askUpstream: false }],
    [{ 'npm-command': 'publish' }, false, {}],
    [{ 'npm-command': 'install' }, true, {}],
    [{ 'cache-control': 'no-cache' }, true, { fresh: true }],
    [{ 'cache-control': 'max-age=0', 'npm-command': 'publish' }, true, { askUpstream: false, fresh: true }],
  ])('with %o by who may publish: %s', async (headers, mayPublish, options) => {
    await using npm = await startNpm({ mayPublish })
    expect(await npm.send('GET', '/@acme%2fhello', { headers })).toMatchObject({ status: 404 })
    expect(npm.asked).toEqual([{ form: 'full', options }])
  })

  it('says who asks', async () => {
    await using npm = await startNpm()
    expect(await npm.send('GET', '/-/whoami')).toMatchObject({ status: 200, json: { username: 'bob' } })
    expect(await npm.send('GET', '/-/whoami', { caller: ANONYMOUS })).toMatchObject({ status: 401 })
    expect(await npm.send('GET', '/-/ping')).toMatchObject({ status: 200, json: {} })
  })

  it.each([
    ['GET', '/hello', 404],
    ['GET', '/hello/1.0.0', 404],
    ['GET', '/hello/-/hello-1.0.0.tgz', 404],
    ['GET', '/__proto__', 404],
    ['GET', '/constructor', 404],
    ['GET', '/-/v1/search', 404],
    ['POST', '/-/v1/login', 404],
    ['GET', '/@acme%252fhello', 400],
    ['GET', '/hello%00', 400],
    ['PUT', '/__proto__', 400],
    ['POST', '/hello', 405],
    ['DELETE', '/hello', 405],
    // npm takes a 404 for "gone already", and says that it unpublished.
    ['DELETE', '/hello/-rev/1-abc', 405],
    ['PUT', '/@acme%2fhello/-rev/1-abc', 405],
    ['DELETE', '/hello/-/hello-1.0.0.tgz/-rev/1-abc', 405],
    ['PUT', '/hello/1.0.0', 405],
    ['OPTIONS', '/hello', 405],
  ])('%s %s is %i', async (method, path, status) => {
    await using npm = await startNpm()
    expect(await npm.send(method, path)).toMatchObject({ status, json: { error: expect.any(String) } })
  })

  it.each([
    ['GET', '/hello', 'packument', 'codeartifact:ReadFromRepository', 'hello'],
    ['HEAD', '/hello', 'packument', 'codeartifact:ReadFromRepository', 'hello'],
    ['HEAD', '/@acme/hello/-/hello-1.0.0.tgz', 'tarball', 'codeartifact:ReadFromRepository', 'acme/hello'],
    ['PUT', '/@acme%2fhello', 'publish', 'codeartifact:PublishPackageVersion', 'acme/hello'],
    ['PUT', '/-/package/hello/dist-tags/a', 'put-dist-tag', 'codeartifact:PublishPackageVersion', 'hello'],
    ['DELETE', '/-/package/hello/dist-tags/a', 'delete-dist-tag', 'codeartifact:PublishPackageVersion', 'hello'],
    ['GET', '/-/ping', 'ping', 'codeartifact:ReadFromRepository', undefined],
    ['GET', '/-/whoami', 'whoami', 'codeartifact:ReadFromRepository', undefined],
  ])('%s %s is the route %s and asks for %s', async (method, path, route, action, key) => {
    await using npm = await startNpm()
    const match = npm.npm.match(method, path, {})
    expect({ route: match.route, action: match.action, key: match.package?.key }).toEqual({ route, action, key })
  })
})
