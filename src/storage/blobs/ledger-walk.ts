import type { Hex } from '../../registry/model.ts'
import type { BlobStore } from '../../registry/blob-store.ts'
import type { BlobLedger, BlobRecord } from '../../registry/ports.ts'

const PAGE = 500

export type StoredBlob = { readonly sha256: Hex; readonly size: number }

/** Everything that something refers to, by sha256. */
export async function* referredBlobs(ledger: Pick<BlobLedger, 'listBlobs'>): AsyncGenerator<BlobRecord> {
  for (let after: Hex | null = null; ;) {
    const page: readonly BlobRecord[] = await ledger.listBlobs(after, PAGE)
    yield* page
    const last = page.at(-1)
    if (!last) return
    after = last.sha256
  }
}

/** Whether something refers to the blob now. At most 16 digests share all digits but the last. */
export async function isReferred(ledger: Pick<BlobLedger, 'listBlobs'>, sha256: Hex): Promise<boolean> {
  return (await ledger.listBlobs(sha256.slice(0, -1), 16)).some((blob) => blob.sha256 === sha256)
}

/** Stored blobs that nothing refers to, found by walking both lists, which come in the same order, side by side. */
export async function* unreferencedFiles(
  ledger: Pick<BlobLedger, 'listBlobs'>,
  blobs: BlobStore,
): AsyncGenerator<StoredBlob> {
  const referred = referredBlobs(ledger)
  let next = await referred.next()
  for await (const blob of blobs.list()) {
    while (!next.done && next.value.sha256 < blob.sha256) next = await referred.next()
    if (next.done || next.value.sha256 !== blob.sha256) yield blob
  }
}
