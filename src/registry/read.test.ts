import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  assembleRegistry,
  DOMAIN,
  npmPackage,
  pypiPackage,
  sha256Of,
  type AssembledRegistry,
} from '../../test/support/assembled-registry.ts'
import { startNpmUpstream, type NpmUpstream } from '../../test/support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream } from '../../test/support/upstream/pypi.ts'
import type { VersionStatus } from './model.ts'
import { parseConnectionName, parseRepositoryName, type PackageName } from './names.ts'
import { unpackFacts } from './packed-facts.ts'
import { openAsset, readPackage, type AssetSelection, type ReadOptions, type ReadParts } from './read.ts'

const HOUR = 3_600_000
const hello = npmPackage('hello')
const demo = pypiPackage('demo')

let npm: NpmUpstream
let other: NpmUpstream
let pypi: PypiUpstream
let registry: AssembledRegistry
let parts: ReadParts
/** Bodies that were opened and not disposed of. */
let open: number

beforeEach(async () => {
  npm = await startNpmUpstream()
  other = await startNpmUpstream()
  pypi = await startPypiUpstream()
  registry = await assembleRegistry({
    connections: { 'npm:first': npm.url, 'npm:second': other.url, 'pypi:public': pypi.url },
    repositories: {
      store: { connections: ['npm:first', 'pypi:public'] },
      second: { connections: ['npm:second'] },
      team: { upstreams: ['store', 'second'] },
      main: { upstreams: ['team'] },
    },
  })
  open = 0
  parts = {
    ...registry.readParts,
    blobs: {
      ...registry.blobs,
      async open(...of) {
        const body = await registry.blobs.open(...of)
        if (!body) return undefined
        open += 1
        return {
          size: body.size,
          read: (into, position) => body.read(into, position),
          async [Symbol.asyncDispose]() {
            open -= 1
            await body[Symbol.asyncDispose]()
          },
        }
      },
    },
  }
})
afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  await Promise.all([npm, other, pypi].map((server) => server[Symbol.asyncDispose]()))
})

const deadline = () => registry.clock.now() + 10_000
const read = async (name: PackageName, repository = 'main', options: Partial<ReadOptions> = {}) =>
  readPackage(parts, await registry.scope(repository), name, { deadline: deadline(), ...options })
const versionsIn = async (...of: Parameters<typeof read>) => {
  const { hosted, index } = await read(...of)
  const offered = index ? unpackFacts(index.facts).versions.map(({ version }) => version) : []
  return {
    hosted: hosted.map(({ version, repository }) => `${repository} ${version}`),
    index: index?.connection ?? null,
    offered: index?.only ? offered.filter((version) => index.only?.includes(version)) : offered,
  }
}
/** Reads the file to its end, as the server would. */
async function fetch(name: PackageName, select: AssetSelection, repository = 'main') {
  const opened = await openAsset(parts, await registry.scope(repository), name, select, { deadline: deadline() })
  await using body = opened.body
  const chunks: Buffer[] = []
  for (let at = 0; ;) {
    const into = Buffer.alloc(64 * 1024)
    const length = await body.read(into, at)
    if (length === 0) break
    chunks.push(into.subarray(0, length))
    at += length
  }
  return { ...opened, bytes: Buffer.concat(chunks) }
}
const heldIn = async (name: PackageName) => {
  const held = await Promise.all(
    ['main', 'team', 'store', 'second'].map(async (repository) => {
      const names = [parseRepositoryName(repository)]
      const versions = await registry.store.listVersions(DOMAIN, names, name.format, name.key)
      return versions.flatMap(({ version, origin, assets }) =>
        assets.map(({ file }) => `${repository}: ${origin} ${version} ${file}`),
      )
    }),
  )
  return held.flat()
}
const allowBoth = (name: PackageName, repository: string) =>
  registry.commit({
    change: 'set-origin',
    at: { domain: DOMAIN, repository: parseRepositoryName(repository), format: name.format, key: name.key },
    origin: { publish: 'ALLOW', upstream: 'ALLOW' },
  })
