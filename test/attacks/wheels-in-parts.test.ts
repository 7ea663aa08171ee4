import { createHash, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { oddZip } from '../support/odd-zip.ts'
import { startPypiUpstream, type PypiRelease, type PypiUpstream, type PublishedPypi } from '../support/upstream/pypi.ts'
import type { RangeManners } from '../support/upstream/ranges.ts'

// Wheels of an index that offers no `.metadata`: it is read out of parts of them, and what they say is not believed for longer
// than until the whole is here.

const JSON_TYPE = 'application/vnd.pypi.simple.v1+json'
const MEBIBYTE = 1024 * 1024

let pypi: PypiUpstream
let registry: TestRegistry
beforeEach(async () => {
  pypi = await startPypiUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_PYPI: pypi.url })
})
afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  await pypi[Symbol.asyncDispose]()
})

const BIG = { 'hello/data.bin': randomBytes(2 * MEBIBYTE) }

async function publish(release: Partial<PypiRelease> = {}): Promise<PublishedPypi> {
  const [wheel] = await pypi.publish({ name: 'hello', version: '1.0', metadata: false, files: BIG, ...release })
  if (!wheel) throw new Error('nothing was published')
  return wheel
}

type Listed = { readonly filename: string; readonly 'core-metadata': false | { readonly sha256: string } }

async function page(name = 'hello', headers: Readonly<Record<string, string>> = {}) {
  const answer = await registry.fetch(`/pypi/local/main/simple/${name}/`, {
    headers: { accept: JSON_TYPE, ...headers },
  })
  expect(answer.status).toBe(200)
  const { files } = (await answer.json()) as { files: Listed[] }
  return {
    etag: answer.headers.get('etag'),
    advertised: Object.fromEntries(files.map((file) => [file.filename, file['core-metadata']])),
  }
}

/** As the upstream has it now. */
const freshPage = () => page('hello', { 'cache-control': 'no-cache' })

const at = ({ path }: PublishedPypi) => `/pypi/local/main${path}`
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

async function ask(path: string, init: Parameters<TestRegistry['fetch']>[1] = {}) {
  const answer = await registry.fetch(path, init)
  return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) }
}

describe('a wheel whose index offers no .metadata', () => {
  it('has it advertised at the first look, without being downloaded', async () => {
    const wheel = await publish()
    expect((await page()).advertised).toEqual({ [wheel.file]: { sha256: sha256(wheel.metadata) } })
    const { status, body, headers } = await ask(`${at(wheel)}.metadata`)
    expect([status, body.toString()]).toEqual([200, wheel.metadata.toString()])
    expect(headers.get('cache-control')).toContain('immutable')
    expect(pypi.bytesOf(wheel.path)).toBeLessThan(150_000)
    // And no more is asked of anybody.
    const before = pypi.requests.length
    await page()
    await ask(`${at(wheel)}.metadata`)
    expect(pypi.requests).toHaveLength(before)
  })

  it('keeps it when the upstream is gone', async () => {
    const wheel = await publish()
    await page()
    await pypi.down()
    expect((await ask(`${at(wheel)}.metadata`)).body.toString()).toBe(wheel.metadata.toString())
  })

  it('has it advertised of five versions, and of others once somebody asked for it', async () => {
    const wheels: PublishedPypi[] = []
    for (let version = 1; version <= 7; version++) wheels.push(await publish({ version: `${version}.0` }))
    await publish({ version: '8.0rc1' })
    const { advertised, etag } = await page()
    const known = Object.entries(advertised).flatMap(([file, metadata]) => (metadata ? [file] : []))
    expect(known).toEqual(wheels.slice(2).map(({ file }) => file))
    const first = wheels[0] as PublishedPypi
    expect((await ask(`${at(first)}.metadata`)).body.toString()).toBe(first.metadata.toString())
    const after = await page()
    expect(after.advertised[first.file]).toEqual({ sha256: sha256(first.metadata) })
    expect(after.etag).not.toBe(etag)
    expect(pypi.bytesOf(/packages/)).toBeLessThan(7 * 150_000)
  })

  it('has it advertised once somebody read parts of it', async () => {
    const wheels: PublishedPypi[] = []
    for (let version = 1; version <= 6; version++) wheels.push(await publish({ version: `${version}.0` }))
    const first = wheels[0] as PublishedPypi
    expect((await page()).advertised[first.file]).toBe(false)
    await ask(at(first), { headers: { range: 'bytes=-16384' } })
    await expect
      .poll(async () => (await page()).advertised[first.file], { timeout: 20_000 })
      .toEqual({ sha256: sha256(first.metadata) })
    const before = pypi.requests.length
    await ask(`${at(first)}.metadata`)
    expect(pypi.requests).toHaveLength(before)
  })

  it('and no digest of it either, has it read out of the whole', async () => {
    const wheel = await publish({ hashes: {} })
    expect((await page()).advertised).toEqual({ [wheel.file]: false })
    const { status, body } = await ask(`${at(wheel)}.metadata`)
    expect([status, body.toString()]).toEqual([200, wheel.metadata.toString()])
    expect((await ask(`${at(wheel)}.metadata`)).body.toString()).toBe(wheel.metadata.toString())
    expect(pypi.countOf(wheel.path)).toBe(1)
  })

  it('has none beside its .metadata, and sdists have none', async () => {
    const wheel = await publish({ kinds: ['wheel', 'sdist'] })
    const [, sdist] = await pypi.publish({ name: 'both', version: '1.0', kinds: ['wheel', 'sdist'] })
    await page()
    expect((await ask(`${at(wheel)}.metadata.metadata`)).status).toBe(404)
    await page('both')
    expect((await ask(`/pypi/local/main${sdist?.path}.metadata`)).status).toBe(404)
  })

  it('that is held back has it neither read, listed nor given', async () => {
    const old = await publish({ version: '1.0' })
    const bad = await publish({ version: '2.0' })
    const packages = [{ format: 'pypi' as const, package: 'hello', versions: ['2.0'] }]
    const rule = { kind: 'deny-list' as const, packages, reason: 'malware' }
    await registry.admin.client.call(operations.createRule, { domain: 'local', rule })
    expect(Object.keys((await page()).advertised)).toEqual([old.file])
    expect((await ask(`${at(bad)}.metadata`)).status).toBe(403)
    expect((await ask(at(bad), { method: 'HEAD' })).status).toBe(403)
    expect((await ask(at(bad), { headers: { range: 'bytes=1000000-1000010' } })).status).toBe(403)
    expect(pypi.countOf(bad.path)).toBe(0)
  })
})

