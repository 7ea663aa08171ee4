import { createHash, randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import {
  assembleUpstream,
  connectionTo,
  npmFile,
  pypiFile,
  pypiName,
  readAll,
  type Assembled,
} from '../../test/support/upstream/assembled.ts'
import { startLoopbackServer } from '../../test/support/upstream/loopback-server.ts'
import { startNpmUpstream, type NpmUpstream } from '../../test/support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream } from '../../test/support/upstream/pypi.ts'
import type { IndexFile } from '../registry/model.ts'
import type { Landed } from '../registry/blob-store.ts'
import { fileUrl } from './offered-file.ts'

const soon = () => Date.now() + 10_000
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

const publish = (npm: NpmUpstream, size = 1_000_000) =>
  npm.publish({ name: 'big', version: '1.0.0', tarballBytes: randomBytes(size) })

async function publishWheel(pypi: PypiUpstream) {
  const [wheel] = await pypi.publish({ name: 'hello', version: '1.0' })
  if (!wheel) throw new Error('nothing was published')
  return wheel
}

async function isKept({ blobs }: Assembled): Promise<boolean> {
  for await (const _ of blobs.list()) return true
  return false
}

describe('a download', () => {
  it('lands verified under its sha256, with all digests that an asset tells', async () => {
    await using npm = await startNpmUpstream()
    const published = await publish(npm)
    await using assembled = await assembleUpstream()
    const download = await assembled.upstream.download(connectionTo(npm.url), npmFile(published), { deadline: soon() })
    expect(download).toMatchObject({ size: 1_000_000, joined: false })
    expect((await readAll(download.body)).equals(published.bytes)).toBe(true)
    const landed = await download.landed
    expect(landed).toMatchObject({
      size: 1_000_000,
      digests: { sha256: sha256(published.bytes), sha1: published.shasum },
    })
    expect(Object.keys(landed.digests).toSorted()).toEqual(['md5', 'sha1', 'sha256', 'sha512'])
    expect(await assembled.blobs.stat(sha256(published.bytes))).toEqual({ size: 1_000_000 })
    expect(npm.requests[0]?.headers['accept-encoding']).toBe('identity')
  })

  it('can be read at any position before and after it landed', async () => {
    await using npm = await startNpmUpstream()
    const published = await publish(npm)
    const gate = Promise.withResolvers<void>()
    npm.faults.on('*', { kind: 'stall', after: 600_000, until: gate.promise })
    await using assembled = await assembleUpstream()
    const { body, landed } = await assembled.upstream.download(connectionTo(npm.url), npmFile(published), {
      deadline: soon(),
    })
    const expectAt = async (position: number) => {
      const into = new Uint8Array(1000)
      const length = await body.read(into, position)
      expect(Buffer.from(into.subarray(0, length)).equals(published.bytes.subarray(position, position + length))).toBe(
        true,
      )
      return length
    }
    expect(await expectAt(500_000)).toBe(1000)
    expect(await expectAt(0)).toBe(1000)
    const waiting = expectAt(999_900)
    gate.resolve()
    expect(await waiting).toBe(100)
    await landed
    expect(await expectAt(10)).toBe(1000)
    expect(await expectAt(1_000_000)).toBe(0)
    await body[Symbol.asyncDispose]()
  })

  it('is one request upstream for 200 readers, and goes on when the first leaves', async () => {
    await using npm = await startNpmUpstream()
    const published = await publish(npm)
    const gate = Promise.withResolvers<void>()
    npm.faults.on('*', { kind: 'stall', after: 500_000, until: gate.promise })
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    const file = npmFile(published)
    const retained: Landed[] = []
    const join = () =>
      assembled.upstream.download(connection, file, {
        deadline: soon(),
        onLanded: async (landed) => void retained.push(landed),
      })
    const downloads = await Promise.all(Array.from({ length: 200 }, join))
    expect(downloads.filter(({ joined }) => !joined)).toHaveLength(1)
    const [first, ...others] = downloads
    if (!first) throw new Error('nobody asked')
    const tenth = await readAll(first.body, 100_000)
    expect(tenth.equals(published.bytes.subarray(0, tenth.length))).toBe(true)
    await first.body[Symbol.asyncDispose]()
    gate.resolve()
    const read = await Promise.all(others.map(({ body }) => readAll(body)))
    expect(new Set(read.map(sha256))).toEqual(new Set([sha256(published.bytes)]))
    await Promise.all(downloads.map(({ landed }) => landed))
    expect(retained).toHaveLength(200)
    expect(npm.requests).toHaveLength(1)
  })

  it('asks nobody where the bytes are here already', async () => {
    await using pypi = await startPypiUpstream()
    const published = await publishWheel(pypi)
    await using assembled = await assembleUpstream()
    const connection = connectionTo(pypi.url, { format: 'pypi' })
    const file = pypiFile(published)
    await (
      await assembled.upstream.download(connection, file, { deadline: soon() })
    ).landed
    await pypi.down()
    // Landed is not enough: it may be somebody's private file, and whoever writes an index may declare any digest.
    const unknown = assembled.upstream.download(connection, file, { deadline: soon() })
    await expect(unknown).rejects.toMatchObject({ code: 'upstream_down' })
    const kept = { sha256: published.sha256, size: published.bytes.length }
    await assembled.store.commit([
      {
        change: 'put-side-car',
        connection: connection.name,
        format: 'pypi',
        key: pypiName('hello').key,
        file: 'x',
        ...kept,
      },
    ])
    const retained: Landed[] = []
    const again = await assembled.upstream.download(connection, file, {
      deadline: soon(),
      onLanded: async (landed) => void retained.push(landed),
    })
    expect((await readAll(again.body)).equals(published.bytes)).toBe(true)
    expect(await again.landed).toEqual(retained[0])
    const lied = assembled.upstream.download(connection, { ...file, size: 5 }, { deadline: soon() })
    await expect(lied).rejects.toMatchObject({ code: 'upstream_down' })
    expect(pypi.requests).toHaveLength(1)
  })

  it.each([
    ['unknown', 300_000],
    ['known', 300_000],
    ['known', 10],
  ])('withholds the last bytes until they are verified and retained (length %s, %i bytes)', async (length, size) => {
    const bytes = randomBytes(size)
    await using server = await startLoopbackServer(() => ({
      status: 200,
      headers: length === 'unknown' ? { 'content-encoding': 'gzip' } : {},
      body: length === 'unknown' ? gzipSync(bytes) : bytes,
      document: false,
    }))
    await using assembled = await assembleUpstream()
    const retention = Promise.withResolvers<void>()
    const file: IndexFile = {
      ...NO_FACTS,
      url: `${server.origin}/x.tgz`,
      digests: { sha512: createHash('sha512').update(bytes).digest('hex') },
    }
    const { body } = await assembled.upstream.download(connectionTo(`${server.origin}/`), file, {
      deadline: soon(),
      onLanded: () => retention.promise,
    })
    let isWhole = false
    const whole = readAll(body).then((read) => ((isWhole = true), read))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(isWhole).toBe(false)
    retention.resolve()
    expect((await whole).equals(bytes)).toBe(true)
    expect(body.size).toBe(size)
  })

  it('serves its readers where retaining it fails, and tells that', async () => {
    await using npm = await startNpmUpstream()
    const published = await publish(npm)
    await using assembled = await assembleUpstream()
    const failing = async () => {
      throw new Error('the database is locked')
    }
    const { body, landed } = await assembled.upstream.download(connectionTo(npm.url), npmFile(published), {
      deadline: soon(),
      onLanded: failing,
    })
    expect((await readAll(body)).equals(published.bytes)).toBe(true)
    await expect(landed).resolves.toMatchObject({ size: 1_000_000 })
    expect(assembled.landedFailures).toMatchObject([{ message: 'the database is locked' }])
  })

  it('sends credentials to the connection and to nobody else', async () => {
    await using pypi = await startPypiUpstream({ filesApart: true })
    const published = await publishWheel(pypi)
    await using assembled = await assembleUpstream({ credentialsOf: async () => ({ header: 'Bearer s3cret' }) })
    const connection = connectionTo(pypi.url, {
      format: 'pypi',
      credentials: 'sealed',
      fileOrigins: [pypi.filesOrigin],
    })
    const file = pypiFile(published)
    await (
      await assembled.upstream.download(connection, file, { deadline: soon() })
    ).landed
    await (
      await assembled.upstream.download(
        connection,
        { ...file, digests: {}, url: `${new URL(pypi.url).origin}${published.path}` },
        { deadline: soon() },
      )
    ).landed
    expect(pypi.filesServer.requests.map(({ headers }) => headers['authorization'])).toEqual([undefined])
    expect(pypi.requests.map(({ headers }) => headers['authorization'])).toEqual(['Bearer s3cret'])
  })

  it.each([
    'http://127.0.0.1:9/canary',
    'http://169.254.169.254/latest/meta-data/',
    'http://[::1]:9/',
    'file:///etc/passwd',
  ])('reaches no private address that an index makes up: %s', async (url) => {
    await using npm = await startNpmUpstream()
    const published = await publish(npm, 10)
    await using assembled = await assembleUpstream()
    const asked = assembled.upstream.download(connectionTo(npm.url), npmFile(published, { url }), { deadline: soon() })
    await expect(asked).rejects.toMatchObject({ name: 'RegistryError', code: 'upstream_down' })
    expect(await isKept(assembled)).toBe(false)
  })
})

const NO_FACTS: Omit<IndexFile, 'url'> = {
  file: 'x-1.0.0.tgz',
  version: '1.0.0',
  path: null,
  digests: {},
  size: null,
  publishedAt: null,
  sideCar: null,
}

describe('a download that goes wrong', () => {
  it.each([
    ['wrong bytes', { kind: 'wrong-bytes' }],
    ['cut off', { kind: 'truncate', after: 600_000 }],
    ['reset', { kind: 'reset', after: 600_000 }],
    ['silent', { kind: 'stall', after: 600_000 }],
  ] as const)('(%s) fails every reader, whole for none, and leaves nothing', async (_title, fault) => {
    await using npm = await startNpmUpstream()
    const published = await publish(npm)
    npm.faults.on('*', fault)
    await using assembled = await assembleUpstream({ outbound: { timeouts: { idle: 300 } } })
    const connection = connectionTo(npm.url)
    const file = npmFile(published)
    const downloads = await Promise.all(
      Array.from({ length: 5 }, () => assembled.upstream.download(connection, file, { deadline: soon() })),
    )
    const read = await Promise.allSettled(downloads.map(({ body }) => readAll(body)))
    for (const outcome of read)
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { name: 'RegistryError', code: /^upstream_(down|slow)$/ },
      })
    for (const { landed } of downloads) await expect(landed).rejects.toMatchObject({ name: 'RegistryError' })
    expect(await isKept(assembled)).toBe(false)
    expect(assembled.mismatches).toEqual(fault.kind === 'wrong-bytes' ? ['big-1.0.0.tgz: sha512 digest mismatch'] : [])
    npm.faults.clear()
    const again = await assembled.upstream.download(connection, file, { deadline: soon() })
    expect((await readAll(again.body)).equals(published.bytes)).toBe(true)
  })

  it.each([
    ['reset', { kind: 'reset', after: 30_000 }],
    ['cut off', { kind: 'truncate', after: 30_000 }],
    ['a server error', { kind: 'status', status: 503 }],
  ] as const)('(%s) once is tried again while nobody has seen a byte', async (_title, fault) => {
    await using npm = await startNpmUpstream()
    const published = await publish(npm, 50_000)
    npm.faults.on('*', fault, { times: 1 })
    await using assembled = await assembleUpstream()
    const { body } = await assembled.upstream.download(connectionTo(npm.url), npmFile(published), { deadline: soon() })
    expect((await readAll(body)).equals(published.bytes)).toBe(true)
    expect(npm.requests).toHaveLength(2)
  })

  const other = 'ab'.repeat(64)
  it.each([
    ['one of two digests', { digests: { sha512: other } }],
    ['the weaker digest', { digests: { sha1: 'ab'.repeat(20) } }],
    ['the length, too short', { size: 1_000_001 }],
    ['the length, too long', { size: 999_999 }],
  ])('by %s is refused', async (_title, { digests, size }: { digests?: object; size?: number }) => {
    await using npm = await startNpmUpstream()
    const published = await publish(npm)
    await using assembled = await assembleUpstream()
    const honest = npmFile(published)
    const file = { ...honest, digests: { ...honest.digests, ...digests }, size: size ?? honest.size }
    const outcome = assembled.upstream
      .download(connectionTo(npm.url), file, { deadline: soon() })
      .then(({ body }) => readAll(body))
    await expect(outcome).rejects.toMatchObject({ code: 'upstream_down' })
    expect(assembled.mismatches).toHaveLength(1)
    expect(npm.requests).toHaveLength(1)
    expect(await isKept(assembled)).toBe(false)
  })

  it.each([
    ['404', { kind: 'status', status: 404 }, 'not_found'],
    ['403', { kind: 'status', status: 403 }, 'upstream_down'],
    ['a redirect inside', { kind: 'redirect', to: 'http://10.0.0.1/' }, 'upstream_down'],
    [
      'an encoding that nobody knows',
      { kind: 'status', status: 200, headers: { 'content-encoding': 'rot13' } },
      'upstream_down',
    ],
  ] as const)('with %s is refused before it begins', async (_title, fault, code) => {
    await using npm = await startNpmUpstream()
    const published = await publish(npm, 10)
    npm.faults.on('*', fault)
    await using assembled = await assembleUpstream()
    const asked = assembled.upstream.download(connectionTo(npm.url), npmFile(published), { deadline: soon() })
    await expect(asked).rejects.toMatchObject({ name: 'RegistryError', code })
    expect(npm.requests).toHaveLength(1)
  })

  it('because it is too large ends there', async () => {
    await using npm = await startNpmUpstream()
    const published = await publish(npm)
    await using assembled = await assembleUpstream({ limits: { maxFileBytes: 500_000 } })
    const asked = assembled.upstream.download(connectionTo(npm.url), npmFile(published, { size: null }), {
      deadline: soon(),
    })
    await expect(asked).rejects.toMatchObject({ code: 'upstream_down' })
    expect(await isKept(assembled)).toBe(false)
  })

  it('for one who waits no longer goes on for the others', async () => {
    await using npm = await startNpmUpstream()
    const published = await publish(npm)
    npm.faults.on('*', { kind: 'slow', bytesPerSecond: 4_000_000 })
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    const impatient = assembled.upstream.download(connection, npmFile(published), { deadline: Date.now() })
    const patient = assembled.upstream.download(connection, npmFile(published), { deadline: soon() })
    await expect(impatient).rejects.toMatchObject({ code: 'upstream_slow' })
    expect((await readAll((await patient).body)).equals(published.bytes)).toBe(true)
    expect(npm.requests).toHaveLength(1)
  })

  it('because the server stops ends for everybody', async () => {
    await using npm = await startNpmUpstream()
    const published = await publish(npm)
    npm.faults.on('*', { kind: 'stall', after: 600_000 })
    await using assembled = await assembleUpstream()
    const { body } = await assembled.upstream.download(connectionTo(npm.url), npmFile(published), { deadline: soon() })
    const reading = readAll(body)
    reading.catch(() => {})
    await assembled.upstream[Symbol.asyncDispose]()
    await expect(reading).rejects.toMatchObject({ code: 'busy' })
  })
})