const deny = (name: PackageName, versions: readonly string[], repository: string | null = null) =>
  registry.commit({
    change: 'create-rule',
    rule: {
      id: `deny-${name.name}`,
      domain: DOMAIN,
      repository: repository === null ? null : parseRepositoryName(repository),
      rule: { kind: 'deny-list', packages: [{ format: name.format, package: name.key, versions }], reason: 'malware' },
    },
  })
const disconnect = async (repository: string) =>
  registry.commit({
    change: 'set-repository',
    repository: { ...(await registry.scope(repository)).repository, connections: [] },
  })

describe('the search', () => {
  it('finds what is published anywhere along the way, the nearest first', async () => {
    await registry.publish('team', hello, '1.0.0', 'of the team')
    await registry.publish('main', hello, '1.1.0', 'of main')
    expect(await versionsIn(hello)).toEqual({ hosted: ['main 1.1.0', 'team 1.0.0'], index: null, offered: [] })
    expect(await versionsIn(hello, 'team')).toMatchObject({ hosted: ['team 1.0.0'] })
    await expect(read(hello, 'store')).rejects.toMatchObject({ code: 'not_found' })
  })

  it('takes the first connection that has the package, for its index and for its files', async () => {
    await other.publish({ name: 'hello', version: '9.0.0' })
    expect(await versionsIn(hello)).toMatchObject({ index: 'npm:second', offered: ['9.0.0'] })
    const first = await npm.publish({ name: 'hello', version: '1.0.0' })
    registry.clock.advance(2 * 60_000)
    expect(await versionsIn(hello)).toMatchObject({ index: 'npm:first', offered: ['1.0.0'] })
    expect((await fetch(hello, { file: 'hello-1.0.0.tgz' })).bytes).toEqual(first.bytes)
    await expect(fetch(hello, { file: 'hello-9.0.0.tgz' })).rejects.toMatchObject({ code: 'not_found' })
  })

  it('names every index that it asked', async () => {
    await other.publish({ name: 'hello', version: '9.0.0' })
    expect((await read(hello)).dependsOn.map(({ connection }) => connection)).toEqual(['npm:first', 'npm:second'])
    await npm.publish({ name: 'there', version: '1.0.0' })
    expect((await read(npmPackage('there'))).dependsOn.map(({ connection }) => connection)).toEqual(['npm:first'])
  })

  it('ends where a connection fails: what the next one has under the name may be somebody else\u2019s', async () => {
    await other.publish({ name: 'hello', version: '9.0.0' })
    await npm.down()
    await expect(read(hello)).rejects.toMatchObject({ code: 'upstream_down' })
    await expect(fetch(hello, { file: 'hello-9.0.0.tgz' })).rejects.toMatchObject({ code: 'upstream_down' })
    expect(other.requests).toEqual([])
  })

  describe('that a lower connection gave to somebody else', () => {
    /** Asked of the repository in which that connection is the first. */
    const fetchFromSecond = async () => {
      const { bytes } = await other.publish({ name: 'hello', version: '9.0.0' })
      await fetch(hello, { file: 'hello-9.0.0.tgz' }, 'second')
      return bytes
    }
    const file = { file: 'hello-9.0.0.tgz' }

    it('is neither listed nor given out where a higher one has the package, whatever its version', async () => {
      await npm.publish({ name: 'hello', version: '1.0.0' })
      await fetchFromSecond()
      const { index, retained, hosted } = await read(hello)
      expect({ connection: index?.connection, retained, hosted }).toEqual({
        connection: 'npm:first',
        retained: [],
        hosted: [],
      })
      await expect(read(hello, 'main', { askUpstream: false })).rejects.toMatchObject({ code: 'not_found' })
      await expect(fetch(hello, file)).rejects.toMatchObject({ code: 'not_found' })
      expect((await fetch(hello, file, 'second')).bytes).toBeDefined()
    })

    it('is not given out while a higher one cannot say whether it has the package', async () => {
      await fetchFromSecond()
      await npm.down()
      await expect(read(hello)).rejects.toMatchObject({ code: 'upstream_down' })
      await expect(fetch(hello, file)).rejects.toMatchObject({ code: 'upstream_down' })
    })

    it('is given out where the higher one has no such package, and also while neither answers', async () => {
      const bytes = await fetchFromSecond()
      expect(await versionsIn(hello)).toMatchObject({ index: 'npm:second', offered: ['9.0.0'] })
      expect((await fetch(hello, file)).bytes).toEqual(bytes)
      await Promise.all([npm.down(), other.down()])
      registry.clock.advance(HOUR)
      expect(await versionsIn(hello)).toMatchObject({ index: 'npm:second', offered: ['9.0.0'] })
      expect((await fetch(hello, file)).bytes).toEqual(bytes)
    })

    it('stays at its address for who was given it, once a higher one has the package, and is listed no more', async () => {
      await other.publish({ name: 'hello', version: '9.0.0' })
      const { bytes } = await fetch(hello, file)
      await npm.publish({ name: 'hello', version: '1.0.0' })
      registry.clock.advance(HOUR)
      await read(hello, 'main', { whileRevalidating: false })
      const { index, retained } = await read(hello)
      expect({ connection: index?.connection, retained }).toEqual({ connection: 'npm:first', retained: [] })
      expect((await fetch(hello, file)).bytes).toEqual(bytes)
    })
  })

  it('finds a file that is newer than the index that is kept', async () => {
    await npm.publish({ name: 'hello', version: '1.0.0' })
    await read(hello)
    registry.clock.advance(11_000)
    const { bytes } = await npm.publish({ name: 'hello', version: '1.1.0' })
    expect((await fetch(hello, { file: 'hello-1.1.0.tgz' })).bytes).toEqual(bytes)
  })

  it('asks about a file that does not exist once in a while, not each time', async () => {
    await npm.publish({ name: 'hello', version: '1.0.0' })
    for (let asked = 0; asked < 5; asked++)
      await expect(fetch(hello, { file: 'hello-6.6.6.tgz' })).rejects.toMatchObject({ code: 'not_found' })
    expect(npm.countOf('/hello')).toBe(1)
  })
})

