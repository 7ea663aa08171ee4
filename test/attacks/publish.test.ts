import { randomBytes } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { watchMemory } from '../support/memory.ts'
import { integrityOf, npmPublishBody, packNpm, publishNpm, type NpmPublication } from '../support/npm-publish.ts'
import { uploadPypi } from '../support/pypi-upload.ts'
import { sendRaw } from '../support/raw-http.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { buildSdist, buildWheel } from '../support/wheel.ts'

// Publishes that lie, race or do not end. Whatever is refused leaves nothing behind.

let registry: TestRegistry

beforeAll(async () => {
  registry = await startRegistry()
})
afterAll(() => registry[Symbol.asyncDispose]())

const publish = (publication: NpmPublication, options = {}) => publishNpm(registry, publication, options)
const upload = (...rest: Parameters<typeof uploadPypi> extends [unknown, ...infer R] ? R : never) =>
  uploadPypi(registry, ...rest)

async function versionsOf(name: string): Promise<readonly string[]> {
  const response = await registry.fetch(`/npm/local/main/${name.replace('/', '%2f')}`)
  const body = (await response.json()) as { versions?: object }
  return Object.keys(body.versions ?? {})
}

const tarballOf = async (name: string, version: string) =>
  Buffer.from(await (await registry.fetch(`/npm/local/main/${name}/-/${name}-${version}.tgz`)).arrayBuffer())

/** A name that no other case of this file takes. */
let taken = 0
const newName = (): string => `victim-${(taken += 1)}`

/** Nothing was published, nobody is told, and no half-written file is left. */
async function expectNothing(name: string): Promise<void> {
  expect(await versionsOf(name)).toEqual([])
  expect(await registry.versionEvents(name)).toEqual([])
  await vi.waitFor(async () => expect(await registry.pendingFiles()).toEqual([]))
}

