import { createHash } from 'node:crypto'
import type { Hex } from '../../registry/model.ts'
import type { BlobStore, ReadableBlob } from '../../registry/blob-store.ts'

/** Larger reads than 256 KiB were slower when files were served that way. */
const CHUNK_BYTES = 256 * 1024

/** Whether the stored bytes still have the hash that names them. Reads all of them: for fsck and backups, not for requests. */
export async function verifyBlob(blobs: BlobStore, sha256: Hex): Promise<'sound' | 'corrupt' | 'missing'> {
  await using blob = await blobs.open(sha256)
  if (!blob) return 'missing'
  const hash = createHash('sha256')
  try {
    const into = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, blob.size))
    for (let position = 0; position < blob.size;) {
      const length = await blob.read(into, position)
      hash.update(into.subarray(0, length))
      position += length
    }
  } catch {
    // Cut short, or on a bad sector (EIO): of an open file, nothing else keeps the bytes from us.
    return 'corrupt'
  }
  return hash.digest('hex') === sha256 ? 'sound' : 'corrupt'
}

/** A blob's bytes from its start, in chunks that the consumer may keep. */
export async function* chunksOf(blob: ReadableBlob): AsyncGenerator<Uint8Array> {
  for (let position = 0; ;) {
    const into = Buffer.allocUnsafe(CHUNK_BYTES)
    const length = await blob.read(into, position)
    if (length === 0) return
    yield into.subarray(0, length)
    position += length
  }
}