const UNABLE: readonly RangeManners[] = [
  'wrong-bytes',
  'none',
  'claimed',
  'shifted',
  'no-content-range',
  'other-total',
  'too-many',
  'encoded',
]

describe('an upstream that gives no parts as it should', () => {
  it.each(UNABLE)('(%s) has nothing advertised, and its .metadata comes out of the whole wheel', async (manners) => {
    const wheel = await publish()
    pypi.giveRanges(manners)
    expect((await page()).advertised).toEqual({ [wheel.file]: false })
    const { status, body } = await ask(`${at(wheel)}.metadata`)
    expect([status, body.toString()]).toEqual([200, wheel.metadata.toString()])
    expect((await page()).advertised).toEqual({ [wheel.file]: { sha256: sha256(wheel.metadata) } })
    const { body: bytes, headers } = await ask(at(wheel), { headers: { range: 'bytes=-10' } })
    expect(bytes).toEqual(wheel.bytes.subarray(-10))
    expect(headers.get('cache-control')).toContain('immutable')
  })

  it('is not asked for any again for an hour', async () => {
    const [first, second] = [await publish(), await publish({ version: '2.0' })]
    pypi.giveRanges('claimed')
    await page()
    const asked = pypi.requests.filter(({ headers }) => headers['range'] !== undefined).length
    expect(asked).toBeLessThanOrEqual(2)
    const third = await publish({ version: '3.0' })
    registry.passTime(15 * 60_000)
    expect((await freshPage()).advertised[third.file]).toBe(false)
    for (const wheel of [first, second]) await ask(at(wheel), { headers: { range: 'bytes=1000000-1000010' } })
    expect(pypi.requests.filter(({ headers }) => headers['range'] !== undefined)).toHaveLength(asked)
    pypi.giveRanges('faithful')
    registry.passTime(60 * 60_000)
    const fourth = await publish({ version: '4.0' })
    expect((await freshPage()).advertised[fourth.file]).toEqual({ sha256: sha256(fourth.metadata) })
  })

  it('whose file is another at each request gives nothing that is mixed of two', async () => {
    const front = oddZip([
      { name: 'hello-1.0.dist-info/METADATA', data: Buffer.from('Metadata-Version: 2.1\nName: hello\nVersion: 1.0\n') },
      { name: 'hello/data.bin', data: randomBytes(MEBIBYTE) },
    ])
    const wheel = await publish({ bytes: front })
    pypi.giveRanges('unsteady')
    expect((await page()).advertised).toEqual({ [wheel.file]: false })
    expect((await ask(`${at(wheel)}.metadata`)).body.toString()).toContain('Name: hello')
  })
})

