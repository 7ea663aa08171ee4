import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { integrityOf } from '../support/npm-publish.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'

// Bytes that are not what their index said they are, and indexes that change their mind.

let npmjs: NpmUpstream
let pypi: PypiUpstream
let registry: TestRegistry

beforeAll(async () => {
  npmjs = await startNpmUpstream()
  pypi = await startPypiUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_NPMJS: npmjs.url, GRANARY_UPSTREAM_PYPI: pypi.url })
})

afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await npmjs[Symbol.asyncDispose]()
  await pypi[Symbol.asyncDispose]()
})

/** A name that no other case has, and where its version 1.0.0 is. */
let name = ''
let tarball = ''
let taken = 0
beforeEach(() => {
  name = `hello-${(taken += 1)}`
  tarball = `/npm/local/main/${name}/-/${name}-1.0.0.tgz`
})
afterEach(() => {
  npmjs.faults.clear()
  pypi.faults.clear()
  registry.passTime(60_000)
})

type Manifest = { readonly dist: { readonly integrity?: string; readonly shasum?: string; readonly tarball: string } }
type Packument = { readonly versions: Readonly<Record<string, Manifest>> }

/** The index as it is after so long that every cached copy is asked about again. */
async function packument(): Promise<{ readonly status: number; readonly body: Packument }> {
  registry.passTime(15 * 60_000)
  const response = await registry.fetch(`/npm/local/main/${name}`, { headers: { 'cache-control': 'no-cache' } })
  return { status: response.status, body: (await response.json()) as Packument }
}