describe('names of the domain', () => {
  it('reach no upstream, by no door', async () => {
    await npm.publish({ name: 'hello', version: '99.0.0' })
    await pypi.publish({ name: 'demo', version: '99.0' })
    await registry.publish('main', hello, '1.0.0', 'ours')
    await registry.publish('main', demo, '1.0', 'ours', { file: 'demo-1.0-py3-none-any.whl', path: 'packages/x/demo' })
    expect(await versionsIn(hello)).toMatchObject({ hosted: ['main 1.0.0'], index: null })
    expect(await versionsIn(demo)).toMatchObject({ hosted: ['main 1.0'], index: null })
    // Nor through a repository that does not hold it.
    await expect(read(hello, 'store')).rejects.toMatchObject({ code: 'not_found' })
    for (const select of [
      { file: 'hello-99.0.0.tgz' },
      { file: 'hello-1.0.0.tgz', path: 'elsewhere' },
      { file: 'hello-99.0.0.tgz', sideCar: true },
    ])
      await expect(fetch(hello, select), JSON.stringify(select)).rejects.toMatchObject({ code: 'not_found' })
    for (const select of [
      { file: 'demo-99.0-py3-none-any.whl' },
      { file: 'demo-1.0-py3-none-any.whl', sideCar: true },
      { file: 'demo-99.0-py3-none-any.whl', sideCar: true, path: 'packages/aa/bb/cc/demo-99.0-py3-none-any.whl' },
    ])
      await expect(fetch(demo, select), JSON.stringify(select)).rejects.toMatchObject({ code: 'not_found' })
    expect([...npm.requests, ...other.requests, ...pypi.requests]).toEqual([])
  })

  it('reserved ones neither, before anything is published', async () => {
    await registry.commit({
      change: 'set-reserved-prefixes',
      domain: DOMAIN,
      reserved: [{ format: 'npm', prefix: 'hel' }],
    })
    await expect(read(hello)).rejects.toMatchObject({ code: 'not_found' })
    await expect(fetch(hello, { file: 'hello-1.0.0.tgz' })).rejects.toMatchObject({ code: 'not_found' })
    expect(npm.requests).toEqual([])
  })

  it('are not asked for by a look-up that must tell nobody', async () => {
    await npm.publish({ name: 'hello', version: '1.0.0' })
    await expect(read(hello, 'main', { askUpstream: false })).rejects.toMatchObject({ code: 'not_found' })
    expect(npm.requests).toEqual([])
  })

  it('that become so while a file arrives are not mixed with it: the reader gets it, and nothing is kept', async () => {
    const { bytes, path } = await npm.publish({
      name: 'hello',
      version: '99.0.0',
      tarballBytes: Buffer.alloc(300_000, 1),
    })
    await read(hello)
    const gate = Promise.withResolvers<void>()
    npm.faults.on(path, { kind: 'stall', after: 100_000, until: gate.promise })
    const fetching = fetch(hello, { file: 'hello-99.0.0.tgz' })
    await expect.poll(() => npm.countOf(path)).toBe(1)
    await registry.publish('main', hello, '1.0.0', 'ours')
    gate.resolve()
    expect((await fetching).bytes).toEqual(bytes)
    expect(await heldIn(hello)).toEqual(['main: INTERNAL 1.0.0 hello-1.0.0.tgz'])
    expect(await versionsIn(hello)).toEqual({ hosted: ['main 1.0.0'], index: null, offered: [] })
    expect(registry.retentionFailures).toEqual([expect.objectContaining({ code: 'conflict' })])
  })

  it('and of an upstream, where a person allows both: what is published wins, and stays as it was published', async () => {
    await allowBoth(demo, 'main')
    const wheel = 'demo-1.0-py3-none-any.whl'
    await pypi.publish({ name: 'demo', version: '2.0' })
    await registry.publish('main', demo, '1.0', 'ours', { file: wheel, path: `packages/ours/${wheel}` })
    const [theirs, sdist] = await pypi.publish({ name: 'demo', version: '1.0', kinds: ['wheel', 'sdist'] })
    expect(await versionsIn(demo)).toMatchObject({ hosted: ['main 1.0'], index: 'pypi:public' })
    expect((await fetch(demo, { file: wheel, path: `packages/ours/${wheel}` })).bytes.toString()).toBe('ours')
    expect((await fetch(demo, { file: wheel })).bytes.toString()).toBe('ours')
    expect((await fetch(demo, { file: sdist?.file ?? '' })).bytes).toEqual(sdist?.bytes)
    expect(await heldIn(demo)).toEqual([`main: INTERNAL 1.0 ${wheel}`, `store: EXTERNAL 1.0 ${sdist?.file}`])
    expect(theirs?.file).toBe(wheel)
  })
})

