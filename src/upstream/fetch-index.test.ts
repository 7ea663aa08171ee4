import { zstdDecompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import {
  assembleUpstream,
  connectionTo,
  npmName,
  parseJson,
  pypiName,
  readAll,
  type Assembled,
} from '../../test/support/upstream/assembled.ts'
import { startNpmUpstream } from '../../test/support/upstream/npm.ts'
import { startPypiUpstream } from '../../test/support/upstream/pypi.ts'
import type { Connection } from '../registry/model.ts'
import type { PackageName } from '../registry/names.ts'
import { packIndex } from '../registry/pack-index.ts'
import { unpackFacts } from '../registry/packed-facts.ts'

const HOUR = 3_600_000
const LEFT_PAD = npmName('left-pad')

const read = (
  { upstream }: Assembled,
  connection: Connection,
  name: PackageName = LEFT_PAD,
  options: { force?: boolean; whileRevalidating?: boolean; deadline?: number } = {},
) => upstream.readIndex(connection, name, { deadline: Date.now() + 365 * 24 * HOUR, ...options })

const versionsOf = (answer: Awaited<ReturnType<typeof read>>) =>
  answer.index.facts && unpackFacts(answer.index.facts).versions.map(({ version }) => version)

const serialOf = (answer: Awaited<ReturnType<typeof read>>) =>
  answer.index.facts && unpackFacts(answer.index.facts).serial

async function npmWithLeftPad() {
  const npm = await startNpmUpstream()
  await npm.publish({ name: 'left-pad', version: '1.0.0' })
  return npm
}

describe('an index', () => {
  it('is fetched once, kept compressed, and served while it is fresh', async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    const first = await read(assembled, connection)
    expect(first).toMatchObject({ stale: false, index: { state: 'present', revision: 1 } })
    assembled.clock.advance(4 * 60_000)
    expect(await read(assembled, connection)).toEqual(first)
    expect(npm.countOf('/left-pad')).toBe(1)
    await using blob = await assembled.blobs.open(first.index.document?.sha256 ?? '')
    if (!blob) throw new Error('no document was kept')
    const document = JSON.parse(zstdDecompressSync(await readAll(blob)).toString()) as { name: string }
    expect(document.name).toBe('left-pad')
    expect(assembled.observed).toMatchObject([{ kind: 'index', what: 'left-pad', status: 200, error: null }])
  })

  it('is asked for once by 200 at the same time', async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    const answers = await Promise.all(Array.from({ length: 200 }, () => read(assembled, connection)))
    expect(new Set(answers.map(({ index }) => index.document?.sha256)).size).toBe(1)
    expect(npm.countOf('/left-pad')).toBe(1)
  })

  it('is only touched by 304, and by 200 with the same bytes', async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    const first = await read(assembled, connection)
    assembled.clock.advance(HOUR)
    const second = await read(assembled, connection)
    expect(npm.requests[1]?.headers['if-none-match']).toBe(first.index.etag)
    expect(assembled.observed[1]?.status).toBe(304)
    npm.faults.on('*', { kind: 'no-etag' })
    assembled.clock.advance(HOUR)
    const third = await read(assembled, connection)
    expect(assembled.observed[2]?.status).toBe(200)
    for (const { index, stale } of [second, third]) {
      expect({ stale, revision: index.revision, document: index.document }).toEqual({
        stale: false,
        revision: 1,
        document: first.index.document,
      })
      expect(index.freshUntil).toBeGreaterThan(first.index.freshUntil)
    }
    expect(await read(assembled, connection)).toEqual(third)
  })

  it('is replaced when the upstream has news', async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    await read(assembled, connection)
    await npm.publish({ name: 'left-pad', version: '1.1.0' })
    expect(versionsOf(await read(assembled, connection))).toEqual(['1.0.0'])
    const forced = await read(assembled, connection, LEFT_PAD, { force: true })
    expect(versionsOf(forced)).toEqual(['1.0.0', '1.1.0'])
    expect(forced.index.revision).toBe(2)
  })

  it('is served at once while it is refreshed behind', async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    await read(assembled, connection)
    await npm.publish({ name: 'left-pad', version: '1.1.0' })
    assembled.clock.advance(HOUR)
    const served = await read(assembled, connection, LEFT_PAD, { whileRevalidating: true })
    expect({ versions: versionsOf(served), stale: served.stale }).toEqual({ versions: ['1.0.0'], stale: false })
    await expect.poll(async () => versionsOf(await read(assembled, connection))).toEqual(['1.0.0', '1.1.0'])
    expect(npm.countOf('/left-pad')).toBe(2)
  })

  it("carries its connection's credentials", async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream({ credentialsOf: async () => ({ header: 'Bearer s3cret' }) })
    await read(assembled, connectionTo(npm.url, { credentials: 'sealed' }))
    await read(assembled, connectionTo(npm.url), npmName('other'))
    expect(npm.requests.map(({ headers }) => headers['authorization'])).toEqual(['Bearer s3cret', undefined])
  })
})