describe('a side car', () => {
  async function withWheel() {
    const pypi = await startPypiUpstream()
    const published = await publishWheel(pypi)
    return {
      pypi,
      published,
      file: pypiFile(published, { sideCar: { sha256: sha256(published.metadata) } }),
    }
  }

  it('is read and verified, once for all who ask', async () => {
    const { pypi, published, file } = await withWheel()
    await using _ = pypi
    await using assembled = await assembleUpstream()
    const connection = connectionTo(pypi.url, { format: 'pypi' })
    const read = await Promise.all(
      [1, 2, 3].map(() => assembled.upstream.readSideCar(connection, file, { deadline: soon() })),
    )
    for (const bytes of read) expect(Buffer.from(bytes).equals(published.metadata)).toBe(true)
    expect(pypi.requests.map(({ path }) => path)).toEqual([`${published.path}.metadata`])
  })

  it.each([
    ['other bytes', { kind: 'wrong-bytes' }, 'upstream_down'],
    ['404', { kind: 'status', status: 404 }, 'not_found'],
    ['500', { kind: 'status', status: 500 }, 'upstream_down'],
  ] as const)('with %s is refused', async (_title, fault, code) => {
    const { pypi, file } = await withWheel()
    await using _ = pypi
    pypi.faults.on(/\.metadata$/, fault)
    await using assembled = await assembleUpstream()
    const connection = connectionTo(pypi.url, { format: 'pypi' })
    await expect(assembled.upstream.readSideCar(connection, file, { deadline: soon() })).rejects.toMatchObject({
      name: 'RegistryError',
      code,
    })
  })
})

describe('fileUrl', () => {
  const https = connectionTo('https://registry.example/npm/')
  const digests = { sha1: 'ab' }
  it.each([
    ['https://registry.example/x.tgz', digests, 'https://registry.example/x.tgz'],
    ['https://files.example/x.tgz', {}, 'https://files.example/x.tgz'],
    ['http://registry.example/x.tgz?a=1', digests, 'https://registry.example/x.tgz?a=1'],
    ['http://files.example/x.tgz', digests, 'http://files.example/x.tgz'],
  ])('fetches %s from %j', (url, declared, expected) => {
    expect(fileUrl(https, { ...NO_FACTS, url, digests: declared })).toBe(expected)
  })

  it('fetches nothing in the clear that has no digest, unless its connection is in the clear', () => {
    const file = { ...NO_FACTS, url: 'http://files.example/x.tgz' }
    expect(() => fileUrl(https, file)).toThrow(/plain http and without a digest/)
    expect(fileUrl(connectionTo('http://registry.example/'), file)).toBe(file.url)
  })
})