describe('a file of an upstream', () => {
  it('is kept in the repository that was asked and in the one with the connection, in none between', async () => {
    const { file, bytes } = await npm.publish({ name: 'hello', version: '1.0.0' })
    expect(await fetch(hello, { file })).toMatchObject({ cache: 'miss', bytes, version: '1.0.0' })
    expect(await heldIn(hello)).toEqual([`main: EXTERNAL 1.0.0 ${file}`, `store: EXTERNAL 1.0.0 ${file}`])
    expect(await fetch(hello, { file })).toMatchObject({ cache: 'hit', bytes, sha256: sha256Of(bytes) })
    expect(registry.retentionFailures).toEqual([])
    expect(open).toBe(0)
  })

  it('has no ETag before it landed where its index declares other digests than the one that is kept: npm', async () => {
    const { file, bytes } = await npm.publish({ name: 'hello', version: '1.0.0' })
    const cold = await fetch(hello, { file })
    const warm = await fetch(hello, { file })
    expect([cold.cache, warm.cache]).toEqual(['miss', 'hit'])
    expect([cold.etag, warm.etag]).toEqual([null, `"${sha256Of(bytes).slice(0, 40)}"`])
  })

  it('has one ETag before it landed and after: PyPI', async () => {
    const [wheel] = await pypi.publish({ name: 'demo', version: '1.0' })
    const select = { file: wheel?.file ?? '', path: wheel?.path.slice(1) ?? '' }
    const [cold, warm] = [await fetch(demo, select), await fetch(demo, select)]
    expect([cold.cache, warm.cache]).toEqual(['miss', 'hit'])
    expect(warm.etag).toBe(cold.etag)
    const sideCar = { ...select, sideCar: true }
    const [first, second] = [await fetch(demo, sideCar), await fetch(demo, sideCar)]
    expect(first.bytes).toEqual(wheel?.metadata)
    expect(second.etag).toBe(first.etag)
    expect(first.etag).not.toBe(cold.etag)
    expect(open).toBe(0)
  })

  it('lies where its index says and nowhere else', async () => {
    const [wheel] = await pypi.publish({ name: 'demo', version: '1.0' })
    const file = wheel?.file ?? ''
    const path = wheel?.path.slice(1) ?? ''
    const elsewhere = path.replace(/^packages\/../, 'packages/00')
    for (const sideCar of [false, true]) {
      await expect(fetch(demo, { file, path: elsewhere, sideCar })).rejects.toMatchObject({ code: 'not_found' })
      await fetch(demo, { file, path, sideCar })
      await expect(fetch(demo, { file, path: elsewhere, sideCar })).rejects.toMatchObject({ code: 'not_found' })
    }
    expect(open).toBe(0)
  })

  it('is served when its connection is gone, and its package shows what was kept', async () => {
    const { file, bytes } = await npm.publish({ name: 'hello', version: '1.0.0' })
    await npm.publish({ name: 'hello', version: '1.1.0' })
    const [wheel] = await pypi.publish({ name: 'demo', version: '1.0' })
    const select = { file: wheel?.file ?? '', path: wheel?.path.slice(1) ?? '' }
    await fetch(hello, { file })
    await fetch(demo, select)
    await fetch(demo, { ...select, sideCar: true })
    await disconnect('store')
    await registry.commit({ change: 'delete-connection', connection: parseConnectionName('npm:first') })
    expect(await versionsIn(hello)).toEqual({ hosted: [], index: 'npm:first', offered: ['1.0.0'] })
    expect((await read(hello)).dependsOn.map(({ connection }) => connection)).toEqual(['npm:second'])
    expect((await fetch(hello, { file })).bytes).toEqual(bytes)
    expect((await fetch(demo, select)).bytes).toEqual(wheel?.bytes)
    expect((await fetch(demo, { ...select, sideCar: true })).bytes).toEqual(wheel?.metadata)
    await expect(fetch(hello, { file: 'hello-1.1.0.tgz' })).rejects.toMatchObject({ code: 'not_found' })
    // Through a repository that does not hold it, it is gone.
    await expect(read(hello, 'second')).rejects.toMatchObject({ code: 'not_found' })
  })

  it('that was lost from the store is fetched anew', async () => {
    const { file, bytes, path } = await npm.publish({ name: 'hello', version: '1.0.0' })
    await fetch(hello, { file })
    await registry.blobs.remove(sha256Of(bytes), async () => true, { evenIfFresh: true })
    registry.clock.advance(HOUR)
    expect((await fetch(hello, { file })).bytes).toEqual(bytes)
    expect(npm.countOf(path)).toBe(2)
    expect((await fetch(hello, { file })).cache).toBe('hit')
  })

  it('that upstream cannot give at the moment is not said to be missing', async () => {
    const { file } = await npm.publish({ name: 'hello', version: '1.0.0' })
    await npm.down()
    await expect(fetch(hello, { file })).rejects.toMatchObject({ code: 'upstream_down' })
    await npm.up()
    registry.clock.advance(10_000)
    await read(hello)
    await npm.down()
    await expect(fetch(hello, { file })).rejects.toMatchObject({ code: 'upstream_down' })
  })
})

