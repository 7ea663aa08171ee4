import { appendFile, mkdtemp, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { setClock, type StoredRegistry, storedRegistry } from '../../test/support/stored-registry.ts'
import { openFilesystemBlobs } from './blobs/filesystem.ts'
import type { BlobStore } from '../registry/blob-store.ts'
import { fsck } from './fsck.ts'

let folder: string
let registry: StoredRegistry
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'granary-fsck-'))
  const clock = setClock()
  registry = await storedRegistry(
    await openFilesystemBlobs(join(folder, 'blobs'), { tmp: join(folder, 'tmp'), now: clock.now }),
    clock,
  )
})
afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const check = (options: { quick?: boolean; repair?: boolean } = {}) =>
  fsck({ ledger: registry.store, blobs: registry.blobs, ...options })
const fileOf = (sha256: string) => join(folder, 'blobs', 'sha256', sha256.slice(0, 2), sha256.slice(2))

describe('fsck', () => {
  it('finds nothing wrong with what is right, and tells how far it is', async () => {
    for (let i = 0; i < 5; i++) await registry.publish(`package-${i}`, `content ${i}`)
    const seen: unknown[] = []
    const result = await fsck({
      ledger: registry.store,
      blobs: registry.blobs,
      onProgress: (soFar) => seen.push(soFar),
    })
    expect(result).toEqual({ ok: true, blobs: 5, bytes: 45, missing: [], corrupt: [], orphaned: [], repaired: [] })
    expect(seen).toHaveLength(5)
    expect(seen.at(-1)).toEqual({ blobs: 5, bytes: 45, of: 5 })
  })

  it.each([
    ['a flipped bit', (file: string) => writeFile(file, 'publishee'), { whole: 'corrupt', quick: 'sound' }],
    ['a cut', (file: string) => truncate(file, 3), { whole: 'corrupt', quick: 'corrupt' }],
    ['too many bytes', (file: string) => appendFile(file, 'more'), { whole: 'corrupt', quick: 'corrupt' }],
    ['a missing file', (file: string) => rm(file), { whole: 'missing', quick: 'missing' }],
  ])('tells %s', async (_, damage, found) => {
    const sha256 = await registry.publish('hosted', 'published')
    await registry.publish('sound', 'sound')
    await damage(fileOf(sha256))
    const expected = (state: string) => ({
      ok: state === 'sound',
      corrupt: state === 'corrupt' ? [sha256] : [],
      missing: state === 'missing' ? [sha256] : [],
    })
    expect(await check()).toMatchObject(expected(found.whole))
    expect(await check({ quick: true })).toMatchObject(expected(found.quick))
  })

  it('tells files that nobody refers to, which are no failure', async () => {
    const orphan = await registry.land('orphan')
    await registry.publish('hosted', 'hosted')
    expect(await check()).toMatchObject({ ok: true, orphaned: [orphan] })
  })

  it('gives up what is damaged and only cached, if asked to repair', async () => {
    const [lost, rotten, index] = [
      await registry.retain('lost', 'lost'),
      await registry.retain('rotten', 'rotten'),
      await registry.cacheIndex('index', 'index'),
    ]
    const sound = await registry.retain('sound', 'sound')
    await rm(fileOf(lost))
    for (const sha256 of [rotten, index]) await writeFile(fileOf(sha256), 'damage')
    const damaged = { missing: [lost], corrupt: [rotten, index].toSorted() }
    expect(await check()).toMatchObject({ ok: false, ...damaged, repaired: [] })
    await utimes(fileOf(rotten), 0, 0)
    const repaired = await check({ repair: true })
    expect(repaired).toMatchObject({ ok: true, ...damaged })
    expect(repaired.repaired.toSorted()).toEqual([lost, rotten, index].toSorted())
    expect((await registry.store.listBlobs(null, 10)).map((blob) => blob.sha256)).toEqual([sound])
    // Also those that were written to a moment ago: nobody may take them for the file.
    expect(await check()).toMatchObject({ ok: true, missing: [], corrupt: [], orphaned: [] })
    await registry.retain('rotten-again', 'rotten')
    await registry.cacheIndex('index', 'index')
    expect(await check()).toMatchObject({ ok: true, orphaned: [] })
  })

  it('removes damaged files that nothing refers to, if asked to repair, and leaves sound ones', async () => {
    const [sound, rotten] = [await registry.land('sound'), await registry.land('rotten')]
    await writeFile(fileOf(rotten), 'damage')
    expect(await check()).toMatchObject({ ok: true, orphaned: [sound, rotten].toSorted() })
    expect(await registry.content(rotten)).toBe('damage')
    await check({ repair: true })
    expect(await registry.content(rotten)).toBeUndefined()
    expect(await registry.content(sound)).toBe('sound')
  })

  it('does not remove sound bytes that land while it is about to remove damaged ones', async () => {
    const sha256 = await registry.retain('cached', 'cached')
    await writeFile(fileOf(sha256), 'damage')
    const blobs: BlobStore = {
      ...registry.blobs,
      begin: (options) => registry.blobs.begin(options),
      open: (hash, expected) => registry.blobs.open(hash, expected),
      stat: (hash) => registry.blobs.stat(hash),
      list: () => registry.blobs.list(),
      async remove(hash, confirm, options) {
        await registry.publish('hosted', 'cached')
        return registry.blobs.remove(hash, confirm, options)
      },
    }
    expect(await fsck({ ledger: registry.store, blobs, repair: true })).toMatchObject({ ok: true, repaired: [sha256] })
    expect(await registry.content(sha256)).toBe('cached')
    expect(await check()).toMatchObject({ ok: true, blobs: 1 })
  })

  it('only reports what was published here and is damaged: nobody else can give it again', async () => {
    const hosted = await registry.publish('hosted', 'hosted')
    const both = await registry.publish('both', 'both')
    await registry.retain('both-too', 'both')
    await rm(fileOf(both))
    await writeFile(fileOf(hosted), 'hosteD')
    const found = { ok: false, missing: [both], corrupt: [hosted], repaired: [] }
    expect(await check({ repair: true })).toMatchObject(found)
    expect(await check()).toMatchObject(found)
    // Publishing the same bytes again heals it.
    await registry.land('hosted')
    await registry.land('both')
    expect(await check()).toMatchObject({ ok: true })
  })

  it('detects every one of 200 flipped bits', async () => {
    const sha256 = await registry.publish('hosted', 'x'.repeat(200))
    const sound = Buffer.from('x'.repeat(200))
    let detected = 0
    for (let place = 0; place < 200; place++) {
      const flipped = Buffer.from(sound)
      flipped.writeUInt8(flipped.readUInt8(place) ^ (1 << (place % 8)), place)
      await writeFile(fileOf(sha256), flipped)
      if ((await check()).corrupt.length === 1) detected++
    }
    expect(detected).toBe(200)
  })

  it('is not misled by what is published and collected meanwhile', async () => {
    for (let i = 0; i < 10; i++) await registry.publish(`before-${i}`, `before ${i}`)
    let i = 0
    let isOver = false
    const publishing = (async () => {
      while (!isOver) await registry.publish(`during-${i}`, `during ${i++}`)
    })()
    for (let round = 0; round < 10; round++) expect(await check()).toMatchObject({ ok: true, missing: [], corrupt: [] })
    isOver = true
    await publishing
    expect(await check()).toMatchObject({ ok: true, blobs: 10 + i, orphaned: [] })
  })
})
