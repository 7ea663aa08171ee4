import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { blake2b } from '@noble/hashes/blake2.js'
import { describe, expect, it } from 'vitest'
import { buildSdist, buildWheel, type BuiltFile, type Distribution } from '../../../test/support/wheel.ts'
import { RegistryError } from '../../registry/errors.ts'
import { UNLIMITED, type Caller, type CachedIndex, type Connection } from '../../registry/model.ts'
import {
  parseAccountId,
  parseConnectionName,
  parseDomainName,
  parseRepositoryName,
  type PackageName,
} from '../../registry/names.ts'
import { packFacts } from '../../registry/packed-facts.ts'
import type { ReadableBlob } from '../../registry/blob-store.ts'
import type { Upstream } from '../../registry/ports.ts'
import type { Scope } from '../../registry/scope.ts'
import { createRegistry, type RequirePackageAction } from '../../registry/registry.ts'
import { memoryBlobs } from '../../storage/blobs/memory.ts'
import { openSqlite } from '../../storage/sql/sqlite.ts'
import type { Answer, KeptAnswer, RequestContext } from '../format.ts'
import { ecosystem } from './ecosystem.ts'
import { parseName } from './name.ts'
import { readIndex, render } from './renderer.ts'
import { match } from './routes.ts'
import { DEFAULT_LIMITS, type UploadLimits } from './upload-form.ts'

const NOW = Date.parse('2024-06-01T00:00:00Z')
const ENDPOINT = 'http://127.0.0.1:8787/pypi/local/main/'
const JSON_TYPE = 'application/vnd.pypi.simple.v1+json'

const account = parseAccountId('111122223333')
const domain = { name: parseDomainName('local'), owner: account, createdAt: NOW, reserved: [] }
const connection: Connection = {
  name: parseConnectionName('public:pypi'),
  format: 'pypi',
  url: 'https://index.example/simple/',
  fileOrigins: [],
  credentials: null,
  builtIn: true,
  ...UNLIMITED,
}
const repository = {
  domain: domain.name,
  name: parseRepositoryName('main'),
  administrator: account,
  description: null,
  createdAt: NOW,
  upstreams: [],
  connections: [connection.name],
}
const caller: Caller = {
  kind: 'user',
  account,
  userName: 'bob',
  userId: 'AIDA1',
  arn: 'arn:aws:iam::111122223333:user/bob',
  domain: null,
  credential: 'x',
}

const OFFERED = Buffer.from('bytes from far away')

/** An upstream with one project, `remote`; it remembers what it was asked for. */
function upstreamWith(page: unknown, asked: string[]): Upstream {
  const body = Buffer.from(JSON.stringify(page))
  const index = (name: PackageName): CachedIndex => {
    const present = name.key === 'remote'
    const parsed = present
      ? readIndex({ body, contentType: JSON_TYPE, url: 'https://index.example/simple/remote/', headers: {} }, name)
      : null
    return {
      connection: connection.name,
      format: 'pypi',
      key: name.key,
      state: present ? 'present' : 'absent',
      document: parsed && { sha256: 'f'.repeat(64), size: parsed.document.length },
      facts: parsed && packFacts(parsed.facts),
      etag: null,
      lastModified: null,
      checkedAt: NOW,
      freshUntil: NOW + 60_000,
      revision: 1,
    }
  }
  const blob: ReadableBlob = {
    size: OFFERED.length,
    read: async (into, position) => OFFERED.copy(into, 0, position),
    [Symbol.asyncDispose]: async () => {},
  }
  return {
    readIndex: async (_connection, name) => {
      asked.push(name.key)
      return { index: index(name), stale: false }
    },
    download: async () => ({ size: OFFERED.length, body: blob, joined: false, landed: new Promise(() => {}) }),
    findVersionOf: async () => undefined,
    readSideCar: async () => Buffer.from('Metadata-Version: 2.1\n'),
    openRemote: async () => null,
    distrustParts: () => {},
    readDocument: () => Promise.reject(new Error('nobody asks for documents')),
    ask: () => Promise.reject(new Error('nobody asks questions')),
  }
}

