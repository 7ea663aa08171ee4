import { describe, expect, it } from 'vitest'
import { ageIndexes } from '../support/aged-indexes.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { storedFiles } from '../support/stored-files.ts'
import type { Fault } from '../support/upstream/faults.ts'
import type { LoopbackServer } from '../support/upstream/loopback-server.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream } from '../support/upstream/pypi.ts'

const DAY = 24 * 3_600_000
/** A request is answered within 30 seconds; what is over that is for a busy machine. */
const DEADLINE_MS = 35_000
/** For an index that is known already nobody waits longer than 5 seconds. */
const STALE_MS = 10_000
/** The longest pause of an upstream that failed, and the longest `Retry-After` here. */
const PAUSES_MS = 21_000

/** Larger than what is withheld until a file was verified, and much smaller. */
const LARGE = Buffer.alloc(300_000, 'large')
const SMALL = Buffer.alloc(5_000, 'small')

const FAULTS: readonly { readonly what: string; readonly fault: Fault | 'down' }[] = [
  { what: 'answers 500', fault: { kind: 'status', status: 500 } },
  { what: 'answers 503', fault: { kind: 'status', status: 503, headers: { 'retry-after': '2' } } },
  { what: 'answers 403', fault: { kind: 'status', status: 403 } },
  { what: 'answers 429 with Retry-After', fault: { kind: 'status', status: 429, headers: { 'retry-after': '2' } } },
  { what: 'accepts requests and never answers', fault: { kind: 'hang' } },
  { what: 'sends the head and a few bytes, and no more', fault: { kind: 'stall', after: 100 } },
  { what: 'sends 40 bytes per second', fault: { kind: 'slow', bytesPerSecond: 40 } },
  { what: 'closes the connection before the end', fault: { kind: 'truncate', after: 200 } },
  { what: 'resets the connection at once', fault: { kind: 'reset' } },
  { what: 'resets the connection after some bytes', fault: { kind: 'reset', after: 200 } },
  { what: 'sends other bytes', fault: { kind: 'wrong-bytes' } },
  { what: 'answers with a page for people', fault: { kind: 'html' } },
  { what: 'redirects in a circle', fault: { kind: 'redirect', to: '/circle' } },
  { what: 'is not there', fault: 'down' },
]

type Answer = {
  readonly status: number
  readonly reason: string
  readonly headers: Headers
  readonly body: Buffer
  readonly ms: number
}
type Format = 'npm' | 'pypi'
/** Something to ask for, and how its whole answer is recognised. */
type Target = { readonly what: string; readonly format: Format; readonly path: string; readonly right: (body: Buffer) => boolean }

async function ask({ fetch }: TestRegistry, { path, format }: Target, headers = {}): Promise<Answer | 'broken off'> {
  const begun = performance.now()
  const accept = format === 'npm' ? 'application/json' : 'application/vnd.pypi.simple.v1+json'
  const response = await fetch(path, { headers: { accept, ...headers } })
  try {
    const body = Buffer.from(await response.arrayBuffer())
    const { status, statusText: reason } = response
    return { status, reason, headers: response.headers, body, ms: performance.now() - begun }
  } catch (error) {
    expect((error as Error).message).toBe('terminated')
    return 'broken off'
  }
}

/** In words for the person at the client: npm prints `error`, pip the reason phrase. */
function expectOutage({ what, format }: Target, answer: Answer | 'broken off'): void {
  if (answer === 'broken off') {
    // Only of a file whose first bytes were sent already.
    expect(what).toMatch(/large file/)
    return
  }
  const { status, reason, headers, body, ms } = answer
  expect([502, 503, 504], `${what}: ${body.toString()}`).toContain(status)
  expect(Number(headers.get('retry-after')), what).toBeGreaterThan(0)
  expect(ms, what).toBeLessThan(DEADLINE_MS)
  const said = JSON.parse(body.toString()) as Record<string, unknown>
  if (format === 'npm') expect(said['error'], what).toMatch(/public:npmjs/)
  else {
    expect(said['detail'], what).toMatch(/public:pypi/)
    expect(reason, what).toMatch(/public:pypi/)
  }
}

function expectRight({ what, right }: Target, answer: Answer | 'broken off'): asserts answer is Answer {
  if (answer === 'broken off') throw new Error(`${what} broke off`)
  expect(answer.status, `${what}: ${answer.body.subarray(0, 300).toString()}`).toBe(200)
  expect(right(answer.body), what).toBe(true)
}

