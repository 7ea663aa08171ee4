import { createHash } from 'node:crypto'
import { ByteLru } from '../../registry/byte-lru.ts'
import type { Hex } from '../../registry/model.ts'
import type { BlobStore, ReadableBlob } from '../../registry/blob-store.ts'

/** Nearly all files of npm packages are smaller, and seven in ten wheels: half of those are larger than 90 KB. */
const LARGEST = 256 * 1024
/** What is remembered of a file that was opened once. */
const SEEN_ONCE = 20_000

/**
 * Keeps the bytes of small files that are opened again and again: opening, reading and closing a file costs three trips to the
 * thread pool, more than all else that such a request takes. Only from the second opening on, so that one `npm ci` of everything does not
 * push out what is hot. Bytes are named by their hash and never change, so several processes need not agree on anything;
 * whether a file may still be had at all is for the metadata to say.
 */
export function keepSmallInMemory(
  blobs: BlobStore,
  { limitBytes, onCorrupt }: { readonly limitBytes: number; readonly onCorrupt: (sha256: Hex) => void },
): BlobStore {
  const kept = new ByteLru<ReadableBlob & { readonly size: number }>(limitBytes)
  const seen = new Set<Hex>()

  const isSecond = (sha256: Hex): boolean => {
    if (seen.delete(sha256)) return true
    seen.add(sha256)
    const [oldest] = seen
    if (seen.size > SEEN_ONCE && oldest !== undefined) seen.delete(oldest)
    return false
  }

  return {
    begin: (options) => blobs.begin(options),
    async open(sha256, expected) {
      const known = kept.get(sha256)
      if (known && (expected === undefined || expected.size === known.size)) return known
      const blob = await blobs.open(sha256, expected)
      if (!blob || blob.size > LARGEST || !isSecond(sha256)) return blob
      await using file = blob
      const bytes = await readAll(file)
      // It may have gone bad since it was verified, and what is kept here would outlive its repair.
      if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
        onCorrupt(sha256)
        return undefined
      }
      const inMemory = inMemoryOf(bytes)
      kept.set(sha256, inMemory, inMemory.size)
      return inMemory
    },
    stat: (sha256) => blobs.stat(sha256),
    remove(sha256, confirm, options) {
      kept.delete(sha256)
      return blobs.remove(sha256, confirm, options)
    },
    list: () => blobs.list(),
  }
}

async function readAll(blob: ReadableBlob & { readonly size: number }): Promise<Uint8Array> {
  // Not from the shared pool, which a long life would keep whole.
  const bytes = Buffer.allocUnsafeSlow(blob.size)
  for (let at = 0; at < blob.size;) at += await blob.read(bytes.subarray(at), at)
  return bytes
}

const inMemoryOf = (bytes: Uint8Array): ReadableBlob & { readonly size: number } => ({
  size: bytes.length,
  bytes,
  async read(into, position) {
    const part = bytes.subarray(position, position + into.length)
    into.set(part)
    return part.length
  },
  async [Symbol.asyncDispose]() {},
})
