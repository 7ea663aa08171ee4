import { createHash, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import type { Fault } from '../support/upstream/faults.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'

// Upstreams that are gone, slow or wrong for a while: what is here stays, and nothing is said not to exist.

let npmjs: NpmUpstream
let pypi: PypiUpstream
let registry: TestRegistry

beforeEach(async () => {
  npmjs = await startNpmUpstream()
  pypi = await startPypiUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_NPMJS: npmjs.url, GRANARY_UPSTREAM_PYPI: pypi.url })
})

afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  await npmjs[Symbol.asyncDispose]()
  await pypi[Symbol.asyncDispose]()
})

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const FRESH = { 'cache-control': 'no-cache' }

describe('an upstream that is down', () => {
  type Failing = 'refuses connections' | Fault
  const WAYS: readonly (readonly [string, Failing])[] = [
    ['refuses connections', 'refuses connections'],
    ['answers 503', { kind: 'status', status: 503 }],
    ['answers 500', { kind: 'status', status: 500 }],
    ['answers 429', { kind: 'status', status: 429, headers: { 'retry-after': '30' } }],
    ['answers 403', { kind: 'status', status: 403 }],
    ['resets connections', { kind: 'reset' }],
    ['breaks off its answers', { kind: 'truncate', after: 20 }],
    ['shows a page for people', { kind: 'html' }],
  ]

  const fail = async (how: Failing) => {
    for (const server of [npmjs, pypi])
      if (how === 'refuses connections') await server.down()
      else server.faults.on('*', how)
  }
  const recover = async () => {
    for (const server of [npmjs, pypi]) {
      await server.up()
      server.faults.clear()
    }
    registry.passTime(2 * MINUTE)
  }

  it.each(WAYS)('P-25 that %s: what is here is served, and said to be stale', async (_how, how) => {
    const { file, bytes } = await npmjs.publish({ name: 'hello', version: '1.0.0' })
    const [wheel] = await pypi.publish({ name: 'hello', version: '1.0.0' })
    const indexes = ['/npm/local/main/hello', '/pypi/local/main/simple/hello/']
    const files = [`/npm/local/main/hello/-/${file}`, `/pypi/local/main${wheel?.path}`]
    for (const path of [...indexes, ...files]) expect((await registry.fetch(path)).status).toBe(200)
    // There would be something new: so what is broken off is a whole document.
    await npmjs.publish({ name: 'hello', version: '1.1.0' })
    await pypi.publish({ name: 'hello', version: '1.1.0' })
    await fail(how)
    // Minutes later it is served while it is asked about, days later because asking failed.
    for (const [passed, headers] of [
      [15 * MINUTE, {}],
      [15 * MINUTE, FRESH],
      [72 * HOUR, {}],
    ] as const) {
      registry.passTime(passed)
      for (const path of indexes) {
        const response = await registry.fetch(path, { headers, token: await registry.admin.token() })
        expect(response.status, path).toBe(200)
        const text = await response.text()
        expect(text).toContain('1.0.0')
        expect(text).not.toContain('1.1.0')
        const isMarked = response.headers.get('x-cache') === 'stale' || response.headers.has('warning')
        expect(isMarked, `${path} after ${passed}`).toBe(true)
      }
    }
    const response = await registry.fetch(files[0] ?? '', { token: await registry.admin.token() })
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes)
  })

  it.each(WAYS)('P-25 that %s: what is not here is not said to be missing', async (_how, how) => {
    await npmjs.publish({ name: 'hello', version: '1.0.0' })
    await pypi.publish({ name: 'hello', version: '1.0.0' })
    await fail(how)
    const started = performance.now()
    for (const path of [
      '/npm/local/main/hello',
      '/npm/local/main/hello/-/hello-1.0.0.tgz',
      '/pypi/local/main/simple/hello/',
    ]) {
      const response = await registry.fetch(path)
      expect([502, 504], path).toContain(response.status)
      expect(Number(response.headers.get('retry-after')), path).toBeGreaterThan(0)
    }
    expect(performance.now() - started).toBeLessThan(30_000)
    await recover()
    // Nor is it remembered as missing.
    for (const path of [
      '/npm/local/main/hello',
      '/npm/local/main/hello/-/hello-1.0.0.tgz',
      '/pypi/local/main/simple/hello/',
    ])
      expect((await registry.fetch(path)).status, path).toBe(200)
  })

  it('P-25 that accepts and never answers: a stale copy is not waited for', async () => {
    await npmjs.publish({ name: 'hello', version: '1.0.0' })
    expect((await registry.fetch('/npm/local/main/hello')).status).toBe(200)
    await fail({ kind: 'hang' })
    registry.passTime(15 * MINUTE)
    const started = performance.now()
    expect((await registry.fetch('/npm/local/main/hello')).status).toBe(200)
    expect(performance.now() - started).toBeLessThan(2_000)
    const patiently = await registry.fetch('/npm/local/main/hello', { headers: FRESH })
    expect(patiently.status).toBe(200)
    expect(patiently.headers.has('warning')).toBe(true)
    expect(performance.now() - started).toBeLessThan(12_000)
  })
})