async function setUp() {
  const open = new AsyncDisposableStack()
  const npm = open.use(await startNpmUpstream())
  const pypi = open.use(await startPypiUpstream())
  const registry = open.use(
    await startRegistry({ GRANARY_UPSTREAM_NPMJS: npm.url, GRANARY_UPSTREAM_PYPI: pypi.url }),
  )
  const index = (format: Format, name: string): Target => ({
    what: `${format} index of ${name}`,
    format,
    path: format === 'npm' ? `/npm/local/main/${name}` : `/pypi/local/main/simple/${name}/`,
    right: (body) => body.includes('1.0.0') && (JSON.parse(body.toString()) as { name: string }).name === name,
  })
  const offer = async (name: string, bytes: Buffer, size: string) => {
    const own = Buffer.concat([Buffer.from(name), bytes])
    const tarball = await npm.publish({ name, version: '1.0.0', tarballBytes: own })
    const [wheel] = await pypi.publish({ name, version: '1.0.0', bytes: own })
    if (!wheel) throw new Error('One wheel was published')
    const file = (format: Format, path: string, content: Uint8Array = own): Target => ({
      what: `${format} ${size} file ${path}`,
      format,
      path: `/${format}/local/main/${path}`,
      right: (body) => body.equals(content),
    })
    return {
      indexes: [index('npm', name), index('pypi', name)],
      files: [
        file('npm', `${name}/-/${tarball.file}`),
        file('pypi', wheel.path.slice(1)),
        { ...file('pypi', `${wheel.path.slice(1)}.metadata`, wheel.metadata), what: `metadata of ${wheel.file}` },
      ],
    }
  }
  const askAll = (targets: readonly Target[], headers = {}) =>
    Promise.all(targets.map(async (target) => [target, await ask(registry, target, headers)] as const))
  const dispose = { [Symbol.asyncDispose]: () => open.disposeAsync() }
  return { npm, pypi, registry, stored: storedFiles(registry.data), offer, index, askAll, ...dispose }
}

async function switchOn(upstreams: readonly LoopbackServer[], fault: Fault | 'down'): Promise<void> {
  for (const upstream of upstreams)
    if (fault === 'down') await upstream.down()
    else upstream.faults.on('*', fault)
}

async function switchOff(upstreams: readonly LoopbackServer[]): Promise<void> {
  for (const upstream of upstreams) {
    upstream.faults.clear()
    await upstream.up()
  }
}

describe('an upstream that fails', () => {
  it.each(FAULTS)('and $what: what is here is served, the rest is said to be an outage, and all is well after it', async ({ fault }) => {
    await using scene = await setUp()
    const { registry, stored, askAll, npm, pypi } = scene
    const known = await scene.offer('known', LARGE, 'large')
    const listed = [await scene.offer('listed-large', LARGE, 'large'), await scene.offer('listed-small', SMALL, 'small')]
    const unknown = await scene.offer('unknown', SMALL, 'small')
    const here = [...known.indexes, ...known.files, ...listed.flatMap(({ indexes }) => indexes)]
    for (const [target, answer] of await askAll(here)) expectRight(target, answer)
    const elsewhere = [...unknown.indexes, ...listed.flatMap(({ files }) => files)]

    await switchOn([npm, pypi], fault)
    const [fresh, missing] = await Promise.all([askAll(here), askAll(elsewhere)])
    for (const [target, answer] of fresh) expectRight(target, answer)
    for (const [target, answer] of missing) expectOutage(target, answer)

    // Older than what is served without asking: it is asked about, and served with a warning when nobody answers.
    ageIndexes(registry.data, 3 * DAY)
    for (const [target, answer] of await askAll([...known.indexes, ...known.files])) {
      expectRight(target, answer)
      expect(answer.ms, target.what).toBeLessThan(STALE_MS)
      if (known.indexes.includes(target)) expect(answer.headers.get('warning'), target.what).toMatch(/^110 /)
    }
    expect(await registry.pendingFiles()).toEqual([])
    expect(await stored.wrong()).toEqual([])

    await switchOff([npm, pypi])
    registry.passTime(PAUSES_MS)
    for (const [target, answer] of await askAll([...here, ...elsewhere, ...unknown.files])) expectRight(target, answer)
    expect(await stored.wrong()).toEqual([])
    expect(registry.log.filter(({ msg }) => msg === 'a request failed unexpectedly')).toEqual([])
  })
})