describe('absence', () => {
  it('is remembered for a minute', async () => {
    await using npm = await startNpmUpstream()
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    expect(await read(assembled, connection)).toMatchObject({
      stale: false,
      index: { state: 'absent', document: null },
    })
    await npm.publish({ name: 'left-pad', version: '1.0.0' })
    assembled.clock.advance(50_000)
    expect((await read(assembled, connection)).index.state).toBe('absent')
    expect(npm.requests).toHaveLength(1)
    assembled.clock.advance(11_000)
    expect((await read(assembled, connection)).index.state).toBe('present')
  })

  it('of a package that was there keeps what was known, and is asked about again soon', async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    const before = await read(assembled, connection)
    // Twice, for it is asked again at once before it is believed.
    npm.faults.on('/left-pad', { kind: 'status', status: 404 }, { times: 3 })
    const during = await read(assembled, connection, LEFT_PAD, { force: true })
    expect(during.index).toMatchObject({
      state: 'absent',
      document: before.index.document,
      facts: before.index.facts,
      revision: 2,
    })
    assembled.clock.advance(11_000)
    expect((await read(assembled, connection)).index).toMatchObject({ state: 'absent', revision: 2 })
    assembled.clock.advance(11_000)
    expect((await read(assembled, connection)).index).toMatchObject({
      state: 'present',
      document: before.index.document,
    })
  })

  it('of a package that was there is not believed when it is said once', async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    await read(assembled, connection)
    npm.faults.on('/left-pad', { kind: 'status', status: 404 }, { times: 1 })
    expect((await read(assembled, connection, LEFT_PAD, { force: true })).index).toMatchObject({
      state: 'present',
      revision: 1,
    })
    expect(npm.requests.at(-1)?.headers).toMatchObject({ 'cache-control': 'no-cache' })
  })

  it.each([
    { what: 'none of its versions', left: {}, asked: 3 },
    { what: 'less than half of them', left: { '1.0.0': {} }, asked: 3 },
    { what: 'all but one', left: { '1.0.0': {}, '1.1.0': {}, '1.2.0': {} }, asked: 2 },
  ])('of most versions ($what are left) is believed when it is said twice', async ({ left, asked }) => {
    await using npm = await startNpmUpstream()
    for (const version of ['1.0.0', '1.1.0', '1.2.0', '1.3.0']) await npm.publish({ name: 'left-pad', version })
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    await read(assembled, connection)
    const body = JSON.stringify({ name: 'left-pad', versions: left })
    npm.faults.on('/left-pad', { kind: 'status', status: 200, body }, { times: asked - 1 })
    expect(versionsOf(await read(assembled, connection, LEFT_PAD, { force: true }))).toEqual(Object.keys(left))
    expect(npm.requests).toHaveLength(asked)
  })

  it('is never what an outage looks like, whatever was known', async () => {
    await using npm = await startNpmUpstream()
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    expect((await read(assembled, connection)).index.state).toBe('absent')
    await npm.down()
    assembled.clock.advance(HOUR)
    await expect(read(assembled, connection)).rejects.toMatchObject({ code: 'upstream_down' })
  })
})

