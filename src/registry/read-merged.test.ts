import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { assembleRegistry, DOMAIN, pypiPackage, type AssembledRegistry } from '../../test/support/assembled-registry.ts'
import { startPypiUpstream, type PypiUpstream } from '../../test/support/upstream/pypi.ts'
import { mergeReader, type MergeParts } from './merged-index.ts'
import type { MergeMode } from './model.ts'
import { parseRepositoryName } from './names.ts'
import type { ReadOptions } from './offered.ts'
import { unpackFacts } from './packed-facts.ts'
import { openAssetOf, readPackageOf } from './read-merged.ts'

const MINUTES = 60_000
const demo = pypiPackage('demo')
const LINUX = 'cp312-cp312-linux_x86_64'
const MAC = 'cp312-cp312-macosx_11_0_arm64'

let first: PypiUpstream
let second: PypiUpstream
let registry: AssembledRegistry
let merges: number

beforeEach(async () => {
  first = await startPypiUpstream()
  second = await startPypiUpstream()
  registry = await assembleRegistry({
    connections: { 'pypi:first': first.url, 'pypi:second': second.url },
    repositories: {
      one: { connections: ['pypi:first'] },
      two: { connections: ['pypi:second'] },
      builds: {},
      main: { upstreams: ['builds', 'one', 'two'] },
    },
  })
  merges = 0
})
afterEach(async () => {
  for (const each of [registry, first, second]) await each[Symbol.asyncDispose]()
})

/** One more process over the same store, which remembers nothing yet. */
function aProcess() {
  const { merge } = registry.mergeParts
  const counting: MergeParts = {
    ...registry.mergeParts,
    merge: (format, job) => {
      merges += 1
      return merge(format, job)
    },
  }
  return { ...registry.readParts, merged: mergeReader(counting) }
}
const deadline = () => registry.clock.now() + 10_000
const put = (mode: MergeMode, repository = 'main') =>
  registry.commit({
    change: 'put-merge',
    setting: { domain: DOMAIN, repository: parseRepositoryName(repository), format: 'pypi', key: demo.key, mode },
  })
const read = async (parts = registry.readParts, options: Partial<ReadOptions> = {}) =>
  readPackageOf(parts, await registry.scope('main'), demo, { deadline: deadline(), ...options })
/** Waits for what upstreams say now. */
const readAnew = (parts = registry.readParts) => {
  registry.clock.advance(15 * MINUTES)
  return read(parts, { whileRevalidating: false })
}
const filesIn = async (parts = registry.readParts) => {
  const { index } = await read(parts)
  return index ? unpackFacts(index.facts).files.map(({ file, from }) => `${from} ${file}`) : []
}
async function open(file: string, parts = registry.readParts, repository = 'main') {
  const opened = await openAssetOf(parts, await registry.scope(repository), demo, { file }, { deadline: deadline() })
  await using body = opened.body
  const into = Buffer.alloc(100_000)
  let at = 0
  for (let count = 1; count > 0; at += count) count = await body.read(into.subarray(at), at)
  return into.subarray(0, at)
}
const asked = () => [...first.requests, ...second.requests].length