describe('held versions', () => {
  const held = { code: 'held', message: expect.stringContaining('malware') }

  it('of an upstream are refused cold, warm, and beside the file', async () => {
    const [wheel] = await pypi.publish({ name: 'demo', version: '1.0' })
    const select = { file: wheel?.file ?? '', path: wheel?.path.slice(1) ?? '' }
    await deny(demo, ['1.0'])
    for (const sideCar of [false, true]) await expect(fetch(demo, { ...select, sideCar })).rejects.toMatchObject(held)
    expect(pypi.countOf(/packages/)).toBe(0)
    await registry.commit({ change: 'delete-rule', domain: DOMAIN, id: 'deny-demo' })
    for (const sideCar of [false, true]) await fetch(demo, { ...select, sideCar })
    await deny(demo, ['1.0'])
    for (const sideCar of [false, true]) await expect(fetch(demo, { ...select, sideCar })).rejects.toMatchObject(held)
    expect(open).toBe(0)
  })

  it('that are published here are refused too, and the rules go with the sources', async () => {
    await registry.publish('main', hello, '1.0.0', 'ours')
    await deny(hello, ['1.0.0'])
    await expect(fetch(hello, { file: 'hello-1.0.0.tgz' })).rejects.toMatchObject(held)
    expect((await read(hello)).rules.map(({ id }) => id)).toEqual(['deny-hello'])
  })

  it('by a rule of another repository are not held in this one', async () => {
    await registry.publish('team', hello, '1.0.0', 'ours')
    await deny(hello, ['1.0.0'], 'main')
    await expect(fetch(hello, { file: 'hello-1.0.0.tgz' })).rejects.toMatchObject(held)
    expect((await fetch(hello, { file: 'hello-1.0.0.tgz' }, 'team')).bytes.toString()).toBe('ours')
  })
})

