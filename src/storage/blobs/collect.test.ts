import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type SetClock, setClock, type StoredRegistry, storedRegistry } from '../../../test/support/stored-registry.ts'
import type { BlobLedger } from '../../registry/ports.ts'
import { type Collected, collect, collectPeriodically } from './collect.ts'
import { memoryBlobs } from './memory.ts'
import { usedBlobs } from './used-blobs.ts'

let clock: SetClock
let registry: StoredRegistry
beforeEach(async () => {
  clock = setClock()
  registry = await storedRegistry(memoryBlobs({ now: clock.now }), clock)
})
afterEach(() => registry[Symbol.asyncDispose]())

const run = (options: Partial<Parameters<typeof collect>[0]> = {}) =>
  collect({ ledger: registry.store, blobs: registry.blobs, clock, cacheLimitBytes: null, ...options })
const nothing: Collected = { removed: 0, removedBytes: 0, kept: 0 }

describe('what nothing refers to', () => {
  it('goes a day after the last reference did, and not before', async () => {
    const gone = await registry.publish('gone', '12345')
    const stays = await registry.publish('stays', 'stays')
    clock.passHours(1000)
    await registry.unpublish('gone')
    expect(await run()).toEqual(nothing)
    clock.passHours(23)
    expect(await run()).toEqual(nothing)
    expect(await registry.content(gone)).toBe('12345')
    clock.passHours(2)
    expect(await run()).toEqual({ removed: 1, removedBytes: 5, kept: 0 })
    expect(await registry.content(gone)).toBeUndefined()
    expect(await registry.content(stays)).toBe('stays')
    expect(await run()).toEqual(nothing)
  })

  it('stays while another package has the same bytes', async () => {
    const shared = await registry.publish('one', 'shared')
    await registry.publish('two', 'shared')
    await registry.unpublish('one')
    clock.passHours(48)
    expect(await run()).toEqual(nothing)
    expect(await registry.content(shared)).toBe('shared')
    await registry.unpublish('two')
    clock.passHours(48)
    expect(await run()).toMatchObject({ removed: 1 })
  })

  it('stays when it is published again at the last moment', async () => {
    await registry.publish('first', 'again')
    await registry.unpublish('first')
    clock.passHours(48)
    // Between being condemned and being forgotten: the commit of a publish, whose bytes have landed.
    const ledger: BlobLedger = {
      ...registry.store,
      async condemnUnreferenced(before, limit) {
        const condemned = await registry.store.condemnUnreferenced(before, limit)
        if (condemned.length > 0) await registry.publish('second', 'again')
        return condemned
      },
    }
    expect(await run({ ledger })).toEqual({ removed: 0, removedBytes: 0, kept: 1 })
    const [blob] = await registry.store.listBlobs(null, 10)
    expect(await registry.content(blob?.sha256 ?? '')).toBe('again')
    clock.passHours(48)
    expect(await run()).toEqual(nothing)
  })

  it('goes although its file is gone already', async () => {
    const sha256 = await registry.publish('lost', 'lost')
    await registry.unpublish('lost')
    clock.passHours(48)
    await registry.blobs.remove(sha256, async () => true)
    expect(await run()).toEqual(nothing)
    expect(await registry.store.blobTotals()).toEqual({ bytes: 0, cachedBytes: 0, count: 0 })
  })

  it('goes in any number, and progress is told', async () => {
    for (let i = 0; i < 30; i++) await registry.publish(`package-${i}`, `content ${i}`)
    for (let i = 0; i < 30; i++) await registry.unpublish(`package-${i}`)
    clock.passHours(48)
    const seen: number[] = []
    expect(await run({ onProgress: ({ removed }) => seen.push(removed) })).toMatchObject({ removed: 30 })
    expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
  })

  it('waits for the next collection if this one is told to stop', async () => {
    await registry.publish('gone', 'gone')
    await registry.unpublish('gone')
    clock.passHours(48)
    expect(await run({ signal: AbortSignal.abort() })).toEqual(nothing)
    expect(await run()).toMatchObject({ removed: 1 })
  })
})

describe('files that the ledger never heard of', () => {
  it('go a day after they were found', async () => {
    const orphan = await registry.land('a publish that was refused')
    clock.passHours(48)
    expect(await run()).toEqual(nothing) // found
    clock.passHours(23)
    expect(await run()).toEqual(nothing)
    clock.passHours(2)
    expect(await run()).toMatchObject({ removed: 1 })
    expect(await registry.content(orphan)).toBeUndefined()
  })

  it('are not looked for unless it is asked', async () => {
    await registry.land('a publish that was refused')
    clock.passHours(48)
    await run({ sweep: false })
    expect((await registry.store.blobTotals()).count).toBe(0)
    await run()
    expect((await registry.store.blobTotals()).count).toBe(1)
  })

  it('stay when somebody refers to them after all', async () => {
    const orphan = await registry.land('late')
    clock.passHours(48)
    await run()
    await registry.publish('late', 'late')
    clock.passHours(48)
    expect(await run()).toEqual(nothing)
    expect(await registry.content(orphan)).toBe('late')
  })
})