describe('an outage', () => {
  const faults = [
    ['refused', { kind: 'status', status: 403 }, 'upstream_down'],
    [
      'unauthenticated',
      { kind: 'status', status: 401, headers: { 'www-authenticate': 'Bearer realm="http://evil.example"' } },
      'upstream_down',
    ],
    ['a server error', { kind: 'status', status: 500 }, 'upstream_down'],
    ['unavailable', { kind: 'status', status: 503, headers: { 'retry-after': '1' } }, 'upstream_down'],
    ['throttled', { kind: 'status', status: 429 }, 'upstream_down'],
    ['no content', { kind: 'status', status: 204 }, 'upstream_down'],
    ['304 without a condition', { kind: 'status', status: 304 }, 'upstream_down'],
    ['a page for people', { kind: 'html' }, 'upstream_down'],
    ['reset', { kind: 'reset' }, 'upstream_down'],
    ['cut off', { kind: 'truncate', after: 100 }, 'upstream_down'],
    ['other bytes', { kind: 'wrong-bytes' }, 'upstream_down'],
    ['a redirect to the metadata service', { kind: 'redirect', to: 'http://169.254.169.254/' }, 'upstream_down'],
    ['a redirect to another local port', { kind: 'redirect', to: 'http://127.0.0.1:9/' }, 'upstream_down'],
    ['silence', { kind: 'hang' }, 'upstream_slow'],
    ['silence within the body', { kind: 'stall', after: 50 }, 'upstream_slow'],
  ] as const

  it.each(faults)(
    '(%s) is told as one where nothing is kept, and leaves nothing behind',
    async (_title, fault, code) => {
      await using npm = await npmWithLeftPad()
      await using assembled = await assembleUpstream({ limits: { indexDeadlineMs: 400 } })
      const connection = connectionTo(npm.url)
      npm.faults.on('*', fault)
      const error = await read(assembled, connection).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ name: 'RegistryError', code, details: { retryAfter: expect.any(Number) } })
      expect(await assembled.store.findIndex(connection.name, 'npm', LEFT_PAD.key)).toBeUndefined()
      npm.faults.clear()
      assembled.clock.advance(30_000)
      expect((await read(assembled, connection)).index.state).toBe('present')
    },
  )

  it.each(faults.filter(([title]) => !title.startsWith('304')))(
    '(%s) leaves the stale copy in use',
    async (_title, fault) => {
      await using npm = await npmWithLeftPad()
      await using assembled = await assembleUpstream({ limits: { indexDeadlineMs: 400 } })
      const connection = connectionTo(npm.url)
      const before = await read(assembled, connection)
      await npm.publish({ name: 'left-pad', version: '1.1.0' }) // so that there is a body to break
      npm.faults.on('*', fault)
      assembled.clock.advance(48 * HOUR)
      expect(await read(assembled, connection, LEFT_PAD, { whileRevalidating: true })).toEqual({
        index: before.index,
        stale: true,
      })
    },
  )

  it('is passing: what comes right on the third try is an answer', async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream()
    npm.faults.on('*', { kind: 'reset' }, { times: 1 })
    npm.faults.on('*', { kind: 'status', status: 502 }, { times: 1 })
    expect((await read(assembled, connectionTo(npm.url))).index.state).toBe('present')
    expect(npm.requests).toHaveLength(3)
  })

  it('does not make a request with an older copy wait for the whole timeout', async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream({ limits: { patienceMs: 100 } })
    const connection = connectionTo(npm.url)
    await read(assembled, connection)
    npm.faults.on('*', { kind: 'hang' })
    assembled.clock.advance(48 * HOUR)
    const begun = performance.now()
    expect((await read(assembled, connection)).stale).toBe(true)
    expect(performance.now() - begun).toBeLessThan(1_000)
  })

  it('ends with the deadline of the request', async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream()
    npm.faults.on('*', { kind: 'hang' })
    const asked = read(assembled, connectionTo(npm.url), LEFT_PAD, { deadline: Date.now() + 100 })
    await expect(asked).rejects.toMatchObject({ code: 'upstream_slow' })
  })

  it('is remembered: the requests of one install do not each wait for it, and one probe ends it', async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    npm.faults.on('*', { kind: 'reset' })
    for (const name of ['a', 'b', 'c'])
      await expect(read(assembled, connection, npmName(name))).rejects.toMatchObject({ code: 'upstream_down' })
    const asked = npm.requests.length
    expect(asked).toBe(9)
    const many = Array.from({ length: 300 }, (_, index) => read(assembled, connection, npmName(`p${index}`)))
    for (const outcome of await Promise.allSettled(many))
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'upstream_down' } })
    expect(npm.requests).toHaveLength(asked)
    npm.faults.clear()
    assembled.clock.advance(3_001)
    expect((await read(assembled, connection)).index.state).toBe('present')
    expect((await read(assembled, connection, npmName('a'))).index.state).toBe('absent')
  })

  it('that the upstream limits itself is kept to: nothing is sent before Retry-After', async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    npm.faults.on('*', { kind: 'status', status: 429, headers: { 'retry-after': '40' } }, { times: 1 })
    await expect(read(assembled, connection)).rejects.toMatchObject({
      code: 'upstream_down',
      details: { retryAfter: 40 },
    })
    assembled.clock.advance(39_000)
    await expect(read(assembled, connection)).rejects.toMatchObject({
      code: 'upstream_down',
      details: { retryAfter: 1 },
    })
    expect(npm.requests).toHaveLength(1)
    assembled.clock.advance(1_500)
    expect((await read(assembled, connection)).index.state).toBe('present')
  })
})