describe('the same version again', () => {
  it('P-34 with other bytes is refused by npm, and changes nothing', async () => {
    const name = newName()
    const first = await publish({ name, version: '1.0.0' })
    expect(first.status).toBe(201)
    const other = await publish({ name, version: '1.0.0', files: { 'evil.js': 'evil()' } })
    expect(other).toMatchObject({ status: 409, error: expect.stringMatching(/cannot publish over/i) })
    expect(await tarballOf(name, '1.0.0')).toEqual(first.tarball)
    expect(await registry.versionEvents(name)).toHaveLength(1)
    // The same bytes are no other publish: a retried pipeline succeeds, and is no news.
    expect(await publish({ name, version: '1.0.0' })).toMatchObject({ status: 200 })
    expect(await registry.versionEvents(name)).toHaveLength(1)
  })

  it('P-34 with other bytes is refused by PyPI, and changes nothing', async () => {
    const name = newName()
    const wheel = buildWheel({ name, version: '1.0.0' })
    expect(await upload({ name, version: '1.0.0', ...wheel })).toMatchObject({ status: 200 })
    const other = await upload({ name, version: '1.0.0', ...buildWheel({ name, version: '1.0.0', summary: 'other' }) })
    expect(other).toMatchObject({
      status: 400,
      reason: expect.stringMatching(/^File already exists/),
      text: expect.stringContaining('File already exists'),
    })
    expect(await upload({ name, version: '1.0.0', ...wheel })).toMatchObject({ status: 200 })
    expect(await registry.versionEvents(name)).toHaveLength(1)
    const page = await (await registry.fetch(`/pypi/local/main/simple/${name}/`)).text()
    const href = /href="([^"#]+)/.exec(page)?.[1] ?? ''
    const path = new URL(href, `${registry.url}/pypi/local/main/simple/${name}/`).pathname
    expect(Buffer.from(await (await registry.fetch(path)).arrayBuffer())).toEqual(wheel.bytes)
  })

  it('P-35 a hundred times at once, with a hundred contents: one wins', async () => {
    const name = newName()
    const published = await Promise.all(
      Array.from({ length: 100 }, (_, at) => publish({ name, version: '1.0.0', files: { 'x.js': `${at}` } })),
    )
    const [winner, ...more] = published.filter(({ status }) => status === 201)
    expect(more).toEqual([])
    expect(published.filter(({ status }) => status === 409)).toHaveLength(99)
    expect(await tarballOf(name, '1.0.0')).toEqual(winner?.tarball)
    const body = (await (await registry.fetch(`/npm/local/main/${name}`)).json()) as {
      versions: Record<string, { dist: { integrity: string } }>
    }
    expect(body.versions['1.0.0']?.dist.integrity).toBe(integrityOf(winner?.tarball ?? Buffer.alloc(0)))
    expect(await registry.versionEvents(name)).toHaveLength(1)
  })

  it('P-35 of one file on PyPI: one wins', async () => {
    const name = newName()
    const uploaded = await Promise.all(
      Array.from({ length: 30 }, (_, at) =>
        upload({ name, version: '1.0.0', ...buildWheel({ name, version: '1.0.0', summary: `${at}` }) }),
      ),
    )
    expect(uploaded.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(uploaded.filter(({ text }) => text.includes('File already exists'))).toHaveLength(29)
    expect(await registry.versionEvents(name)).toHaveLength(1)
  })
})

describe('a body that contradicts itself', () => {
  const HONEST = { dependencies: { 'left-pad': '1.0.0' }, bin: { hello: 'index.js' }, scripts: { install: 'true' } }

  it.each<[string, Record<string, unknown>, Record<string, unknown>, string]>([
    ['another name', { name: 'other-name' }, {}, 'name'],
    ['another version', { version: '6.6.6' }, {}, 'version'],
    ['another script', { scripts: { install: 'curl evil.example' } }, {}, 'scripts.install'],
    ['one script more', { scripts: { ...HONEST.scripts, postinstall: 'evil' } }, {}, 'scripts.postinstall'],
    ['a script that it hides', {}, { scripts: {} }, 'scripts.install'],
    ['another dependency', { dependencies: { evil: '1.0.0' } }, {}, 'dependencies.evil'],
    ['another range', { dependencies: { 'left-pad': '*' } }, {}, 'dependencies.left-pad'],
    ['a dependency that it hides', {}, { dependencies: {} }, 'dependencies.left-pad'],
    ['another program', { bin: { npm: 'index.js' } }, {}, 'bin.npm'],
    ['another file behind a program', { bin: { hello: 'evil.js' } }, {}, 'bin.hello'],
  ])('P-37 whose tarball has %s', async (_what, inTarball, inManifest, named) => {
    const name = newName()
    const tarball = await packNpm({ name, version: '1.0.0', packageJson: { ...HONEST, ...inTarball } })
    const refused = await publish({ name, version: '1.0.0', packageJson: { ...HONEST, ...inManifest }, tarball })
    expect(refused).toMatchObject({ status: 422, error: expect.stringContaining(named) })
    await expectNothing(name)
  })

  const OTHER = randomBytes(40)

  it.each<[string, Partial<NpmPublication>]>([
    ['integrity', { dist: { integrity: integrityOf(OTHER) } }],
    ['integrity of a weak kind', { dist: { integrity: 'sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=' } }],
    ['integrity of no kind', { dist: { integrity: 'trust-me' } }],
    ['integrity of which one is right', { dist: { integrity: `${integrityOf(OTHER)} sha512-x` } }],
    ['integrity that is no text', { dist: { integrity: { sha512: 'x' } } }],
    ['shasum', { dist: { shasum: '0'.repeat(40) } }],
    ['shasum that is no text', { dist: { shasum: 5 } }],
  ])('P-38 with a wrong %s', async (_what, lie) => {
    const name = newName()
    const refused = await publish({ name, version: '1.0.0', ...lie })
    expect([400, 422], refused.error).toContain(refused.status)
    await expectNothing(name)
  })

  it.each(['sha256_digest', 'md5_digest', 'blake2_256_digest'])('P-38 with a wrong %s on PyPI', async (field) => {
    const name = newName()
    const digest = { [field]: '0'.repeat(field === 'md5_digest' ? 32 : 64) }
    for (const file of [buildWheel({ name, version: '1.0.0' }), await buildSdist({ name, version: '1.0.0' })])
      expect(await upload({ name, version: '1.0.0', ...file, fields: digest })).toMatchObject({ status: 400 })
    expect((await registry.fetch(`/pypi/local/main/simple/${name}/`)).status).toBe(502) // no upstream to say 404
    expect(await registry.versionEvents(name)).toEqual([])
    expect(await registry.pendingFiles()).toEqual([])
  })

  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

  it.each<[string, (tarball: Uint8Array) => Record<string, unknown>]>([
    ['is longer than it says', (tarball) => ({ length: tarball.length - 1 })],
    ['is shorter than it says', (tarball) => ({ length: tarball.length + 1 })],
    ['has a length that is no number', (tarball) => ({ length: `${tarball.length}` })],
    ['is base64 for four characters only', () => ({ data: 'H4sI<script>alert(1)</script>' })],
    ['ends in garbage', (tarball) => ({ data: `${base64(tarball)}!!!!` })],
    ['has line breaks', (tarball) => ({ data: base64(tarball).replace(/.{76}/g, '$&\n') })],
    ['is of the alphabet for URLs', (tarball) => ({ data: base64(tarball).replaceAll('+', '-').replaceAll('/', '_') })],
    ['goes on after its padding', () => ({ data: 'QQ==QQ==' })],
    [
      'is cut in the middle of a group',
      (tarball) => ({
        data:
          base64(tarball).replace(/=*$/, '').slice(0, -1) +
          'A'.repeat((base64(tarball).replace(/=*$/, '').length - 1) % 4 === 0 ? 1 : 0),
      }),
    ],
    ['is empty', () => ({ data: '' })],
    ['is null', () => ({ data: null })],
    ['is a number', () => ({ data: 5 })],
    ['is an object', () => ({ data: { toString: 'x' } })],
  ])('P-39 whose attachment %s', async (_what, lie) => {
    const name = newName()
    const tarball = await packNpm({ name, version: '1.0.0' })
    const refused = await publish({ name, version: '1.0.0', tarball, attachment: lie(tarball) })
    expect([400, 405, 422], refused.error).toContain(refused.status)
    await expectNothing(name)
  })

  it('P-39 that has two tarballs, none, or one version too many', async () => {
    const name = newName()
    const { body } = await npmPublishBody({ name, version: '1.0.0' })
    const [attachment] = Object.values(body['_attachments'] as object) as [object]
    const [manifest] = Object.values(body['versions'] as object) as [object]
    const lies = [
      { _attachments: { 'a.tgz': attachment, 'b.tgz': attachment } },
      { _attachments: {} },
      { _attachments: undefined },
      { _attachments: [attachment] },
      { versions: {} },
      { versions: { '1.0.0': manifest, '2.0.0': { ...manifest, version: '2.0.0' } } },
      { versions: { '1.0.0': { ...manifest, version: '2.0.0' } } },
      { versions: null },
      { 'dist-tags': { latest: '2.0.0' } },
      { 'dist-tags': 'latest' },
    ]
    for (const lie of lies) {
      const refused = await publish({ name, version: '1.0.0', body: lie })
      expect([400, 405, 422], JSON.stringify(lie).slice(0, 80)).toContain(refused.status)
    }
    await expectNothing(name)
  })
})

describe('a body that does not end', () => {
  const head = (path: string, method: string, ...lines: string[]) =>
    [`${method} ${path} HTTP/1.1`, `Host: x`, `Authorization: Bearer ${registry.token}`, ...lines, '', ''].join('\r\n')

  it.each([
    ['npm', '/npm/local/main/too-large', 'PUT', 'application/json'],
    ['pypi', '/pypi/local/main/', 'POST', 'multipart/form-data; boundary=x'],
  ])(
    'P-40 %s refuses one that is announced as too large before it comes, and closes',
    async (_format, path, method, type) => {
      const lines = ['Content-Type: ' + type, `Content-Length: ${2 * 1024 ** 3}`]
      const answer = await sendRaw(registry.url, head(path, method, ...lines))
      expect(answer).toMatchObject({ status: 413, closed: true, answers: 1 })
    },
  )

  /** Sends pieces for as long as the server takes them, at most `count`. */
  async function sendEndlessly(
    path: string,
    init: { method: string; headers: Record<string, string>; start: string },
    piece: Buffer,
    count: number,
  ) {
    let sent = 0
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(Buffer.from(init.start)),
      pull(controller) {
        if (sent++ < count) controller.enqueue(piece)
        else controller.close()
      },
    })
    const options = { method: init.method, headers: init.headers, body, duplex: 'half' as const }
    return registry.fetch(path, options).then(
      async (response) => ({ status: response.status, sent }),
      // It was refused, and the connection closed, while more was still being written.
      () => ({ status: 413, sent }),
    )
  }

  const MEBIBYTE = Buffer.alloc(1024 * 1024, 'x')

  it.each([
    ['a member of a publish', '/npm/local/main/too-large', 'PUT', 'application/json', '{"readme":"'],
    ['the name of a member', '/npm/local/main/too-large', 'PUT', 'application/json', '{"'],
    [
      'a field of an upload',
      '/pypi/local/main/',
      'POST',
      'multipart/form-data; boundary=b',
      '--b\r\nContent-Disposition: form-data; name="summary"\r\n\r\n',
    ],
    [
      'a header of a part',
      '/pypi/local/main/',
      'POST',
      'multipart/form-data; boundary=b',
      '--b\r\nContent-Disposition: form-data; name="',
    ],
    ['a document of the API', '/api/accounts', 'POST', 'application/json', '{"id":"'],
    ['the version of a tag', '/npm/local/main/-/package/x/dist-tags/beta', 'PUT', 'application/json', '"'],
  ])('P-40 %s that never ends takes no memory', async (_what, path, method, type, start) => {
    const { result, grownBy } = await watchMemory(() =>
      sendEndlessly(path, { method, headers: { 'content-type': type }, start }, MEBIBYTE, 200),
    )
    expect([400, 413]).toContain(result.status)
    expect(grownBy).toBeLessThan(256 * 1024 * 1024)
  })

  it('P-40 the bytes of a tarball go to the disk as they come', async () => {
    const start = '{"_id":"large","name":"large","_attachments":{"large-1.0.0.tgz":{"data":"'
    const init = { method: 'PUT', headers: { 'content-type': 'application/json' }, start }
    const { result, grownBy } = await watchMemory(() =>
      sendEndlessly('/npm/local/main/large', init, Buffer.alloc(1024 * 1024, 'A'), 250),
    )
    expect(result).toMatchObject({ status: 400, sent: 251 })
    expect(grownBy).toBeLessThan(200 * 1024 * 1024)
    await expectNothing('large')
  })
})