describe('what is only cached', () => {
  it('goes down to the limit, least recently of use first; what was published here stays', async () => {
    const hosted = await registry.publish('hosted', 'h'.repeat(1000))
    const oldest = await registry.retain('oldest', 'o'.repeat(100))
    clock.passHours(1)
    const older = await registry.cacheIndex('older', 'i'.repeat(100))
    clock.passHours(1)
    const newer = await registry.retain('newer', 'n'.repeat(100))
    clock.passHours(5)
    await registry.store.touchBlobs([{ sha256: oldest, at: clock.now() - 2 * 3_600_000 }])
    expect(await run({ cacheLimitBytes: 300 })).toEqual(nothing)
    expect(await run({ cacheLimitBytes: 250 })).toEqual({ removed: 1, removedBytes: 100, kept: 0 })
    expect(await registry.content(older)).toBeUndefined()
    expect(await run({ cacheLimitBytes: 100 })).toMatchObject({ removed: 1 })
    expect(await registry.content(newer)).toBeUndefined()
    expect(await registry.content(oldest)).toBe('o'.repeat(100))
    expect(await run({ cacheLimitBytes: 0 })).toMatchObject({ removed: 1 })
    expect(await registry.content(hosted)).toBe('h'.repeat(1000))
  })

  it('stays without a limit, and while it is fresh', async () => {
    await registry.retain('cached', 'cached')
    expect(await run({ cacheLimitBytes: 0 })).toEqual(nothing)
    clock.passHours(2)
    expect(await run({ cacheLimitBytes: null })).toEqual(nothing)
    expect(await run({ cacheLimitBytes: 0 })).toMatchObject({ removed: 1 })
  })
})

describe('collecting periodically', () => {
  it('collects one after another until it is disposed of', async () => {
    await registry.publish('gone', 'gone')
    await registry.unpublish('gone')
    clock.passHours(48)
    const done: Collected[] = []
    const options = { ledger: registry.store, blobs: registry.blobs, clock, cacheLimitBytes: null, everyMs: 5 }
    {
      await using _ = collectPeriodically({
        ...options,
        onCollected: (collected) => void done.push(collected),
        onError: (error) => expect.unreachable(String(error)),
      })
      await vi.waitFor(() => expect(done.length).toBeGreaterThan(2))
    }
    expect(done[0]).toMatchObject({ removed: 1 })
    const count = done.length
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(done.length).toBe(count)
  })

  it('goes on after a failure, which it reports', async () => {
    const errors: unknown[] = []
    const ledger: BlobLedger = {
      ...registry.store,
      condemnUnreferenced: () => Promise.reject(new Error('no database')),
    }
    await using _ = collectPeriodically({
      ledger,
      blobs: registry.blobs,
      clock,
      cacheLimitBytes: null,
      everyMs: 5,
      onError: (error) => void errors.push(error),
    })
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(1))
    expect(errors[0]).toEqual(new Error('no database'))
  })
})

describe('blobs of use', () => {
  const touched: { sha256: string; at: number }[][] = []
  const ledger = { touchBlobs: async (used: readonly { sha256: string; at: number }[]) => void touched.push([...used]) }
  beforeEach(() => void (touched.length = 0))

  it('are told in batches, each with its last use', async () => {
    const blobs = usedBlobs(ledger, clock, { limit: 2 })
    blobs.used('a')
    const first = clock.now()
    clock.passHours(1)
    blobs.used('a')
    expect(touched).toEqual([])
    blobs.used('b')
    expect(touched).toEqual([
      [
        { sha256: 'a', at: first + 3_600_000 },
        { sha256: 'b', at: first + 3_600_000 },
      ],
    ])
    await blobs[Symbol.asyncDispose]()
    expect(touched).toHaveLength(1)
  })

  it('are told after a while, and at the end', async () => {
    const blobs = usedBlobs(ledger, clock, { flushEveryMs: 5 })
    blobs.used('a')
    await vi.waitFor(() => expect(touched).toHaveLength(1))
    blobs.used('b')
    await blobs[Symbol.asyncDispose]()
    expect(touched.flat().map(({ sha256 }) => sha256)).toEqual(['a', 'b'])
  })

  it('take no more memory than a batch while the ledger is slow, and a failure loses only its batch', async () => {
    const slow = Promise.withResolvers<void>()
    const errors: unknown[] = []
    const told: string[][] = []
    const slowLedger = {
      async touchBlobs(used: readonly { sha256: string }[]) {
        told.push(used.map(({ sha256 }) => sha256))
        if (told.length === 1) await slow.promise
      },
    }
    const blobs = usedBlobs(slowLedger, clock, { limit: 3, onError: (error) => void errors.push(error) })
    for (let i = 0; i < 100; i++) blobs.used(`blob ${i}`)
    slow.reject(new Error('busy'))
    await vi.waitFor(() => expect(errors).toHaveLength(1))
    await blobs[Symbol.asyncDispose]()
    expect(told.map((batch) => batch.length)).toEqual([3, 3])
  })
})