describe('an index that is too much', () => {
  it('is refused by its decoded size', async () => {
    await using npm = await startNpmUpstream()
    await npm.publish({ name: 'left-pad', version: '1.0.0', manifest: { readme: 'x'.repeat(2_000_000) } })
    await using assembled = await assembleUpstream({ limits: { maxIndexBytes: 1_000_000 } })
    await expect(read(assembled, connectionTo(npm.url))).rejects.toMatchObject({ code: 'upstream_down' })
    expect(npm.requests).toHaveLength(1)
    expect(assembled.observed[0]?.bytes).toBeLessThan(100_000)
  })

  it('is refused where reading it fails, however it fails', async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream({
      readIndex: async () => {
        throw new RangeError('Maximum call stack size exceeded')
      },
    })
    await expect(read(assembled, connectionTo(npm.url))).rejects.toMatchObject({ code: 'upstream_down' })
  })
})

describe('a page with a serial', () => {
  it('is never replaced by one with a lower serial', async () => {
    await using pypi = await startPypiUpstream()
    await pypi.publish({ name: 'hello', version: '1.0' })
    pypi.setSerial(500)
    await using assembled = await assembleUpstream()
    const connection = connectionTo(pypi.url, { format: 'pypi' })
    const newer = await read(assembled, connection, pypiName('hello'))
    expect(serialOf(newer)).toBe(500)
    pypi.setSerial(499)
    assembled.clock.advance(HOUR)
    const kept = await read(assembled, connection, pypiName('hello'))
    expect(kept).toMatchObject({
      stale: false,
      index: { document: newer.index.document, revision: 1 },
    })
    expect(serialOf(kept)).toBe(500)
    expect(pypi.requests.map(({ headers }) => headers['cache-control'])).toEqual([undefined, undefined, 'no-cache'])
    expect(kept.index.freshUntil - kept.index.checkedAt).toBeCloseTo(60_000, -2)
  })

  it('is taken from behind the caches where one of them lags', async () => {
    await using pypi = await startPypiUpstream()
    await pypi.publish({ name: 'hello', version: '1.0' })
    const serials = [500, 499, 501]
    await using assembled = await assembleUpstream({
      readIndex: async (_format, received, _name, known) => {
        const parsed = parseJson(received)
        return packIndex({ ...parsed, facts: { ...parsed.facts, serial: serials.shift() ?? null } }, known)
      },
    })
    const connection = connectionTo(pypi.url, { format: 'pypi' })
    await read(assembled, connection, pypiName('hello'))
    await pypi.publish({ name: 'hello', version: '1.1' })
    assembled.clock.advance(HOUR)
    const taken = await read(assembled, connection, pypiName('hello'))
    expect({ stale: taken.stale, serial: serialOf(taken) }).toEqual({ stale: false, serial: 501 })
  })
})

