import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  assembleUpstream,
  connectionTo,
  pypiFile,
  readAll,
  type Assembled,
} from '../../test/support/upstream/assembled.ts'
import { startPypiUpstream, type PublishedPypi, type PypiUpstream } from '../../test/support/upstream/pypi.ts'
import type { RangeManners } from '../../test/support/upstream/ranges.ts'
import type { ByteRange } from '../registry/file-parts.ts'
import type { Connection, IndexFile } from '../registry/model.ts'

const soon = () => assembled.clock.now() + 5_000
const HOUR = 3_600_000

let pypi: PypiUpstream
let assembled: Assembled
let wheel: PublishedPypi
let connection: Connection
let file: IndexFile
beforeEach(async () => {
  pypi = await startPypiUpstream()
  assembled = await assembleUpstream()
  const files = { 'hello/data.bin': randomBytes(500_000) }
  const [published] = await pypi.publish({ name: 'hello', version: '1.0', files })
  wheel = published as PublishedPypi
  connection = connectionTo(pypi.url, { format: 'pypi' })
  file = pypiFile(wheel)
})
afterEach(async () => {
  await assembled[Symbol.asyncDispose]()
  await pypi[Symbol.asyncDispose]()
})

const open = (of = file) => assembled.upstream.openRemote(connection, of, { deadline: soon() })

/** null where it cannot even be opened. */
async function read(start: number, end: number, of = file): Promise<Buffer | null> {
  const bytes = await (await open(of))?.read({ start, end }, soon())
  return bytes ? Buffer.from(bytes) : null
}

const asked = () => pypi.requests.map(({ method, headers }) => `${method} ${headers['range'] ?? ''}`.trim())

describe('a part of a remote file', () => {
  it('is what was asked for, by an explicit range and not encoded', async () => {
    expect(await read(1000, 1999)).toEqual(wheel.bytes.subarray(1000, 2000))
    expect(asked()).toEqual(['GET bytes=1000-1999'])
    expect(pypi.requests[0]?.headers).toMatchObject({ 'accept-encoding': 'identity' })
  })

  it('is asked for on condition that the file is still the one that was read before', async () => {
    await read(0, 9)
    await read(10, 19)
    const [first, second] = pypi.requests
    expect(first?.headers['if-range']).toBeUndefined()
    expect(second?.headers['if-range']).toMatch(/^"[0-9a-f]{32}"$/)
  })

  it.each<RangeManners>(['none', 'claimed', 'shifted', 'no-content-range', 'too-many', 'encoded'])(
    'is none where the upstream answers as it should not (%s), and it is not asked again within an hour',
    async (manners) => {
      pypi.giveRanges(manners)
      const remote = await open()
      expect(await remote?.read({ start: 10, end: 19 }, soon())).toBeNull()
      pypi.giveRanges('faithful')
      expect(await remote?.read({ start: 10, end: 19 }, soon())).toBeNull()
      expect(await open()).toBeNull()
      expect(pypi.requests).toHaveLength(1)
      assembled.clock.advance(HOUR + 1)
      expect(await read(10, 19)).toEqual(wheel.bytes.subarray(10, 20))
      // It can do what it can: that is no failure of it.
      expect(assembled.upstream.healthOf(connection).requests.failed).toBe(0)
    },
  )

  it.each<{ what: string; change: () => void }>([
    { what: 'is of another length than the index says', change: () => pypi.giveRanges('other-total') },
    { what: 'has another ETag than before', change: () => pypi.giveRanges('unsteady') },
    { what: 'has another ETag than before, and If-Range is ignored', change: () => pypi.giveRanges('careless') },
  ])('is none where the file $what, and the others of the host are asked for', async ({ change }) => {
    await read(0, 9)
    change()
    expect(await read(10, 19)).toBeNull()
    pypi.giveRanges('faithful')
    expect(await read(10, 19)).toEqual(wheel.bytes.subarray(10, 20))
  })

  it('is not_found where the upstream has no such file', async () => {
    const missing = { ...file, url: `${file.url}.gone` }
    await expect(read(0, 9, missing)).rejects.toMatchObject({ code: 'not_found' })
  })

  it('is an outage where the upstream is down, or nothing may be asked', async () => {
    const offline = assembled.again({ isOffline: true })
    const remote = await offline.openRemote(connection, file, { deadline: soon() })
    await expect(remote?.read({ start: 0, end: 9 }, soon())).rejects.toMatchObject({ code: 'upstream_down' })
    expect(pypi.requests).toHaveLength(0)
    await offline[Symbol.asyncDispose]()
    await pypi.down()
    await expect(read(0, 9)).rejects.toMatchObject({ code: 'upstream_down' })
  })

  it('is not waited for beyond its deadline', async () => {
    pypi.faults.on('*', { kind: 'hang' })
    const remote = await open()
    await expect(remote?.read({ start: 0, end: 9 }, Date.now() + 50)).rejects.toMatchObject({ code: 'upstream_slow' })
  })

  it('is one request however many ask for the same at once', async () => {
    const parts = await Promise.all(Array.from({ length: 50 }, () => read(1000, 1999)))
    expect(new Set(parts.map((part) => part?.toString('hex'))).size).toBe(1)
    expect(pypi.requests).toHaveLength(1)
  })

  it('is none of a host whose parts turned out to be lies, for a day', async () => {
    assembled.upstream.distrustParts(connection, file, 'lies')
    expect(assembled.mismatches).toEqual([`${wheel.file}: lies`])
    assembled.clock.advance(23 * HOUR)
    expect(await open()).toBeNull()
    assembled.clock.advance(2 * HOUR)
    expect(await open()).not.toBeNull()
  })

  it('is never asked for in the clear where the connection is not', async () => {
    const secure = connectionTo('https://index.example/simple/', { format: 'pypi' })
    const elsewhere = { ...file, url: file.url.replace('127.0.0.1', 'files.example') }
    expect(await assembled.upstream.openRemote(secure, elsewhere, { deadline: soon() })).toBeNull()
    expect(assembled.observed).toEqual([])
  })

  it('follows a redirect, with its condition and without credentials', async () => {
    await using other = await startPypiUpstream()
    await other.publish({ name: 'hello', version: '1.0' })
    pypi.faults.on(wheel.path, { kind: 'redirect', to: `${other.origin}${wheel.path}` })
    await using lent = assembled.again({ credentialsOf: async () => ({ header: 'Bearer secret' }) })
    const declared = { ...connection, credentials: 'sealed', fileOrigins: [other.origin] }
    const remote = await lent.openRemote(declared, file, { deadline: soon() })
    await remote?.read({ start: 5, end: 9 }, soon()).catch(() => {})
    expect(pypi.requests.at(-1)?.headers).toMatchObject({ authorization: 'Bearer secret', range: 'bytes=5-9' })
    expect(other.requests.at(-1)?.headers).toMatchObject({ range: 'bytes=5-9' })
    expect(other.requests.at(-1)?.headers['authorization']).toBeUndefined()
  })
})