describe('texts that are made to be slow', () => {
  const LONG = 100_000
  const VERSIONS = [
    '1.'.repeat(LONG / 2),
    `1.0.0-${'-'.repeat(LONG)}`,
    `1.0.0-${'a.'.repeat(LONG / 2)}`,
    ' '.repeat(LONG),
    `${' '.repeat(LONG)}1.0.0`,
    '9'.repeat(LONG),
    `1.0.0+${'+'.repeat(LONG)}`,
    `v${'='.repeat(LONG)}`,
  ]

  /** How long it took, and the longest time for which the process did nothing else. */
  async function watchLag<T>(work: () => Promise<T>) {
    const delays = monitorEventLoopDelay({ resolution: 5 })
    delays.enable()
    const started = performance.now()
    const result = await work()
    const took = performance.now() - started
    delays.disable()
    return { result, took, lag: delays.max / 1e6 }
  }

  it.each(VERSIONS.map((version) => [version.trim().slice(0, 12), version] as const))(
    'P-50 a version of 100 kB that begins with %j is refused at once',
    async (_start, version) => {
      const name = newName()
      const { result, took, lag } = await watchLag(() => publish({ name, version }))
      expect([400, 422], result.error).toContain(result.status)
      const wheel = buildWheel({ name, version: '1.0.0' })
      const uploaded = await watchLag(() => upload({ name, version, ...wheel, fields: { version } }))
      expect(uploaded.result.status).toBe(400)
      // Far more than it takes, for machines that do other things at the same time; a bad expression takes minutes.
      for (const ms of [took, lag, uploaded.took, uploaded.lag]) expect(ms).toBeLessThan(1_000)
      await expectNothing(name)
    },
  )

  it.each(['[', '>', '<', '*_', '(', '`', '![', '\n- ', '<!--', '&'])(
    'P-50 a README of 1 MB %j is taken for text',
    async (piece) => {
      const name = newName()
      const readme = piece.repeat(1_000_000 / piece.length)
      const { result, took } = await watchLag(() =>
        publish({
          name,
          version: '1.0.0',
          manifest: { readme, description: readme.slice(0, 100_000) },
          body: { readme },
        }),
      )
      expect(result.status).toBe(201)
      expect(took).toBeLessThan(3_000)
      const read = await watchLag(async () => (await registry.fetch(`/npm/local/main/${name}`)).text())
      expect(read.took).toBeLessThan(3_000)
    },
  )

  it.each([
    ['license', '('.repeat(5_000)],
    ['license', 'MIT OR '.repeat(10_000)],
    ['license', { type: { type: 'MIT' } }],
    ['dependencies', Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`a${at}`, `${'>='.repeat(20)}1`]))],
    ['bin', { ['../'.repeat(30_000)]: './'.repeat(30_000) }],
    ['dependencies', { a: `git+ssh://${'@'.repeat(50_000)}` }],
    ['dependencies', { a: `${'a'.repeat(50_000)}/${'b'.repeat(50_000)}!` }],
  ])('P-50 a %s that is made to be slow is not', async (member, value) => {
    const name = newName()
    const { result, took } = await watchLag(() => publish({ name, version: '1.0.0', packageJson: { [member]: value } }))
    expect([201, 400, 422], result.error).toContain(result.status)
    expect(took).toBeLessThan(3_000)
  })
})