describe('a merged index', () => {
  it('is made once for many who ask at the same moment, and again only when one of its sources changed', async () => {
    await first.publish({ name: 'demo', version: '1.0', tags: LINUX })
    const [mac] = await second.publish({ name: 'demo', version: '1.0', tags: MAC })
    await put('extra-wheels')
    const process = aProcess()
    await Promise.all(Array.from({ length: 10 }, () => read(process)))
    await open(mac?.file ?? '', process)
    await open(mac?.file ?? '', process)
    expect(merges).toBe(1)
    const before = asked()
    await Promise.all([read(process), open(mac?.file ?? '', process)])
    expect([merges, asked() - before]).toEqual([1, 0])
    await second.publish({ name: 'demo', version: '1.0', tags: 'cp312-cp312-win_amd64' })
    await readAnew(process)
    expect(await filesIn(process)).toHaveLength(3)
    expect(merges).toBe(2)
  })

  it('depends on every index that it was made of, absent ones too', async () => {
    await second.publish({ name: 'demo', version: '1.0' })
    await put('all')
    const { dependsOn, stale } = await read()
    expect([dependsOn, stale]).toEqual([
      [
        { connection: 'pypi:first', revision: 1 },
        { connection: 'pypi:second', revision: 1 },
      ],
      false,
    ])
  })

  it('is stale where one of its sources is, and no longer once that answers', async () => {
    for (const upstream of [first, second]) await upstream.publish({ name: 'demo', version: '1.0' })
    await put('all')
    expect(await read()).toMatchObject({ stale: false })
    second.faults.on('*', { kind: 'status', status: 403 })
    expect(await readAnew()).toMatchObject({ stale: true })
    second.faults.clear()
    expect(await readAnew()).toMatchObject({ stale: false })
    expect(await read()).toMatchObject({ stale: false })
  })

  it('is not to be had where a source cannot be asked that had nothing before', async () => {
    await first.publish({ name: 'demo', version: '1.0' })
    await put('all')
    await read()
    second.faults.on('*', { kind: 'status', status: 403 })
    await expect(readAnew()).rejects.toMatchObject({ code: 'upstream_down' })
    await expect(open('demo-1.0-py3-none-any.whl')).rejects.toMatchObject({ code: 'upstream_down' })
  })

  it('of which a document was damaged is made of one that is fetched anew', async () => {
    await first.publish({ name: 'demo', version: '1.0' })
    await second.publish({ name: 'demo', version: '2.0' })
    await put('all')
    expect(await filesIn(aProcess())).toHaveLength(2)
    const index = await registry.store.findIndex('pypi:first' as never, 'pypi', demo.key)
    await registry.blobs.remove(index?.document?.sha256 ?? '', async () => true, { evenIfFresh: true })
    expect(await filesIn(aProcess())).toHaveLength(2)
  })

  it('is nowhere where no source has the project', async () => {
    await put('all')
    await expect(read()).rejects.toMatchObject({ code: 'not_found' })
    await expect(open('demo-1.0-py3-none-any.whl')).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('a file that gives way', () => {
  const dropped = async () =>
    (await registry.store.listEvents({ limit: 1000 })).items
      .filter(({ type }) => type === 'Merged File Dropped')
      .map(({ detail }) =>
        (detail['files'] as readonly { dropped: { digests: { sha256: string } } }[]).map(
          (one) => one.dropped.digests.sha256,
        ),
      )

  it('is told of once, however many processes find it, and again when it has other bytes', async () => {
    await first.publish({ name: 'demo', version: '1.0', files: { 'demo.py': 'first' } })
    const [one] = await second.publish({ name: 'demo', version: '1.0', files: { 'demo.py': 'second' } })
    await put('all')
    const processes = Array.from({ length: 4 }, aProcess)
    await Promise.all(processes.map((process) => read(process)))
    await Promise.all(processes.map((process) => open(one?.file ?? '', process)))
    expect(await dropped()).toEqual([[one?.sha256]])
    second.remove('demo')
    const [other] = await second.publish({ name: 'demo', version: '1.0', files: { 'demo.py': 'third' } })
    for (const process of processes) await readAnew(process)
    expect(await dropped()).toEqual([[one?.sha256], [other?.sha256]])
    expect(registry.retentionFailures).toEqual([])
  })
})

describe('a file that was fetched', () => {
  const heldIn = async (repository: string) =>
    (await registry.store.listVersions(DOMAIN, [parseRepositoryName(repository)], 'pypi', demo.key)).flatMap(
      ({ version, entryPoint, assets }) => assets.map((asset) => [version, entryPoint, asset.file, asset.entryPoint]),
    )

  it('is kept where it was asked for and with its connection, beside files of another in one version', async () => {
    const [linux] = await first.publish({ name: 'demo', version: '1.0', tags: LINUX })
    const [mac] = await second.publish({ name: 'demo', version: '1.0', tags: MAC })
    await put('extra-wheels')
    for (const published of [linux, mac])
      expect((await open(published?.file ?? '')).equals(published?.bytes ?? Buffer.of())).toBe(true)
    expect(await heldIn('main')).toEqual([
      ['1.0', 'pypi:first', linux?.file, 'pypi:first'],
      ['1.0', 'pypi:first', mac?.file, 'pypi:second'],
    ])
    expect(await heldIn('one')).toEqual([['1.0', 'pypi:first', linux?.file, 'pypi:first']])
    expect(await heldIn('two')).toEqual([['1.0', 'pypi:second', mac?.file, 'pypi:second']])
    // Both are given out while neither upstream gives files.
    for (const upstream of [first, second]) upstream.faults.on(/packages/, { kind: 'status', status: 403 })
    for (const published of [linux, mac])
      expect((await open(published?.file ?? '')).equals(published?.bytes ?? Buffer.of())).toBe(true)
  })

  it('and its connection withdrew since is still of that connection, and gives way no more than before', async () => {
    const [linux] = await first.publish({ name: 'demo', version: '1.0', tags: LINUX })
    await second.publish({ name: 'demo', version: '1.0', tags: LINUX, files: { 'other.py': '' } })
    await second.publish({ name: 'demo', version: '2.0', tags: MAC })
    await put('extra-wheels')
    await open(linux?.file ?? '')
    first.remove('demo')
    const { retained } = await readAnew()
    expect(new Set(retained.flatMap(({ assets }) => assets.map(({ file }) => file)))).toEqual(new Set([linux?.file]))
    expect(await filesIn()).toEqual([])
    expect((await open(linux?.file ?? '')).equals(linux?.bytes ?? Buffer.of())).toBe(true)
  })

  it('and that its connection replaced since is given out as it was, and the other bytes are not', async () => {
    const [old] = await first.publish({ name: 'demo', version: '1.0' })
    await put('all')
    await open(old?.file ?? '')
    first.remove('demo')
    const [other] = await first.publish({ name: 'demo', version: '1.0', files: { 'other.py': '' } })
    expect((await readAnew()).retained).toMatchObject([{ assets: [{ path: old?.path.slice(1) }] }, {}])
    const at = async (path: string | undefined) =>
      openAssetOf(
        registry.readParts,
        await registry.scope('main'),
        demo,
        { file: old?.file ?? '', path: path?.slice(1) ?? '' },
        { deadline: deadline() },
      )
    await using kept = (await at(old?.path)).body
    expect(kept.size).toBe(old?.bytes.length)
    await expect(at(other?.path)).rejects.toMatchObject({ code: 'not_found' })
  })

  it('stays when its connection goes, behind all others', async () => {
    const [mine] = await second.publish({ name: 'demo', version: '1.0', tags: MAC })
    const [taken] = await second.publish({ name: 'demo', version: '1.0', tags: LINUX, files: { 'other.py': '' } })
    await put('all')
    for (const one of [mine, taken]) await open(one?.file ?? '')
    const two = registry.scope('two').then(({ repository }) => repository)
    await registry.commit({ change: 'set-repository', repository: { ...(await two), connections: [] } })
    const [better] = await first.publish({ name: 'demo', version: '1.0', tags: LINUX })
    const { retained, dependsOn } = await readAnew()
    expect(new Set(retained.flatMap(({ assets }) => assets.map(({ file }) => file)))).toEqual(new Set([mine?.file]))
    expect(dependsOn.map(({ connection }) => connection)).toEqual(['pypi:first'])
    expect((await open(mine?.file ?? '')).equals(mine?.bytes ?? Buffer.of())).toBe(true)
    expect((await open(taken?.file ?? '')).equals(better?.bytes ?? Buffer.of())).toBe(true)
  })

  it('does not hinder what is published beside it', async () => {
    const [file] = await first.publish({ name: 'demo', version: '1.0', tags: MAC })
    await put('extra-wheels')
    const at = { domain: DOMAIN, repository: parseRepositoryName('builds'), format: 'pypi', key: demo.key } as const
    await open(file?.file ?? '')
    await registry.commit({ change: 'set-origin', at, origin: { publish: 'ALLOW', upstream: 'ALLOW' } })
    await put('extra-wheels', 'builds')
    await registry.publish('builds', demo, '1.0', 'ours', { file: `demo-1.0-${LINUX}.whl` })
    expect(await filesIn()).toEqual([`pypi:first ${file?.file}`])
    expect((await open(`demo-1.0-${LINUX}.whl`)).toString()).toBe('ours')
    expect((await open(file?.file ?? '')).equals(file?.bytes ?? Buffer.of())).toBe(true)
  })
})

it('what is published comes before a version that an upstream has, instead of being refused', async () => {
  await first.publish({ name: 'demo', version: '2.0', tags: MAC })
  const at = { domain: DOMAIN, repository: parseRepositoryName('one'), format: 'pypi', key: demo.key } as const
  await registry.commit({ change: 'set-origin', at, origin: { publish: 'ALLOW', upstream: 'ALLOW' } })
  await readPackageOf(registry.readParts, await registry.scope('one'), demo, { deadline: deadline() })
  const publish = () => registry.publish('one', demo, '2.0', 'ours', { file: `demo-2.0-${LINUX}.whl` })
  await expect(publish()).rejects.toMatchObject({ code: 'conflict' })
  await put('extra-wheels', 'one')
  expect(await publish()).toMatchObject({ outcome: 'created' })
})