describe('the size of a remote file', () => {
  const unsized = () => ({ ...file, size: null })

  it('is what the index says, or else what the upstream says to HEAD, once', async () => {
    expect((await open())?.size).toBe(wheel.bytes.length)
    expect(asked()).toEqual([])
    expect((await open(unsized()))?.size).toBe(wheel.bytes.length)
    expect((await open(unsized()))?.size).toBe(wheel.bytes.length)
    expect(asked()).toEqual(['HEAD'])
  })

  it('is unknown where the upstream refuses HEAD, which is no reason not to read parts of files whose size is known', async () => {
    pypi.giveRanges('no-head')
    expect(await open(unsized())).toBeNull()
    expect(await open(unsized())).toBeNull()
    expect(asked()).toEqual(['HEAD'])
    expect(await read(0, 9)).toEqual(wheel.bytes.subarray(0, 10))
  })
})

describe('a range is given', () => {
  const plan = async (range: ByteRange) => (await open())?.planRange(range)

  it('in parts, until half of the file was given so within ten minutes', async () => {
    const half = Math.floor(wheel.bytes.length / 2)
    expect(await plan({ start: 0, end: half + 1 })).toBe('whole')
    expect(await plan({ start: 0, end: half - 1 })).toBe('in-parts')
    await read(0, half - 1)
    expect(await plan({ start: half, end: half + 9 })).toBe('whole')
    assembled.clock.advance(10 * 60_000)
    expect(await plan({ start: half, end: half + 9 })).toBe('in-parts')
  })

  it('as it arrives where it did, and out of the whole once that is here', async () => {
    const gate = Promise.withResolvers<void>()
    pypi.faults.on(wheel.path, { kind: 'stall', after: 300_000, until: gate.promise }, { times: 1 })
    const { body, landed } = await assembled.upstream.download(connection, file, { deadline: soon() })
    await readAll(body, 100_000)
    expect(await plan({ start: 50_000, end: 50_009 })).toBe('as-it-arrives')
    expect(await plan({ start: 400_000, end: 400_009 })).toBe('in-parts')
    gate.resolve()
    const { digests, size } = await landed
    const at = { connection: connection.name, format: 'pypi', key: 'hello' as never, file: 'x' } as const
    await assembled.store.commit([{ change: 'put-side-car', ...at, sha256: digests.sha256, size }])
    expect(await plan({ start: 400_000, end: 400_009 })).toBe('whole')
    await body[Symbol.asyncDispose]()
  })
})