describe('what is published here', () => {
  const setStatus = async (status: VersionStatus) => {
    const [version] = await registry.store.listVersions(DOMAIN, [parseRepositoryName('main')], 'npm', hello.key)
    if (!version) throw new Error('nothing is there')
    const at = { domain: DOMAIN, repository: version.repository, format: 'npm', key: hello.key } as const
    await registry.commit({
      change: 'set-version',
      at: { ...at, version: version.version },
      was: version.revision,
      revision: `${status}-1`,
      status,
    })
  }

  it.each<[VersionStatus, boolean, boolean]>([
    ['Published', true, true],
    ['Unlisted', false, true],
    ['Unfinished', false, false],
    ['Archived', false, false],
    ['Disposed', false, false],
    ['Deleted', false, false],
  ])('%s: listed %s, its files given %s', async (status, isListed, isGiven) => {
    await registry.publish('main', hello, '1.0.0', 'ours')
    await setStatus(status)
    const listed = versionsIn(hello)
    if (isListed) expect((await listed).hosted).toEqual(['main 1.0.0'])
    else await expect(listed).rejects.toMatchObject({ code: 'not_found' })
    const given = fetch(hello, { file: 'hello-1.0.0.tgz' })
    if (isGiven) expect((await given).bytes.toString()).toBe('ours')
    else await expect(given).rejects.toMatchObject({ code: 'not_found' })
    expect(npm.requests).toEqual([])
    expect(open).toBe(0)
  })

  it('comes before what an upstream gave, wherever along the way each of them is', async () => {
    const { file } = await npm.publish({ name: 'hello', version: '1.0.0' })
    await fetch(hello, { file })
    await allowBoth(hello, 'second')
    await registry.publish('second', hello, '1.0.0', 'ours', { version: '1.0.0' }).catch(() => {})
    await registry.commit({
      change: 'set-origin',
      at: { domain: DOMAIN, repository: parseRepositoryName('second'), format: 'npm', key: hello.key },
      origin: { publish: 'ALLOW', upstream: 'BLOCK' },
    })
    await registry.publish('second', hello, '1.0.0', 'ours')
    expect(await versionsIn(hello)).toMatchObject({ hosted: ['second 1.0.0'] })
    expect((await fetch(hello, { file })).bytes.toString()).toBe('ours')
  })

  it('and is lost from the store is a fault of ours, told to nobody as a missing package', async () => {
    await registry.publish('main', hello, '1.0.0', 'ours')
    await registry.blobs.remove(sha256Of('ours'), async () => true, { evenIfFresh: true })
    await expect(fetch(hello, { file: 'hello-1.0.0.tgz' })).rejects.toThrow(/missing or cut short/)
  })
})
