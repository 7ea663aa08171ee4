import { createHash, randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import type { Fault } from '../support/upstream/faults.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'

// Upstreams that are gone, slow or wrong for a while: what is here stays, and nothing is said not to exist.

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

/** A name that no other case has. */
let name = ''
let taken = 0
beforeEach(() => {
  name = `hello-${(taken += 1)}`
})

/** All is well again, and what was remembered of the time when it was not is over. */
const recover = async () => {
  for (const server of [npmjs, pypi]) {
    await server.up()
    server.faults.clear()
  }
  registry.passTime(2 * MINUTE)
}
afterEach(recover)

/** With a token of now: days pass here. */
const get = async (path: string, init: Parameters<TestRegistry['fetch']>[1] = {}) =>
  registry.fetch(path, { token: await registry.admin.token(), ...init })

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const FRESH = { 'cache-control': 'no-cache' }

describe('an upstream that is down', () => {
  type Failing = 'refuses connections' | Fault
  type Format = 'npm' | 'pypi'
  // Each takes a second or two, for an upstream that fails is asked again: so not each in both formats.
  const WAYS: readonly (readonly [string, Format, Failing])[] = [
    ['refuses connections', 'npm', 'refuses connections'],
    ['answers 503', 'npm', { kind: 'status', status: 503 }],
    ['answers 500', 'pypi', { kind: 'status', status: 500 }],
    ['answers 429', 'npm', { kind: 'status', status: 429, headers: { 'retry-after': '30' } }],
    ['answers 403', 'pypi', { kind: 'status', status: 403 }],
    ['resets connections', 'npm', { kind: 'reset' }],
    ['breaks off its answers', 'pypi', { kind: 'truncate', after: 20 }],
    ['shows a page for people', 'npm', { kind: 'html' }],
  ]
  const indexOf = (format: Format) =>
    format === 'npm' ? `/npm/local/main/${name}` : `/pypi/local/main/simple/${name}/`

  const publish = async (version: string) => {
    const { bytes, file } = await npmjs.publish({ name, version })
    const [wheel] = await pypi.publish({ name, version })
    return {
      npm: { bytes, path: `/npm/local/main/${name}/-/${file}` },
      pypi: { bytes: wheel?.bytes, path: `/pypi/local/main${wheel?.path}` },
    }
  }
  const fail = async (how: Failing) => {
    for (const server of [npmjs, pypi])
      if (how === 'refuses connections') await server.down()
      else server.faults.on('*', how)
  }
  it.each(WAYS)('P-25 that %s (%s): what is here is served, and said to be stale', async (_how, format, how) => {
    const file = (await publish('1.0.0'))[format]
    for (const path of [indexOf(format), file.path]) expect((await get(path)).status).toBe(200)
    // There would be something new: so what is broken off is a whole document.
    await publish('1.1.0')
    await fail(how)
    // Minutes later it is served while it is asked about, or because asking failed; days later only because asking failed.
    const later = [
      [15 * MINUTE, {}],
      [15 * MINUTE, FRESH],
      [72 * HOUR, {}],
    ] as const
    for (const [passed, headers] of later) {
      registry.passTime(passed)
      const response = await get(indexOf(format), { headers })
      expect(response.status).toBe(200)
      const text = await response.text()
      expect(text).toContain('1.0.0')
      expect(text).not.toContain('1.1.0')
      const isMarked = response.headers.get('x-cache') === 'stale' || response.headers.has('warning')
      expect(isMarked, `after ${passed}`).toBe(true)
    }
    const response = await get(file.path)
    expect(Buffer.from(await response.arrayBuffer())).toEqual(file.bytes)
  })

  it.each(WAYS)('P-25 that %s (%s): what is not here is not said to be missing', async (_how, format, how) => {
    const { path } = (await publish('1.0.0'))[format]
    await fail(how)
    const started = performance.now()
    const response = await get(format === 'npm' ? path : indexOf(format))
    expect([502, 504]).toContain(response.status)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(performance.now() - started).toBeLessThan(20_000)
    await recover()
    // Nor is it remembered as missing.
    for (const wanted of [indexOf(format), path]) expect((await get(wanted)).status, wanted).toBe(200)
  })

  it('P-25 that accepts and never answers: a stale copy is not waited for', async () => {
    await npmjs.publish({ name, version: '1.0.0' })
    expect((await get(`/npm/local/main/${name}`)).status).toBe(200)
    await fail({ kind: 'hang' })
    registry.passTime(15 * MINUTE)
    const started = performance.now()
    expect((await get(`/npm/local/main/${name}`)).status).toBe(200)
    expect(performance.now() - started).toBeLessThan(2_000)
    const patiently = await get(`/npm/local/main/${name}`, { headers: FRESH })
    expect(patiently.status).toBe(200)
    expect(patiently.headers.has('warning')).toBe(true)
    expect(performance.now() - started).toBeLessThan(12_000)
  })
})

describe('an upstream that says 404', () => {
  it('P-26 once, for a package that is here: its versions stay, and it is asked again soon', async () => {
    const { file, bytes } = await npmjs.publish({ name, version: '1.0.0' })
    await npmjs.publish({ name, version: '1.1.0' })
    const tarball = async () => Buffer.from(await (await get(`/npm/local/main/${name}/-/${file}`)).arrayBuffer())
    expect(await tarball()).toEqual(bytes)
    const versions = async () => {
      const response = await get(`/npm/local/main/${name}`, { headers: FRESH })
      return Object.keys(((await response.json()) as { versions: object }).versions)
    }
    npmjs.faults.on(`/${name}`, { kind: 'status', status: 404 })
    registry.passTime(15 * MINUTE)
    expect(await versions()).toEqual(['1.0.0'])
    expect(await tarball()).toEqual(bytes)
    npmjs.faults.clear()
    registry.passTime(15_000)
    expect(await versions()).toEqual(['1.0.0', '1.1.0'])
  })

  it('P-26 for a name that it never had: for a minute', async () => {
    const ask = async () => (await get('/npm/local/main/not-yet')).status
    expect([await ask(), await ask(), await ask()]).toEqual([404, 404, 404])
    expect(npmjs.countOf('/not-yet')).toBe(1)
    await npmjs.publish({ name: 'not-yet', version: '1.0.0' })
    registry.passTime(MINUTE + 1_000)
    expect(await ask()).toBe(200)
  })
})

describe('many at once', () => {
  it('P-28 200 clients get one cold file by one request, and the first of them may leave', async () => {
    const published = await npmjs.publish({ name, version: '1.0.0', tarballBytes: randomBytes(800_000) })
    npmjs.faults.on(published.path, { kind: 'slow', bytesPerSecond: 800_000 })
    const path = `/npm/local/main/${name}/-/${name}-1.0.0.tgz`
    const leaving = new AbortController()
    const first = await get(path, { signal: leaving.signal })
    const reader = first.body?.getReader()
    for (let read = 0; read < 80_000;) read += (await reader?.read())?.value?.length ?? Infinity
    leaving.abort()
    const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
    const digests = await Promise.all(
      Array.from({ length: 199 }, async () => sha256(new Uint8Array(await (await get(path)).arrayBuffer()))),
    )
    expect(new Set(digests)).toEqual(new Set([sha256(published.bytes)]))
    expect(npmjs.countOf(published.path)).toBe(1)
    expect(npmjs.countOf(`/${name}/1.0.0`)).toBe(1)
    expect(npmjs.countOf(`/${name}`)).toBe(0)
    const again = await get(path)
    expect(again.headers.get('x-cache')).toBe('hit')
    expect(sha256(new Uint8Array(await again.arrayBuffer()))).toBe(sha256(published.bytes))
    expect(npmjs.countOf(published.path)).toBe(1)
  })
})
