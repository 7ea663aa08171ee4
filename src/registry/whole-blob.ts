import type { ReadableBlob } from './blob-store.ts'

/** A copy of all its bytes, in memory of its own, which may move to another thread. undefined where it ends before its size. */
export async function wholeOf(
  blob: Pick<ReadableBlob, 'read'> & { readonly size: number },
): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(blob.size)
  for (let at = 0; at < bytes.length;) {
    const read = await blob.read(bytes.subarray(at), at)
    if (read === 0) return undefined
    at += read
  }
  return bytes
}