describe('an upstream that comes back', () => {
  it('is asked by one request first, and those that come meanwhile wait for what it finds', async () => {
    await using npm = await startNpmUpstream()
    const names = ['a', 'b', 'c', 'd', 'e'].map(npmName)
    for (const name of names) await npm.publish({ name: name.name, version: '1.0.0' })
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    await npm.down()
    await expect(read(assembled, connection, names[0])).rejects.toMatchObject({ code: 'upstream_down' })
    await expect(read(assembled, connection, names[1])).rejects.toThrow(/is not answering/)
    await npm.up()
    assembled.clock.advance(60_000)
    const { promise: until, resolve: answer } = Promise.withResolvers<void>()
    npm.faults.on('*', { kind: 'stall', after: 5, until }, { times: 1 })
    const asked = names.map((name) => read(assembled, connection, name))
    await expect.poll(() => npm.requests.length).toBe(1)
    expect(assembled.upstream.healthOf(connection)).toMatchObject({ state: 'half-open', requests: { notSent: 1 } })
    // One of them has less time than that: it is told so, and the others wait on.
    const hurried = read(assembled, connection, npmName('f'), { deadline: assembled.clock.now() + 50 })
    await expect(hurried).rejects.toMatchObject({ code: 'upstream_slow' })
    expect(npm.requests).toHaveLength(1)
    answer()
    const answers = await Promise.all(asked)
    expect(answers.map(({ index, stale }) => `${index.key} ${index.state} ${stale}`)).toEqual(
      names.map(({ key }) => `${key} present false`),
    )
    expect(assembled.upstream.healthOf(connection).state).toBe('closed')
  })

  it('and fails again is left alone by those that waited', async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    await npm.down()
    await expect(read(assembled, connection)).rejects.toMatchObject({ code: 'upstream_down' })
    await npm.up()
    npm.faults.on('*', { kind: 'status', status: 503 })
    assembled.clock.advance(60_000)
    const asked = ['left-pad', 'b', 'c'].map((name) => read(assembled, connection, npmName(name)))
    for (const { status } of await Promise.allSettled(asked)) expect(status).toBe('rejected')
    // A probe is tried once: others wait for it.
    expect(npm.requests).toHaveLength(1)
  })
})

describe('an installation that is offline', () => {
  it('sends nothing; a copy is served, and what is not here is not said to be missing', async () => {
    await using npm = await npmWithLeftPad()
    await using assembled = await assembleUpstream()
    const connection = connectionTo(npm.url)
    await read(assembled, connection)
    await read(assembled, connection, npmName('absent'))
    const asked = npm.requests.length
    await using offline = assembled.again({ isOffline: true })
    assembled.clock.advance(48 * HOUR)
    const options = { deadline: assembled.clock.now() + HOUR }
    expect(await offline.readIndex(connection, LEFT_PAD, options)).toMatchObject({
      stale: true,
      index: { revision: 1 },
    })
    for (const name of ['absent', 'never-heard-of'])
      await expect(offline.readIndex(connection, npmName(name), options)).rejects.toThrow(/is not asked for .* offline/)
    expect(await offline.findVersionOf(connection, LEFT_PAD, 'left-pad-1.0.0.tgz', options)).toBeUndefined()
    expect(npm.requests).toHaveLength(asked)
    expect(offline.healthOf(connection)).toMatchObject({ state: 'offline', requests: { notSent: 3 } })
  })
})
