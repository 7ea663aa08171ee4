import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { assembleRegistry, DOMAIN, pypiPackage, type AssembledRegistry } from '../../test/support/assembled-registry.ts'
import { startPypiUpstream, type PypiUpstream } from '../../test/support/upstream/pypi.ts'
import { parseRepositoryName, type PackageKey } from './names.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

let upstream: PypiUpstream
let registry: AssembledRegistry
beforeEach(async () => {
  upstream = await startPypiUpstream()
  registry = await assembleRegistry({
    connections: { 'pypi:first': upstream.url },
    repositories: { store: { connections: ['pypi:first'] }, main: { upstreams: ['store'] }, apart: {} },
  })
  registry.clock.advance(10 * MINUTE)
})
afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const publish = (name: string, version = '1.0', repository = 'main') =>
  registry.publish(repository, pypiPackage(name), version, `${name} ${version}`)

const asking = () => ({ deadline: registry.clock.now() + 10_000 })

/** Somebody looks at the project's page; what its upstream has changed is known then. */
const look = async (name: string) =>
  registry.registry.refreshPackage(await registry.scope('main'), pypiPackage(name), asking())

async function fetchFile({ file, path }: { readonly file: string; readonly path: string }, name: string) {
  const select = { file, path: path.slice(1) }
  const scope = await registry.scope('main')
  const opened = await registry.registry.openAsset(scope, pypiPackage(name), select, asking())
  await opened.body[Symbol.asyncDispose]()
  const isKept = async () =>
    registry.store.findAsset(DOMAIN, [parseRepositoryName('main')], 'pypi', name as PackageKey, file)
  await expect.poll(isKept).toBeDefined()
}

async function serials(repository = 'main'): Promise<Readonly<Record<string, number>>> {
  const pages = await Array.fromAsync(registry.registry.listSerials(await registry.scope(repository), 'pypi'))
  return Object.fromEntries(pages.flat().map(({ key, serial }) => [key, serial]))
}

/** A mirror, as bandersnatch is one: what it reads at each of its runs, minutes after what went before. */
function startMirror(repository = 'main') {
  let synced = 0
  return async (after = 5 * MINUTE): Promise<readonly string[]> => {
    registry.clock.advance(after)
    const listed = await serials(repository)
    const changed = Object.entries(listed).filter(([, serial]) => serial > synced)
    for (const [, serial] of changed) expect(registry.registry.currentSerial()).toBeGreaterThanOrEqual(serial)
    synced = Math.max(synced, ...changed.map(([, serial]) => serial))
    return changed.map(([name]) => name)
  }
}

/** A project of upstream with two files, one of which somebody fetched; and one that is published here. */
async function fill() {
  const [wheel, sdist] = await upstream.publish({ name: 'fetched', version: '1.0', kinds: ['wheel', 'sdist'] })
  if (!wheel || !sdist) throw new Error('both were asked for')
  await fetchFile(wheel, 'fetched')
  await publish('own')
  return sdist
}

describe('a mirror', () => {
  it('reads everything once, and then nothing as long as nothing changes', async () => {
    await fill()
    const run = startMirror()
    expect(await run()).toEqual(['fetched', 'own'])
    expect(await run()).toEqual([])
    expect(await run(3_600_000)).toEqual([])
  })

  it('changes nothing by fetching what it mirrors, nor does anybody who looks at it', async () => {
    const sdist = await fill()
    const run = startMirror()
    await run()
    await fetchFile(sdist, 'fetched')
    await look('fetched')
    expect(await run()).toEqual([])
  })

  const rule = () =>
    registry.commit({
      change: 'create-rule',
      rule: {
        id: 'r',
        domain: 'local',
        repository: null,
        rule: { kind: 'deny-list', packages: [{ format: 'pypi', package: 'other' }], reason: 'x' },
      },
    })
  it.each<[string, () => Promise<unknown>, readonly string[]]>([
    ['another version', () => publish('own', '2.0'), ['own']],
    ['a first version', () => publish('new'), ['new']],
    ['one along the way', () => publish('new', '1.0', 'store'), ['new']],
    ['one elsewhere', () => publish('new', '1.0', 'apart'), []],
    [
      'what somebody saw of upstream',
      async () => {
        await upstream.publish({ name: 'fetched', version: '2.0' })
        await look('fetched')
      },
      ['fetched'],
    ],
    [
      'what upstream took away',
      async () => {
        upstream.yank('fetched', '1.0')
        await look('fetched')
      },
      ['fetched'],
    ],
    ['a rule', rule, ['fetched', 'own']],
  ])('reads what changed: %s', async (_, change, expected) => {
    await fill()
    const run = startMirror()
    await run()
    await change()
    expect(await run()).toEqual(expected)
    expect(await run()).toEqual([])
  })

  it('reads a project that somebody fetched only long after it was first looked at', async () => {
    const [wheel] = await upstream.publish({ name: 'looked-at', version: '1.0' })
    await look('looked-at')
    await publish('own')
    const run = startMirror()
    expect(await run()).toEqual(['own'])
    if (wheel) await fetchFile(wheel, 'looked-at')
    expect(await run()).toEqual(['looked-at'])
  })

  it('misses nothing that was committed before it came and is seen only now, nor what another clock dates back', async () => {
    await fill()
    const run = startMirror()
    await publish('own', '2.0')
    await run(0)
    registry.clock.advance(-110_000)
    await publish('late')
    registry.clock.advance(110_000)
    expect(await run(1_000)).toContain('late')
    const settled = await run()
    expect(settled).toEqual(expect.arrayContaining(['late', 'own']))
    expect(await run()).toEqual([])
  })

  it('reads a project again as long as time alone may release a version of it', async () => {
    await fill()
    await upstream.publish({
      name: 'fetched',
      version: '2.0',
      uploadTime: new Date(registry.clock.now()).toISOString(),
    })
    await look('fetched')
    await registry.commit({
      change: 'create-rule',
      rule: { id: 'age', domain: 'local', repository: null, rule: { kind: 'minimum-age', seconds: 7_200 } },
    })
    const run = startMirror()
    await run()
    expect(await run()).toContain('fetched')
    expect(await run(7_200_000)).toContain('fetched')
    expect(await run()).toEqual([])
    expect(await run(7_200_000)).toEqual([])
  })

  it('reads once a day what nobody asked upstream about for so long', async () => {
    await fill()
    const run = startMirror()
    await run()
    expect(await run(DAY - 10 * MINUTE)).toEqual([])
    expect(await run(10 * MINUTE)).toEqual(['fetched'])
    expect(await run()).toEqual([])
    expect(await run(DAY)).toEqual(['fetched'])
    await look('fetched')
    expect(await run(DAY - 10 * MINUTE)).toEqual([])
  })
})

it('what is long settled has the time of its change for a serial, in every repository that has it', async () => {
  await publish('own', '1.0', 'store')
  const at = registry.clock.now()
  registry.clock.advance(5 * MINUTE)
  const { own = 0 } = await serials()
  expect(Math.abs(own - at)).toBeLessThan(1_000)
  expect(await serials('store')).toEqual({ own })
})