describe('an upstream that says 404', () => {
  it('P-26 once, for a package that is here: its versions stay, and it is asked again soon', async () => {
    const { file, bytes } = await npmjs.publish({ name: 'hello', version: '1.0.0' })
    await npmjs.publish({ name: 'hello', version: '1.1.0' })
    const tarball = async () =>
      Buffer.from(await (await registry.fetch(`/npm/local/main/hello/-/${file}`)).arrayBuffer())
    expect(await tarball()).toEqual(bytes)
    const versions = async () => {
      const response = await registry.fetch('/npm/local/main/hello', { headers: FRESH })
      return Object.keys(((await response.json()) as { versions: object }).versions)
    }
    npmjs.faults.on('/hello', { kind: 'status', status: 404 })
    registry.passTime(15 * MINUTE)
    expect(await versions()).toEqual(['1.0.0'])
    expect(await tarball()).toEqual(bytes)
    npmjs.faults.clear()
    registry.passTime(15_000)
    expect(await versions()).toEqual(['1.0.0', '1.1.0'])
  })

  it('P-26 for a name that it never had: for a minute', async () => {
    const ask = async () => (await registry.fetch('/npm/local/main/not-yet')).status
    expect([await ask(), await ask(), await ask()]).toEqual([404, 404, 404])
    expect(npmjs.countOf('/not-yet')).toBe(1)
    await npmjs.publish({ name: 'not-yet', version: '1.0.0' })
    registry.passTime(MINUTE + 1_000)
    expect(await ask()).toBe(200)
  })
})

describe('many at once', () => {
  it('P-28 200 clients get one cold file by one request, and the first of them may leave', async () => {
    const published = await npmjs.publish({ name: 'hello', version: '1.0.0', tarballBytes: randomBytes(800_000) })
    npmjs.faults.on(published.path, { kind: 'slow', bytesPerSecond: 800_000 })
    const path = '/npm/local/main/hello/-/hello-1.0.0.tgz'
    const leaving = new AbortController()
    const first = await registry.fetch(path, { signal: leaving.signal })
    const reader = first.body?.getReader()
    for (let read = 0; read < 80_000;) read += (await reader?.read())?.value?.length ?? Infinity
    leaving.abort()
    const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
    const digests = await Promise.all(
      Array.from({ length: 199 }, async () => sha256(new Uint8Array(await (await registry.fetch(path)).arrayBuffer()))),
    )
    expect(new Set(digests)).toEqual(new Set([sha256(published.bytes)]))
    expect(npmjs.countOf(published.path)).toBe(1)
    expect(npmjs.countOf('/hello')).toBe(1)
    const again = await registry.fetch(path)
    expect(again.headers.get('x-cache')).toBe('hit')
    expect(sha256(new Uint8Array(await again.arrayBuffer()))).toBe(sha256(published.bytes))
    expect(npmjs.countOf(published.path)).toBe(1)
  })
})