/** A registry with a store and blobs in memory, asked as the server asks. */
async function start(require: RequirePackageAction = async () => {}, limits: UploadLimits = DEFAULT_LIMITS) {
  const clock = { now: () => NOW }
  const store = await openSqlite(':memory:', { clock })
  const blobs = memoryBlobs()
  const asked: string[] = []
  await store.commit([
    { change: 'create-account', account: { id: account, createdAt: NOW } },
    { change: 'create-domain', domain },
    { change: 'create-connection', connection },
    { change: 'create-repository', repository },
  ])
  const files = [
    {
      filename: 'remote-1.0.tar.gz',
      url: 'https://files.example/packages/aa/bb/rest/remote-1.0.tar.gz',
      hashes: { sha256: 'a'.repeat(64) },
      size: OFFERED.length,
    },
    {
      filename: 'remote-1.0-py3-none-any.whl',
      url: 'https://files.example/whl/remote-1.0-py3-none-any.whl',
      hashes: { sha256: 'b'.repeat(64) },
      'core-metadata': true,
    },
  ]
  const registry = createRegistry({
    store,
    blobs,
    upstream: upstreamWith({ name: 'remote', files }, asked),
    clock,
    versionKey: (_, version) => version,
    sideCarsOf: () => ecosystem.sideCars,
    used: () => {},
    onRetentionFailure: (error) => {
      throw error
    },
    merge: () => Promise.reject(new Error('nothing is merged here')),
    require,
  })
  const scope: Scope = {
    caller,
    domain,
    repository,
    packageCounter: null,
    view: {
      counter: 1,
      domain,
      repositories: new Map([[repository.name, repository]]),
      connections: new Map([[connection.name, connection]]),
      rules: [],
    },
  }
  const kept: RequestContext['kept'] = async (name, form): Promise<KeptAnswer> => {
    const { hosted, tags, rules } = await registry.readPackage(scope, name, { deadline: NOW + 1000 })
    const rendered = render({ name, form, endpoint: ENDPOINT, index: null, hosted, tags, rules, now: NOW })
    if (rendered.kind === 'refused') throw new RegistryError(rendered.code, rendered.message)
    return { ...rendered, etag: '"x"', encoding: 'identity', stale: false }
  }
  const request = (
    method: string,
    target: string,
    headers: Record<string, string> = {},
    body: Readable = Readable.from([]),
  ): Promise<Answer> => {
    const [path = '', query = ''] = target.split('?')
    const route = match(method, path, limits)
    return route.handle({
      scope,
      method,
      headers,
      query: new URLSearchParams(query),
      body,
      endpoint: ENDPOINT,
      registry,
      kept,
      encode: async (bytes) => ({ body: bytes, encoding: 'identity' }),
      deadline: NOW + 1000,
    })
  }
  const post = async (form: FormData, path = '/') => {
    const { headers, bytes } = await encode(form)
    return request('POST', path, headers, inPieces(bytes))
  }
  const publish = (built: BuiltFile, fields?: Record<string, string | undefined>) => post(formOf(built, fields))
  const list = async (name: string) => {
    const answer = await request('GET', `/simple/${name}/`, { accept: JSON_TYPE })
    if (answer.kind !== 'kept') throw new Error('no page')
    return JSON.parse(Buffer.from(answer.answer.body).toString()) as {
      files: Record<string, unknown>[]
      versions: string[]
    }
  }
  return {
    request,
    post,
    publish,
    list,
    asked,
    store,
    registry,
    scope,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

const digests = (bytes: Uint8Array) => ({
  md5_digest: createHash('md5').update(bytes).digest('hex'),
  sha256_digest: createHash('sha256').update(bytes).digest('hex'),
  blake2_256_digest: Buffer.from(blake2b(bytes, { dkLen: 32 })).toString('hex'),
})

async function encode(form: FormData): Promise<{ headers: Record<string, string>; bytes: Buffer }> {
  const encoded = new Response(form)
  return { headers: Object.fromEntries(encoded.headers), bytes: Buffer.from(await encoded.arrayBuffer()) }
}

/** Boundaries and headers lie across pieces. */
const inPieces = (bytes: Buffer): Readable =>
  Readable.from(
    Array.from({ length: Math.ceil(bytes.length / 700) }, (_, at) => bytes.subarray(at * 700, (at + 1) * 700)),
  )

/** As twine sends it; `fields` may alter the fields, undefined leaves one out. */
function formOf(built: BuiltFile, fields: Record<string, string | undefined> = {}, fileFirst = false): FormData {
  const form = new FormData()
  const wheel = built.file.endsWith('.whl')
  const file = new File([new Uint8Array(built.bytes)], built.file)
  if (fileFirst) form.append('content', file)
  const all = {
    ':action': 'file_upload',
    protocol_version: '1',
    name: 'Hello_World',
    version: '1.0',
    filetype: wheel ? 'bdist_wheel' : 'sdist',
    pyversion: wheel ? 'py3' : 'source',
    metadata_version: '2.1',
    description: 'long '.repeat(1000),
    ...digests(built.bytes),
    ...fields,
  }
  for (const [field, value] of Object.entries(all)) if (value !== undefined) form.append(field, value)
  if (!fileFirst) form.append('content', file)
  return form
}

const HELLO: Distribution = {
  name: 'Hello_World',
  version: '1.0',
  requiresPython: '>=3.9',
  license: 'MIT',
  summary: 'Says hello',
}
const refused = (code: string, why: RegExp) => expect.objectContaining({ code, message: expect.stringMatching(why) })

async function content(answer: Answer): Promise<string> {
  if (answer.kind !== 'asset') throw new Error(`the answer is ${answer.kind}`)
  const into = Buffer.alloc(answer.asset.size ?? 0)
  await answer.asset.body.read(into, 0)
  return into.toString()
}

describe('uploads', () => {
  it('are listed, served and described at once', async () => {
    await using registry = await start()
    const built = buildWheel(HELLO)
    await expect(registry.publish(built)).resolves.toMatchObject({ kind: 'text', status: 200 })
    const { files, versions } = await registry.list('hello-world')
    const { sha256_digest: sha256, md5_digest: md5 } = digests(built.bytes)
    expect(versions).toEqual(['1.0'])
    expect(files).toEqual([
      {
        'core-metadata': { sha256: digests(built.metadata).sha256_digest },
        'data-dist-info-metadata': { sha256: digests(built.metadata).sha256_digest },
        filename: built.file,
        hashes: { sha256, sha512: createHash('sha512').update(built.bytes).digest('hex'), md5 },
        'requires-python': '>=3.9',
        size: built.bytes.length,
        'upload-time': '2024-06-01T00:00:00.000Z',
        url: `${ENDPOINT}packages/sha256/${sha256}/${built.file}`,
        yanked: false,
      },
    ])
    const path = `/packages/sha256/${sha256}/${built.file}`
    const file = await registry.request('GET', path)
    expect(file).toMatchObject({
      kind: 'asset',
      contentType: 'application/octet-stream',
      headers: { 'cache-control': 'private, max-age=31536000, immutable' },
      asset: { sha256, size: built.bytes.length },
    })
    expect(await content(file)).toBe(built.bytes.toString())
    const metadata = await registry.request('GET', `${path}.metadata`)
    expect(metadata).toMatchObject({ contentType: 'text/plain; charset=utf-8' })
    expect(await content(metadata)).toBe(built.metadata.toString())
    const { hosted } = await registry.registry.readPackage(registry.scope, parseName('hello-world', null), {
      deadline: NOW,
    })
    expect(hosted).toMatchObject([{ version: '1.0', license: 'MIT', assets: [{ path: path.slice(1) }] }])
    expect(JSON.parse(hosted[0]?.metadata ?? '')).toMatchObject({
      name: 'Hello_World',
      summary: 'Says hello',
      requiresPython: '>=3.9',
    })
  })

  it('may bring the file before the fields, to legacy/, with some digests or none', async () => {
    await using registry = await start()
    const sdist = await buildSdist(HELLO)
    await expect(registry.post(formOf(sdist, {}, true), '/legacy/')).resolves.toMatchObject({ status: 200 })
    const wheel = buildWheel(HELLO)
    const none = {
      md5_digest: undefined,
      sha256_digest: undefined,
      blake2_256_digest: undefined,
      filetype: undefined,
      version: undefined,
    }
    await expect(registry.post(formOf(wheel, none), '/legacy')).resolves.toMatchObject({ status: 200 })
    const { files } = await registry.list('hello-world')
    expect(files.map((file) => [file['filename'], file['core-metadata']])).toEqual([
      [wheel.file, { sha256: digests(wheel.metadata).sha256_digest }],
      [sdist.file, false],
    ])
  })

  it('of the same bytes again change nothing; other bytes are told that the file exists', async () => {
    await using registry = await start()
    const built = buildWheel(HELLO)
    await registry.publish(built)
    const before = await registry.store.listEvents({ limit: 10 })
    await expect(registry.publish(built)).resolves.toMatchObject({ status: 200 })
    const other = buildWheel({ ...HELLO, summary: 'Says goodbye' })
    const blake = digests(other.bytes).blake2_256_digest
    await expect(registry.publish(other)).rejects.toThrow(
      expect.objectContaining({
        code: 'conflict',
        message: `File already exists ("${built.file}", with blake2_256 hash '${blake}').`,
      }),
    )
    expect((await registry.list('hello-world')).files).toMatchObject([
      { hashes: { sha256: digests(built.bytes).sha256_digest } },
    ])
    expect(await registry.store.listEvents({ limit: 10 })).toEqual(before)
  })

  it('of an equal version join the one that is there', async () => {
    await using registry = await start()
    await registry.publish(buildWheel(HELLO))
    await registry.publish(await buildSdist({ ...HELLO, version: '1.0.0' }), { version: '1.0.0' })
    expect(await registry.list('hello-world')).toMatchObject({ versions: ['1.0'], files: [{}, {}] })
  })

  it('have local versions and any platform', async () => {
    await using registry = await start()
    const built = buildWheel({ ...HELLO, version: '1.0+cu121' })
    const linux = { ...built, file: 'hello_world-1.0+cu121-cp311-cp311-linux_x86_64.whl' }
    await expect(registry.publish(linux, { version: '1.0+cu121' })).resolves.toMatchObject({ status: 200 })
    const [file] = (await registry.list('hello-world')).files
    const url = String(file?.['url'])
    expect(url).toContain('1.0%2Bcu121')
    await expect(
      registry.request('GET', new URL(url).pathname.slice('/pypi/local/main'.length)),
    ).resolves.toMatchObject({ kind: 'asset' })
  })

  it.each<[string, Record<string, string | undefined>, RegExp]>([
    ['a wrong sha256', { sha256_digest: 'a'.repeat(64) }, /sha256_digest is not that of the file/],
    ['a wrong md5', { md5_digest: 'a'.repeat(32) }, /md5_digest is not/],
    ['a wrong blake2', { blake2_256_digest: 'nonsense' }, /blake2_256_digest is not/],
    ['no name', { name: undefined }, /does not say the name/],
    ['no name of a package', { name: '../evil' }, /not a valid PyPI package name/],
    ['the name of another package', { name: 'evil' }, /is not a file name of evil/],
    ['another version', { version: '2.0' }, /is of version 1.0, the form says "2.0"/],
    ['no version of PEP 440', { version: 'latest' }, /the form says "latest"/],
    ['another filetype', { filetype: 'sdist' }, /does not fit its filetype "sdist"/],
    ['a filetype of old', { filetype: 'bdist_egg' }, /does not fit its filetype "bdist_egg"/],
    ['another protocol', { protocol_version: '2' }, /only protocol_version is 1/],
  ])('with %s are refused, and nothing is stored', async (_, fields, why) => {
    await using registry = await start()
    await expect(registry.publish(buildWheel(HELLO), fields)).rejects.toThrow(refused('invalid', why))
    await expect(registry.list('hello-world')).rejects.toThrow(refused('not_found', /hello-world/))
  })

  it.each([
    ['../hello_world-1.0-py3-none-any.whl', /separator or a control character/],
    ['a\\hello_world-1.0-py3-none-any.whl', /separator or a control character/],
    ['hello_world-1.0-py3-none-any\u007f.whl', /separator or a control character/],
    ['hello_world-1.0-py3-none-any\u0000.whl', /separator or a control character/],
    ['hello_world-1.0.whl', /is no name of a wheel/],
    ['hello_world-1.0-py3-none-any-x86_64_v3.whl', /is no name of a wheel/],
    ['hello_world-1.0-py3-none-any.exe', /neither a wheel/],
    ['hello_world-one-py3-none-any.whl', /is no version/],
    ['hello_world-1.0.tar.gz', /incorrect header check|zip file as well/],
  ])('of a file named %j are refused', async (file, why) => {
    await using registry = await start()
    await expect(registry.publish({ ...buildWheel(HELLO), file }, { filetype: undefined })).rejects.toThrow(
      refused('invalid', why),
    )
  })

  it('of another action are gone', async () => {
    await using registry = await start()
    await expect(registry.publish(buildWheel(HELLO), { ':action': 'submit' })).resolves.toMatchObject({
      kind: 'text',
      status: 410,
    })
  })

  it('without a file, with two, or with a field twice are refused', async () => {
    await using registry = await start()
    const built = buildWheel(HELLO)
    const none = formOf(built)
    none.delete('content')
    await expect(registry.post(none)).rejects.toThrow(refused('invalid', /has no file/))
    const two = formOf(built)
    two.append('content', new File(['x'], 'x.whl'))
    await expect(registry.post(two)).rejects.toThrow(refused('invalid', /one file/))
    const again = formOf(built)
    again.append('name', 'evil')
    await expect(registry.post(again)).rejects.toThrow(refused('invalid', /name was sent twice/))
  })

  it('that are no form, or end early, are refused', async () => {
    await using registry = await start()
    await expect(registry.request('POST', '/', { 'content-type': 'application/json' })).rejects.toThrow(
      refused('unsupported_media', /multipart/),
    )
    await expect(registry.request('POST', '/')).rejects.toThrow(refused('unsupported_media', /multipart/))
    const { headers, bytes: whole } = await encode(formOf(buildWheel(HELLO)))
    for (const part of [100, 2000, whole.length - 200]) {
      const cut = Readable.from([whole.subarray(0, part)])
      await expect(registry.request('POST', '/', headers, cut)).rejects.toThrow(refused('invalid', /ended early/))
    }
  })

  it('of a client that goes away end', async () => {
    await using registry = await start()
    const { headers, bytes: whole } = await encode(formOf(buildWheel(HELLO)))
    const leaving = new Readable({ read() {} })
    leaving.push(whole.subarray(0, whole.length - 300))
    const answer = registry.request('POST', '/', headers, leaving)
    setTimeout(() => leaving.destroy(new Error('aborted')), 20)
    await expect(answer).rejects.toThrow(refused('invalid', /ended early/))
  })

  it('that are too large are refused as that', async () => {
    const limits = { file: 500, field: 2000, fields: 10_000 }
    await using registry = await start(undefined, limits)
    await expect(registry.publish(buildWheel(HELLO))).rejects.toThrow(
      refused('too_large', /file has at most 500 bytes/),
    )
    await expect(
      registry.request('POST', '/', { 'content-length': '10501', 'content-type': 'multipart/form-data; boundary=x' }),
    ).rejects.toThrow(refused('too_large', /more than 10500 bytes/))
    const small = { ...buildWheel(HELLO), bytes: Buffer.alloc(10) }
    await expect(registry.publish(small, { version: '1'.repeat(2001) })).rejects.toThrow(
      refused('too_large', /field version/),
    )
    const many = formOf(small)
    for (let n = 0; n < 10; n++) many.append('classifiers', 'x'.repeat(1500))
    await expect(registry.post(many)).rejects.toThrow(refused('too_large', /bytes/))
  })

  it.each([
    ['before', false],
    ['after', true],
  ])('are asked about as soon as the name is known, the fields %s the file', async (_, fileFirst) => {
    const asked: string[] = []
    await using registry = await start(async (_scope, action, name) => {
      asked.push(`${action} ${name.key}`)
      throw new RegistryError('forbidden', 'Not yours')
    })
    const began: unknown[] = []
    const { beginBlob } = registry.registry
    registry.registry.beginBlob = (digestNames) => {
      began.push(digestNames)
      return beginBlob(digestNames)
    }
    await expect(registry.post(formOf(buildWheel(HELLO), {}, fileFirst))).rejects.toThrow(
      refused('forbidden', /Not yours/),
    )
    expect(asked).toEqual(['codeartifact:PublishPackageVersion hello-world'])
    expect(began).toHaveLength(fileFirst ? 1 : 0)
  })
})

describe('reads', () => {
  it.each([
    ['/simple/Hello_World/', 'simple/hello-world/'],
    ['/simple/hello-world', 'simple/hello-world/'],
    ['/simple/foo--bar?format=text/html', 'simple/foo-bar/?format=text%2Fhtml'],
    ['/+simple/Hello', '+simple/hello/'],
    ['/simple/hello?x=%0d%0aX-Injected:1', 'simple/hello/?x=%0D%0AX-Injected%3A1'],
  ])('%s is redirected to %s of the same host', async (from, to) => {
    await using registry = await start()
    await expect(registry.request('GET', from)).resolves.toEqual({
      kind: 'redirect',
      status: 301,
      location: `/pypi/local/main/${to}`,
    })
  })

  it('give pages that clients ask about again', async () => {
    await using registry = await start()
    await registry.publish(buildWheel(HELLO))
    const answer = await registry.request('GET', '/+simple/hello-world/', { accept: 'text/html' })
    expect(answer).toMatchObject({
      kind: 'kept',
      headers: { 'cache-control': 'private, no-cache' },
      answer: { contentType: 'text/html; charset=utf-8' },
    })
    await expect(registry.request('GET', '/simple/hello-world/', { accept: 'image/png' })).rejects.toThrow(
      refused('not_acceptable', /comes as/),
    )
    await expect(
      registry.request('GET', '/simple/hello-world/?format=application/vnd.pypi.simple.v1+json'),
    ).resolves.toMatchObject({
      answer: { contentType: JSON_TYPE },
    })
  })

  it.each([
    ['no-cache', true],
    ['max-age=0', false],
    ['no-cache, max-age=0', true],
    ['x-no-cache', false],
    [undefined, false],
  ])('with Cache-Control: %s want fresh data: %s', async (header, fresh) => {
    const wanted: unknown[] = []
    const route = match('GET', '/simple/hello/', DEFAULT_LIMITS)
    await route.handle({
      headers: header === undefined ? {} : { 'cache-control': header },
      query: new URLSearchParams(),
      kept: async (name: PackageName, form: string, options: unknown) => void wanted.push(name.key, form, options),
    } as unknown as RequestContext)
    expect(wanted).toEqual(['hello', 'html', { fresh }])
  })

  it.each([
    ['/+simple/hello/', 'Hatch/1.18.2 CPython/3.11.2', true],
    ['/simple/hello/', 'Hatch/1.18.2 CPython/3.11.2', false],
    ['/+simple/hello/', 'renovate/44.0.0', false],
    ['/+simple/hello/', undefined, false],
  ])('%s for %s is a look-up before an upload, of which no upstream hears: %s', async (path, agent, isHere) => {
    const wanted: unknown[] = []
    await match('GET', path, DEFAULT_LIMITS).handle({
      headers: agent === undefined ? {} : { 'user-agent': agent },
      query: new URLSearchParams(),
      kept: async (_: PackageName, _form: string, options: unknown) => void wanted.push(options),
    } as unknown as RequestContext)
    expect(wanted).toEqual([isHere ? { fresh: false, askUpstream: false } : { fresh: false }])
  })

  it("give an upstream's file at the upstream's path, and nowhere else", async () => {
    await using registry = await start()
    const file = await registry.request('GET', '/packages/aa/bb/rest/remote-1.0.tar.gz')
    expect(await content(file)).toBe(OFFERED.toString())
    const wheel = `/packages/sha256/${'b'.repeat(64)}/remote-1.0-py3-none-any.whl`
    await expect(registry.request('HEAD', wheel)).resolves.toMatchObject({ kind: 'asset' })
    expect(await content(await registry.request('GET', `${wheel}.metadata`))).toBe('Metadata-Version: 2.1\n')
    for (const path of [
      '/packages/aa/bb/other/remote-1.0.tar.gz',
      `/packages/sha256/${'a'.repeat(64)}/remote-1.0-py3-none-any.whl`,
      '/packages/aa/bb/rest/remote-1.0.tar.gz.metadata',
      '/packages/aa/bb/rest/remote-2.0.tar.gz',
    ]) {
      await expect(registry.request('GET', path)).rejects.toThrow(refused('not_found', /was not found/))
    }
  })

  it('look a file up under each name that it may belong to, and tell no other', async () => {
    await using registry = await start()
    await expect(registry.request('GET', '/packages/a/my-remote-1.0-1.tar.gz')).rejects.toThrow(
      refused('not_found', /my-remote-1-0/),
    )
    expect([...new Set(registry.asked)]).toEqual(['my-remote-1-0', 'my-remote'])
  })

  it.each([
    ['POST', '/simple/', 'method_not_allowed', /POST/],
    ['GET', '/', 'not_found', /uploads by POST/],
    ['GET', '/legacy/', 'not_found', /uploads by POST/],
    ['PUT', '/', 'method_not_allowed', /PUT/],
    ['POST', '/simple/hello/', 'method_not_allowed', /POST/],
    ['DELETE', '/packages/a/hello-1.0.tar.gz', 'method_not_allowed', /DELETE/],
    ['GET', '/simple/hello;x=1/', 'not_found', /no name/],
    ['GET', '/simple/-/', 'not_found', /no name/],
    ['GET', '/pypi/hello', 'not_found', /nothing at this address/],
    ['POST', '/pypi', 'not_found', /nothing at this address/],
    ['GET', '/pypi/-/json', 'not_found', /no name/],
    ['GET', '/integrity/-/1.0/hello-1.0.tar.gz/provenance', 'not_found', /no name/],
    ['POST', '/pypi/hello/json', 'method_not_allowed', /POST/],
    ['GET', '/packages/a/hello-1.0-py3-none-any.whl.metadata.metadata', 'not_found', /no file/],
    ['GET', '/packages/a/hello-1.0.tar.gz.asc', 'not_found', /no file/],
  ])('%s %s is refused: %s', (method, path, code, why) => {
    expect(() => match(method, path, DEFAULT_LIMITS)).toThrow(refused(code, why))
  })

  it.each([
    ['GET', '/simple/hello/', 'project', 'codeartifact:ReadFromRepository', 'hello'],
    ['HEAD', '/simple/Hello/', 'project-redirect', 'codeartifact:ReadFromRepository', 'hello'],
    ['GET', '/packages/a/hello-1.0.tar.gz', 'file', 'codeartifact:ReadFromRepository', 'hello'],
    ['GET', '/packages/a/hello-1.0-py3-none-any.whl.metadata', 'metadata', 'codeartifact:ReadFromRepository', 'hello'],
    ['GET', '/simple/', 'projects', 'codeartifact:ReadFromRepository', undefined],
    ['GET', '/simple', 'projects', 'codeartifact:ReadFromRepository', undefined],
    ['HEAD', '/+simple/', 'projects', 'codeartifact:ReadFromRepository', undefined],
    ['GET', '/pypi/Hello/json', 'legacy-json', 'codeartifact:ReadFromRepository', 'hello'],
    ['GET', '/pypi/hello/1.0/json/', 'legacy-json', 'codeartifact:ReadFromRepository', 'hello'],
    ['GET', '/hello/json', 'legacy-json', 'codeartifact:ReadFromRepository', 'hello'],
    [
      'GET',
      '/integrity/Hello/1.0/hello-1.0.tar.gz/provenance',
      'provenance',
      'codeartifact:ReadFromRepository',
      'hello',
    ],
    ['POST', '/legacy/', 'upload', 'codeartifact:PublishPackageVersion', undefined],
  ])('%s %s is the route %s and asks for %s', (method, path, route, action, name) => {
    const found = match(method, path, DEFAULT_LIMITS)
    expect([found.route, found.action, found.package?.key]).toEqual([route, action, name])
  })
})
