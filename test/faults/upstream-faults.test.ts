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
/** More than an upstream that failed is left alone for, and than a file may come too slowly. */
const PAUSES_MS = 60_000

/** Larger than what is withheld until a file was verified, and much smaller. */
const LARGE = Buffer.alloc(300_000, 'large')
const SMALL = Buffer.alloc(5_000, 'small')

const AT_ONCE: readonly { readonly what: string; readonly fault: Fault | 'down' }[] = [
  { what: 'it answers 500', fault: { kind: 'status', status: 500 } },
  { what: 'it answers 503', fault: { kind: 'status', status: 503, headers: { 'retry-after': '2' } } },
  { what: 'it answers 403', fault: { kind: 'status', status: 403 } },
  { what: 'it answers 429 with Retry-After', fault: { kind: 'status', status: 429, headers: { 'retry-after': '2' } } },
  { what: 'it closes the connection before the end', fault: { kind: 'truncate', after: 20 } },
  { what: 'it resets the connection at once', fault: { kind: 'reset' } },
  { what: 'it resets the connection after some bytes', fault: { kind: 'reset', after: 20 } },
  { what: 'it sends other bytes', fault: { kind: 'wrong-bytes' } },
  { what: 'it answers with a page for people', fault: { kind: 'html' } },
  { what: 'it redirects in a circle', fault: { kind: 'redirect', to: '/circle' } },
  { what: 'it is not there', fault: 'down' },
]

