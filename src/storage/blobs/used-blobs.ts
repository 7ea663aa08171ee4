import type { Hex, Instant } from '../../registry/model.ts'
import type { BlobLedger, Clock } from '../../registry/ports.ts'

export type UsedBlobs = AsyncDisposable & {
  /** Notes that a blob was of use now. Costs a Map entry; the ledger hears of it later. */
  used(sha256: Hex): void
}

export type UsedBlobsOptions = {
  /** Milliseconds; 30 seconds if left out. */
  readonly flushEveryMs?: number
  /** Blobs after which a batch goes at once; 1,000 if left out. */
  readonly limit?: number
  readonly onError?: (error: unknown) => void
}

/**
 * Collects which blobs were of use and tells the ledger in batches, so that a warm request writes nothing. A batch that is
 * lost is harmless: the blob merely looks less recently used.
 */
export function usedBlobs(
  ledger: Pick<BlobLedger, 'touchBlobs'>,
  clock: Clock,
  options: UsedBlobsOptions = {},
): UsedBlobs {
  const { flushEveryMs = 30_000, limit = 1_000, onError = () => {} } = options
  let batch = new Map<Hex, Instant>()
  let flushing: Promise<void> | undefined

  const flush = () => {
    if (batch.size === 0) return flushing
    const used = [...batch].map(([sha256, at]) => ({ sha256, at }))
    batch = new Map()
    flushing = ledger
      .touchBlobs(used)
      .catch(onError)
      .finally(() => (flushing = undefined))
    return flushing
  }
  const timer = setInterval(() => {
    if (!flushing) void flush()
  }, flushEveryMs)
  timer.unref()

  return {
    used(sha256) {
      // Bounded where the ledger is slower than the requests: what is over the limit meanwhile is not noted.
      if (batch.size >= limit && !batch.has(sha256)) return
      batch.set(sha256, clock.now())
      if (batch.size >= limit && !flushing) void flush()
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await flushing
      await flush()
    },
  }
}
