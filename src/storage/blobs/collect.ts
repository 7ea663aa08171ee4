import type { Hex } from '../../registry/model.ts'
import type { BlobStore } from '../../registry/blob-store.ts'
import type { BlobLedger, Clock } from '../../registry/ports.ts'
import { type StoredBlob, unreferencedFiles } from './ledger-walk.ts'

// INVARIANT: the ledger alone decides what goes, and the file goes only while the ledger agrees (trash.ts has the races).
// For that, whoever writes keeps to three rules:
//   - bytes land before the commit that refers to them, and landing gives the file a fresh mtime;
//   - that commit counts as a use of the blob and clears its mark, in the same transaction;
//   - so does taking the last reference away: a blob is unreferenced for the whole grace before it is condemned.

const BATCH = 500

export type Collecting = {
  readonly ledger: BlobLedger
  readonly blobs: BlobStore
  readonly clock: Clock
  /** How long nothing may have referred to a blob, or used it, before it goes; a day if left out. Milliseconds. */
  readonly graceMs?: number
  /** How long a cached blob is safe though the cache is over its limit; an hour if left out. Milliseconds. */
  readonly cachedGraceMs?: number
  /** How many bytes of what is only cached may stay; null for no limit. */
  readonly cacheLimitBytes: number | null
  /**
   * Also walk over all files and tell the ledger of those that it never heard of, which landed for a publish that was then
   * refused: they go when their grace is over. True if left out.
   */
  readonly sweep?: boolean
  readonly onProgress?: (soFar: Collected) => void
  /** Ends the work between two blobs. */
  readonly signal?: AbortSignal
}

export type Collected = {
  /** Blobs whose bytes are gone. */
  readonly removed: number
  readonly removedBytes: number
  /** Blobs that somebody wanted again at the last moment. */
  readonly kept: number
}

/** Removes what nothing refers to, then what is only cached and was least recently of use, down to the limit. */
export async function collect(collecting: Collecting): Promise<Collected> {
  const run = new Collection(collecting)
  await run.collectUnreferenced()
  await run.collectCached()
  if (collecting.sweep ?? true) await run.adoptUnknown()
  return run.collected
}

class Collection {
  readonly #given: Collecting
  readonly #graceMs: number
  /** A blob that was kept may stay condemned, and would be handed out again and again. */
  readonly #seen = new Set<Hex>()
  #collected: Collected = { removed: 0, removedBytes: 0, kept: 0 }

  constructor(given: Collecting) {
    this.#given = given
    this.#graceMs = given.graceMs ?? 24 * 3_600_000
  }

  get collected(): Collected {
    return this.#collected
  }

  async collectUnreferenced(): Promise<void> {
    const { ledger, clock } = this.#given
    const before = clock.now() - this.#graceMs
    while (await this.#removeAll(await ledger.condemnUnreferenced(before, BATCH)));
  }

  async collectCached(): Promise<void> {
    const { ledger, clock, cacheLimitBytes } = this.#given
    if (cacheLimitBytes === null) return
    const before = clock.now() - (this.#given.cachedGraceMs ?? Math.min(this.#graceMs, 3_600_000))
    for (;;) {
      const excess = (await ledger.blobTotals()).cachedBytes - cacheLimitBytes
      if (excess <= 0 || !(await this.#removeAll(await ledger.condemnCached(excess, before)))) return
    }
  }

  async adoptUnknown(): Promise<void> {
    const { ledger, blobs, clock, signal } = this.#given
    let found: StoredBlob[] = []
    const adopt = () => ledger.adoptBlobs(found, clock.now())
    for await (const blob of unreferencedFiles(ledger, blobs)) {
      if (signal?.aborted) return
      if (found.push(blob) < BATCH) continue
      await adopt()
      found = []
    }
    if (found.length > 0) await adopt()
  }

  /** False where there was nothing new to remove. */
  async #removeAll(condemned: readonly Hex[]): Promise<boolean> {
    const fresh = condemned.filter((sha256) => !this.#seen.has(sha256))
    for (const sha256 of fresh) {
      if (this.#given.signal?.aborted) return false // what is condemned stays so for the next run
      this.#seen.add(sha256)
      await this.#remove(sha256, () => this.#given.ledger.forgetBlob(sha256))
    }
    return fresh.length > 0
  }

  async #remove(sha256: Hex, confirm: () => Promise<boolean>): Promise<void> {
    const { blobs, ledger, onProgress } = this.#given
    const size = (await blobs.stat(sha256))?.size ?? 0
    const outcome = await blobs.remove(sha256, confirm)
    // No file, or another process has just taken it: then the row has nothing to stand for.
    if (outcome === 'missing') await ledger.forgetBlob(sha256)
    const { removed, removedBytes, kept } = this.#collected
    this.#collected = {
      removed: removed + (outcome === 'removed' ? 1 : 0),
      removedBytes: removedBytes + (outcome === 'removed' ? size : 0),
      kept: kept + (outcome === 'kept' ? 1 : 0),
    }
    onProgress?.(this.#collected)
  }
}

export type CollectingPeriodically = Omit<Collecting, 'sweep' | 'signal'> & {
  /** Between the end of one collection and the start of the next, in milliseconds; an hour if left out. */
  readonly everyMs?: number
  /** Between two looks at every file there is, in milliseconds; a day if left out. */
  readonly sweepEveryMs?: number
  readonly onCollected?: (collected: Collected) => void
  readonly onError: (error: unknown) => void
}

/** Collects as long as the process lives, one collection at a time. Disposing waits for the blob that is being removed. */
export function collectPeriodically(collecting: CollectingPeriodically): AsyncDisposable {
  const { everyMs = 3_600_000, sweepEveryMs = 24 * 3_600_000, onCollected, onError, ...given } = collecting
  const stop = new AbortController()
  // Monotonic: a clock that jumps must not bring the walk over all files about at every turn, or never.
  let sweptAt = -Infinity
  let timer: NodeJS.Timeout
  let running = Promise.resolve()

  const run = async () => {
    const sweep = performance.now() - sweptAt >= sweepEveryMs
    try {
      const collected = await collect({ ...given, sweep, signal: stop.signal })
      if (sweep) sweptAt = performance.now()
      onCollected?.(collected)
    } catch (error) {
      onError(error)
    }
    if (!stop.signal.aborted) schedule()
  }
  const schedule = () => {
    timer = setTimeout(() => (running = run()), everyMs)
    timer.unref()
  }
  schedule()

  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      clearTimeout(timer)
      await running
    },
  }
}