const SLOWLY: readonly (Fault | 'down')[] = [
  { kind: 'hang' },
  { kind: 'stall', after: 20 },
  { kind: 'slow', bytesPerSecond: 20 },
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
type Target = {
  readonly what: string
  readonly format: Format
  readonly path: string
  readonly right: (body: Buffer) => boolean
}

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

/** An unchanged index has no body that could be damaged: these faults do not hinder a revalidation. */
const isOfBodies = (fault: Fault | 'down'): boolean =>
  fault !== 'down' &&
  (['stall', 'slow', 'truncate', 'wrong-bytes'].includes(fault.kind) ||
    (fault.kind === 'reset' && fault.after !== undefined))

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
  const registry = open.use(await startRegistry({ GRANARY_UPSTREAM_NPMJS: npm.url, GRANARY_UPSTREAM_PYPI: pypi.url }))
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

type Scene = Awaited<ReturnType<typeof setUp>>

/** What the scene is made of: what is here, and what would have to come from upstream. */
async function prepare(scene: Scene) {
  const known = await scene.offer('known', LARGE, 'large')
  const listed = [await scene.offer('listed-large', LARGE, 'large'), await scene.offer('listed-small', SMALL, 'small')]
  const unknown = await scene.offer('unknown', SMALL, 'small')
  const here = [...known.indexes, ...known.files, ...listed.flatMap(({ indexes }) => indexes)]
  for (const [target, answer] of await scene.askAll(here)) expectRight(target, answer)
  return { known, unknown, here, elsewhere: [...unknown.indexes, ...listed.flatMap(({ files }) => files)] }
}

/** The fault is met; what is returned expects all to be well once it is over. */
async function expectToBear(scene: Scene, fault: Fault | 'down'): Promise<() => Promise<void>> {
  const { registry, stored, askAll, npm, pypi } = scene
  const { known, unknown, here, elsewhere } = await prepare(scene)
  const isSlow = fault !== 'down' && fault.kind === 'slow'
  await switchOn([npm, pypi], fault)
  const [fresh, missing] = await Promise.all([askAll(here), askAll(elsewhere)])
  for (const [target, answer] of fresh) expectRight(target, answer)
  for (const [target, answer] of missing) {
    // What is slow may still be in time.
    if (isSlow && answer !== 'broken off' && answer.status === 200) expectRight(target, answer)
    else expectOutage(target, answer)
  }

  // Older than what is served without asking: it is asked about, and served with a warning when nobody answers.
  ageIndexes(registry.data, 3 * DAY)
  for (const [target, answer] of await askAll([...known.indexes, ...known.files])) {
    expectRight(target, answer)
    expect(answer.ms, target.what).toBeLessThan(STALE_MS)
    if (known.indexes.includes(target) && !isOfBodies(fault))
      expect(answer.headers.get('warning'), target.what).toMatch(/^110 /)
  }
  expect(await stored.wrong()).toEqual([])

  return async () => {
    await switchOff([npm, pypi])
    registry.passTime(PAUSES_MS)
    // After a pause one request goes ahead and decides for the others.
    for (const target of elsewhere) {
      const joined = await ask(registry, target)
      // What was begun while the upstream kept silent may still be under way: whoever joins it hears how it ended, and the
      // next begins anew.
      const isGivenUp = SLOWLY.includes(fault) && joined !== 'broken off' && joined.status === 504
      expectRight(target, isGivenUp ? await ask(registry, target) : joined)
    }
    for (const [target, answer] of await askAll([...here, ...unknown.files])) expectRight(target, answer)
    expect(await stored.wrong()).toEqual([])
    await expect.poll(() => registry.pendingFiles()).toEqual([])
    expect(registry.log.filter(({ msg }) => msg === 'a request failed unexpectedly')).toEqual([])
  }
}

describe('an upstream that fails: what is here is served, the rest is said to be an outage, and all is well after it', () => {
  it.each(AT_ONCE)('$what', async ({ fault }) => {
    await using scene = await setUp()
    const expectRecovery = await expectToBear(scene, fault)
    await expectRecovery()
  })

  it('for ever: silence, a stop in the middle, 20 bytes per second', async () => {
    // Side by side, since each takes as long as the longest patience.
    await using scenes = new AsyncDisposableStack()
    const recoveries = await Promise.all(SLOWLY.map(async (fault) => expectToBear(scenes.use(await setUp()), fault)))
    for (const expectRecovery of recoveries) await expectRecovery()
  })
})

describe('what an upstream that fails leaves open', () => {
  it('is not taken for an answer: a file newer than the index that is kept is no 404', async () => {
    await using scene = await setUp()
    const { npm, pypi, registry, stored } = scene
    const known = await scene.offer('known', SMALL, 'small')
    for (const target of known.indexes) expectRight(target, await ask(registry, target))
    const newer = await npm.publish({ name: 'known', version: '2.0.0', tarballBytes: LARGE })
    const [wheel] = await pypi.publish({ name: 'known', version: '2.0.0', bytes: LARGE })
    const right = (body: Buffer) => body.equals(LARGE)
    const files: readonly Target[] = [
      { what: 'newer tarball', format: 'npm', path: `/npm/local/main/known/-/${newer.file}`, right },
      { what: 'newer wheel', format: 'pypi', path: `/pypi/local/main${wheel?.path}`, right },
    ]
    ageIndexes(registry.data, 3_600_000)
    await switchOn([npm, pypi], 'down')
    for (const target of files) expectOutage(target, await ask(registry, target))
    await switchOff([npm, pypi])
    registry.passTime(PAUSES_MS)
    for (const target of files) expectRight(target, await ask(registry, target))
    expect(await stored.wrong()).toEqual([])
  })

  it('an upstream that says when to come back is left alone until then', async () => {
    await using scene = await setUp()
    const { npm, registry } = scene
    await npm.publish({ name: 'later', version: '1.0.0' })
    npm.faults.on('*', { kind: 'status', status: 429, headers: { 'retry-after': '60' } })
    const target = scene.index('npm', 'later')
    const refused = await ask(registry, target)
    expectOutage(target, refused)
    const asked = npm.requests.length
    npm.faults.clear()
    const again = await ask(registry, target)
    expectOutage(target, again)
    expect(npm.requests).toHaveLength(asked)
    for (const answer of [refused, again])
      expect(Number(answer !== 'broken off' && answer.headers.get('retry-after'))).toBeGreaterThan(50)
    registry.passTime(60_000)
    expectRight(target, await ask(registry, target))
  })

  it('a package that the upstream no longer has: what was fetched is still listed and served', async () => {
    await using scene = await setUp()
    const { npm, pypi, registry } = scene
    const known = await scene.offer('vanishing', SMALL, 'small')
    for (const target of [...known.indexes, ...known.files]) expectRight(target, await ask(registry, target))
    npm.unpublish('vanishing')
    pypi.remove('vanishing')
    ageIndexes(registry.data, 3 * DAY)
    for (const target of [...known.indexes, ...known.files]) expectRight(target, await ask(registry, target))
    // And comes back when it does: a 404 may have been a mistake.
    await scene.offer('vanishing', SMALL, 'small')
    ageIndexes(registry.data, 60_000)
    for (const target of [...known.indexes, ...known.files]) expectRight(target, await ask(registry, target))
  })

  it.each(['npm', 'pypi'] as const)('a name that %s never had is a 404, and that is asked again', async (format) => {
    await using scene = await setUp()
    const target = scene.index(format, 'never')
    expect(await ask(scene.registry, target)).toMatchObject({ status: 404 })
    await scene.offer('never', SMALL, 'small')
    ageIndexes(scene.registry.data, 60_000)
    expectRight(target, await ask(scene.registry, target))
  })
})