describe('what parts of a wheel say', () => {
  it('is given up as soon as the whole says otherwise, and that upstream is not believed again', async () => {
    const [forged] = await pypi.publish({
      name: 'hello',
      version: '1.0',
      files: BIG,
      requiresDist: ['evil-one>=1'],
      metadata: false,
    })
    pypi.remove('hello')
    const wheel = await publish({ requiresDist: ['good-one>=1'] })
    pypi.forgeParts(wheel.path, (forged as PublishedPypi).bytes)
    expect((await page()).advertised[wheel.file]).toEqual({ sha256: sha256((forged as PublishedPypi).metadata) })
    const whole = await ask(at(wheel))
    expect(sha256(whole.body)).toBe(wheel.sha256)
    await expect
      .poll(async () => (await page()).advertised[wheel.file], { timeout: 20_000 })
      .toEqual({ sha256: sha256(wheel.metadata) })
    expect((await ask(`${at(wheel)}.metadata`)).body.toString()).toBe(wheel.metadata.toString())
    expect(registry.log).toContainEqual(
      expect.objectContaining({ file: wheel.file, reason: expect.stringContaining('not that of the whole file') }),
    )
    const next = await publish({ version: '2.0' })
    registry.passTime(15 * 60_000)
    expect((await freshPage()).advertised[next.file]).toBe(false)
  })
})

describe('a wheel that cannot be read beyond doubt', () => {
  const metadata = Buffer.from('Metadata-Version: 2.1\nName: hello\nVersion: 1.0\n')
  const member = { name: 'hello-1.0.dist-info/METADATA', data: metadata }
  it.each([
    ['has two METADATA', oddZip([member, member])],
    ["has another project's", oddZip([{ ...member, data: Buffer.from('Name: other\nVersion: 1.0\n') }])],
    ['is no zip file', randomBytes(100_000)],
  ])('(it %s) has nothing advertised, and its .metadata is an error that says so', async (_what, bytes) => {
    const wheel = await publish({ bytes })
    expect((await page()).advertised).toEqual({ [wheel.file]: false })
    const { status, body } = await ask(`${at(wheel)}.metadata`)
    expect(status).toBe(502)
    expect(body.toString()).toContain(`gives no metadata of ${wheel.file}`)
    // The wheel itself is what its digest says.
    expect((await ask(at(wheel))).body.equals(bytes)).toBe(true)
  })
})

describe('.metadata that the index does advertise', () => {
  it('comes out of the wheel where the upstream does not have it', async () => {
    const wheel = await publish({ metadata: true })
    pypi.faults.on(`${wheel.path}.metadata`, { kind: 'status', status: 404 })
    const { status, body } = await ask(`${at(wheel)}.metadata`)
    expect([status, body.toString()]).toEqual([200, wheel.metadata.toString()])
    expect(pypi.bytesOf(wheel.path)).toBeLessThan(150_000)
  })

  it('comes out of the wheel where the upstream sends other bytes than it advertises', async () => {
    const wheel = await publish({ metadata: true })
    pypi.faults.on(`${wheel.path}.metadata`, { kind: 'wrong-bytes' })
    expect((await ask(`${at(wheel)}.metadata`)).body.toString()).toBe(wheel.metadata.toString())
    expect(registry.log).toContainEqual(expect.objectContaining({ file: `${wheel.file}.metadata` }))
  })

  it('is an error where neither it nor what is in the wheel has its digest', async () => {
    const wheel = await publish({
      metadata: true,
      bytes: oddZip([{ name: 'hello-1.0.dist-info/METADATA', data: Buffer.from('Name: hello\nVersion: 1.0\n') }]),
    })
    pypi.faults.on(`${wheel.path}.metadata`, { kind: 'wrong-bytes' })
    expect((await ask(`${at(wheel)}.metadata`)).status).toBe(502)
    pypi.faults.clear()
    expect((await ask(`${at(wheel)}.metadata`)).body.toString()).toBe(wheel.metadata.toString())
  })
})

describe('an upstream that is slow to give parts', () => {
  it('holds a page up for two seconds, once', async () => {
    const wheels: PublishedPypi[] = []
    for (let version = 1; version <= 5; version++) wheels.push(await publish({ version: `${version}.0` }))
    pypi.faults.on(/packages/, { kind: 'hang' })
    const begun = Date.now()
    expect(Object.values((await page()).advertised)).toEqual(wheels.map(() => false))
    expect(Date.now() - begun).toBeLessThan(6_000)
    const again = Date.now()
    await page()
    expect(Date.now() - again).toBeLessThan(1_000)
  })
})