describe('dist-tags', () => {
  it.each([
    '1.0.0',
    'v1',
    '^1.0.0',
    '>=1',
    '1.x',
    'x',
    '*',
    '1 - 2',
    '',
    ' ',
    '__proto__',
    'a/b',
    '../latest',
    'a\u0000b',
    'a b',
    '<script>',
    'x'.repeat(300),
  ])('P-51 %j is none', async (tag) => {
    const name = newName()
    expect(await publish({ name, version: '1.0.0' })).toMatchObject({ status: 201 })
    const path = `/npm/local/main/-/package/${name}/dist-tags`
    const put = await registry.fetch(`${path}/${encodeURIComponent(tag)}`, { method: 'PUT', body: '"1.0.0"' })
    // Without a name the address is that of all tags, which cannot be written at once.
    expect(put.status).toBe(tag === '' ? 405 : 400)
    const body = { 'dist-tags': JSON.parse(`{ ${JSON.stringify(tag)}: "1.1.0" }`) as object }
    const published = await publish({ name, version: '1.1.0', body })
    expect(published.status).toBe(400)
    expect(await (await registry.fetch(path)).json()).toEqual({ latest: '1.0.0' })
    expect(await versionsOf(name)).toEqual(['1.0.0'])
  })

  it('P-51 a tag points at a version that is there, and latest stays', async () => {
    const name = newName()
    await publish({ name, version: '1.0.0' })
    const path = `/npm/local/main/-/package/${name}/dist-tags`
    for (const body of ['"2.0.0"', '"latest"', '{"version":"1.0.0"}', '1', 'null', '', '"1.0.0', '"__proto__"']) {
      const { status } = await registry.fetch(`${path}/beta`, { method: 'PUT', body })
      expect([400, 404], body).toContain(status)
    }
    expect((await registry.fetch(`${path}/latest`, { method: 'DELETE' })).status).toBe(400)
    expect(await (await registry.fetch(path)).json()).toEqual({ latest: '1.0.0' })
  })
})