/** The bytes of a whole answer; 'broken' where it is an error or breaks off. */
async function download(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Buffer | 'broken'> {
  const response = await registry.fetch(path, { headers })
  if (!response.ok) {
    expect([502, 504]).toContain(response.status)
    await response.text()
    return 'broken'
  }
  return response.arrayBuffer().then(
    (bytes) => Buffer.from(bytes),
    () => 'broken',
  )
}

const nothingPending = () => vi.waitFor(async () => expect(await registry.pendingFiles()).toEqual([]), 5_000)

it('P-19 nothing that an upstream says in its headers reaches a client', async () => {
  const html = '<html><script>alert(1)</script></html>'
  const headers = {
    'content-type': 'text/html',
    'set-cookie': 'session=theirs',
    'content-security-policy': "script-src 'unsafe-inline'",
    'cache-control': 'public, max-age=9000000000',
    'content-disposition': 'inline; filename="x.html"',
    'access-control-allow-origin': '*',
    'x-injected': 'theirs',
    refresh: '0; url=https://evil.example/',
    link: '<https://evil.example/>; rel=preload',
  }
  const { path } = await npmjs.publish({ name, version: '1.0.0', tarballBytes: Buffer.from(html) })
  npmjs.faults.on(path, { kind: 'status', status: 200, headers, body: html })
  const [wheel] = await pypi.publish({ name, version: '1.0.0', bytes: Buffer.from(html) })
  pypi.faults.on(wheel?.path ?? '', { kind: 'status', status: 200, headers, body: html })
  const index = JSON.stringify({
    name,
    versions: {
      '1.0.0': {
        name,
        version: '1.0.0',
        dist: {
          tarball: npmjs.origin + path,
          integrity: integrityOf(Buffer.from(html)),
        },
      },
    },
  })
  npmjs.faults.on(`/${name}`, { kind: 'status', status: 200, headers: { ...headers, etag: '"theirs"' }, body: index })

  for (const file of [
    tarball,
    `/pypi/local/main${wheel?.path}`,
    `/npm/local/main/${name}`,
    `/pypi/local/main/simple/${name}/`,
  ]) {
    // Cold, and once it is kept.
    for (let time = 0; time < 2; time++) {
      const response = await registry.fetch(file)
      expect(response.status, file).toBe(200)
      expect(JSON.stringify([...response.headers]), file).not.toMatch(/theirs|evil|unsafe|9000000000|inline/)
      for (const theirs of ['set-cookie', 'access-control-allow-origin', 'refresh', 'link'])
        expect(response.headers.get(theirs), theirs).toBeNull()
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      expect(response.headers.get('cache-control')).toMatch(/^private/)
      await response.arrayBuffer()
    }
  }
  for (const file of [tarball, `/pypi/local/main${wheel?.path}`]) {
    const { headers: sent } = await registry.fetch(file)
    expect(sent.get('content-type')).toBe('application/octet-stream')
    expect(sent.get('content-disposition')).toMatch(/^attachment/)
    expect(sent.get('content-security-policy')).toBe("default-src 'none'; sandbox")
  }
})

describe('bytes that are not those that were declared', () => {
  const SIZES = [
    ['small', 100],
    ['large', 700_000],
  ] as const
  const WANTS = [
    ['whole', {}],
    ['its beginning', { range: 'bytes=0-99' }],
    ['its middle', { range: 'bytes=50-90' }],
    ['its end', { range: 'bytes=-40' }],
    ['all of it as a range', { range: 'bytes=0-' }],
  ] as const
  const CASES = SIZES.flatMap(([size, bytes]) => WANTS.map(([want, headers]) => [size, want, bytes, headers] as const))

  it.each(CASES)('P-20 a %s npm file, %s', async (_size, _want, bytes, headers) => {
    const published = await npmjs.publish({ name, version: '1.0.0', tarballBytes: randomBytes(bytes) })
    npmjs.faults.on(published.path, { kind: 'wrong-bytes' })
    expect((await download(tarball, headers)).toString()).toBe('broken')
    await nothingPending()
    expect(registry.log.map((line) => line['msg'])).toContain('an upstream gave other bytes than its index declares')
    npmjs.faults.clear()
    registry.passTime(60_000)
    expect(await download(tarball)).toEqual(published.bytes)
  })

  it.each(CASES.filter(([, want]) => want !== 'its middle'))(
    'P-20 a %s source distribution, %s',
    async (_size, _want, bytes, headers) => {
      const [published] = await pypi.publish({ name, version: '1.0.0', bytes: randomBytes(bytes), kinds: ['sdist'] })
      const path = `/pypi/local/main${published?.path}`
      pypi.faults.on(/\/packages\//, { kind: 'wrong-bytes' })
      expect((await download(path, headers)).toString()).toBe('broken')
      await nothingPending()
      pypi.faults.clear()
      registry.passTime(60_000)
      expect(await download(path)).toEqual(published?.bytes)
    },
  )

  /** Of a wheel, less than half is passed on as it comes: who reads parts of one has no use for the rest. */
  const isPart = ([size, want]: (typeof CASES)[number]) =>
    want.startsWith('its') && !(size === 'small' && want === 'its beginning')

  it.each(CASES.filter((one) => !isPart(one)))('P-20 a %s wheel, %s', async (_size, _want, bytes, headers) => {
    const [published] = await pypi.publish({ name, version: '1.0.0', bytes: randomBytes(bytes) })
    const path = `/pypi/local/main${published?.path}`
    pypi.faults.on(/\/packages\//, { kind: 'wrong-bytes' })
    expect((await download(path, headers)).toString()).toBe('broken')
    expect(await download(`${path}.metadata`, headers)).toBe('broken')
    await nothingPending()
    pypi.faults.clear()
    registry.passTime(60_000)
    expect(await download(path)).toEqual(published?.bytes)
    expect(await download(`${path}.metadata`)).toEqual(published?.metadata)
  })

  it.each(CASES.filter(isPart))(
    'P-20 parts of a %s wheel, %s: they are kept by nobody, and the whole is given to nobody',
    async (_size, _want, bytes, headers) => {
      const [published] = await pypi.publish({ name, version: '1.0.0', bytes: randomBytes(bytes) })
      const path = `/pypi/local/main${published?.path}`
      pypi.faults.on(/\/packages\//, { kind: 'wrong-bytes' })
      const part = await registry.fetch(path, { headers })
      expect([part.status, part.headers.get('cache-control')]).toEqual([206, 'no-store'])
      await part.arrayBuffer()
      expect((await download(path)).toString()).toBe('broken')
      expect(await download(`${path}.metadata`, headers)).toBe('broken')
      await nothingPending()
      pypi.faults.clear()
      registry.passTime(60_000)
      expect(await download(path)).toEqual(published?.bytes)
      expect(await download(`${path}.metadata`)).toEqual(published?.metadata)
    },
  )

  it('P-20 somebody who joins while they arrive gets no whole file either', async () => {
    const { path } = await npmjs.publish({ name, version: '1.0.0', tarballBytes: randomBytes(2_000_000) })
    npmjs.faults.on(path, { kind: 'wrong-bytes' })
    const all = await Promise.all(Array.from({ length: 10 }, () => download(tarball)))
    expect(new Set(all)).toEqual(new Set(['broken']))
  })

  it.each([
    ['closes in good order', { kind: 'truncate', after: 600_000 }],
    ['resets the connection', { kind: 'reset', after: 600_000 }],
    ['closes before the first byte', { kind: 'truncate', after: 0 }],
  ] as const)('P-21 an upstream that promises 1,000,000 bytes and %s', async (_how, fault) => {
    const published = await npmjs.publish({ name, version: '1.0.0', tarballBytes: randomBytes(1_000_000) })
    npmjs.faults.on(published.path, fault)
    expect(await download(tarball)).toBe('broken')
    await nothingPending()
    npmjs.faults.clear()
    registry.passTime(60_000)
    expect(await download(tarball)).toEqual(published.bytes)
    expect(await download(tarball)).toEqual(published.bytes)
  })
})

describe('what was fetched once', () => {
  it('P-22 keeps its bytes, and shows their digests, where the index now offers a weaker digest, or another', async () => {
    const first = await npmjs.publish({ name, version: '1.0.0' })
    expect(await download(tarball)).toEqual(first.bytes)
    const other = randomBytes(500)
    for (const dist of [{ integrity: null }, { integrity: integrityOf(other), shasum: '0'.repeat(40) }]) {
      await npmjs.publish({ name, version: '1.0.0', dist })
      expect((await packument()).body.versions['1.0.0']?.dist).toMatchObject({
        integrity: first.integrity,
        shasum: first.shasum,
      })
      expect(await download(tarball)).toEqual(first.bytes)
    }
    expect(npmjs.countOf(first.path)).toBe(1)
  })

  it('P-23 keeps its bytes where the upstream replaces them', async () => {
    const first = await npmjs.publish({ name, version: '1.0.0' })
    const [wheel] = await pypi.publish({ name, version: '1.0.0' })
    expect(await download(tarball)).toEqual(first.bytes)
    expect(await download(`/pypi/local/main${wheel?.path}`)).toEqual(wheel?.bytes)
    await npmjs.publish({ name, version: '1.0.0', files: { 'index.js': 'evil()\n' } })
    pypi.faults.on(wheel?.path ?? '', { kind: 'wrong-bytes' })
    await packument()
    expect(await download(tarball)).toEqual(first.bytes)
    expect(await download(`/pypi/local/main${wheel?.path}`)).toEqual(wheel?.bytes)
  })

  it('P-24 can still be downloaded, and is listed, where the upstream deletes the version', async () => {
    const first = await npmjs.publish({ name, version: '1.0.0' })
    await npmjs.publish({ name, version: '2.0.0' })
    expect(await download(tarball)).toEqual(first.bytes)
    npmjs.unpublish(name, '1.0.0')
    expect(Object.keys((await packument()).body.versions)).toEqual(['2.0.0', '1.0.0'])
    expect(await download(tarball)).toEqual(first.bytes)
  })

  it('P-24 is all that is left where the upstream deletes the package', async () => {
    const first = await npmjs.publish({ name, version: '1.0.0' })
    await npmjs.publish({ name, version: '2.0.0' })
    expect(await download(tarball)).toEqual(first.bytes)
    npmjs.unpublish(name)
    const { status, body } = await packument()
    expect(status).toBe(200)
    expect(Object.keys(body.versions)).toEqual(['1.0.0'])
    expect(await download(tarball)).toEqual(first.bytes)
    expect((await registry.fetch(`/npm/local/main/${name}/-/${name}-2.0.0.tgz`)).status).toBe(404)
  })
})
