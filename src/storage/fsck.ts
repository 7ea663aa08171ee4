import type { Hex } from '../registry/model.ts'
import type { BlobStore } from '../registry/blob-store.ts'
import type { BlobLedger, BlobRecord } from '../registry/ports.ts'
import { isReferred, referredBlobs, unreferencedFiles } from './blobs/ledger-walk.ts'
import { verifyBlob } from './blobs/verify.ts'

export type Checking = {
  readonly ledger: BlobLedger
  readonly blobs: BlobStore
  /** Compare sizes only, not content. */
  readonly quick?: boolean
  /** Give up what is damaged and only cached, so that it is fetched again when it is asked for; remove damaged files that nothing refers to. */
  readonly repair?: boolean
  readonly onProgress?: (soFar: { readonly blobs: number; readonly bytes: number; readonly of: number }) => void
}

export type CheckResult = {
  /** Everything that something refers to is there and sound, or was given up to be fetched again. */
  readonly ok: boolean
  readonly blobs: number
  readonly bytes: number
  /** Referred to, and not there. */
  readonly missing: readonly Hex[]
  /** Referred to, and of another size or content. */
  readonly corrupt: readonly Hex[]
  /** There, and not referred to: normal in small numbers, and the collection's business. */
  readonly orphaned: readonly Hex[]
  /** Those of `missing` and `corrupt` that were only cached and were given up. */
  readonly repaired: readonly Hex[]
}

/** Compares the ledger with what is stored. The server may be at work meanwhile. */
export async function fsck(checking: Checking): Promise<CheckResult> {
  const { ledger, blobs, repair = false, onProgress } = checking
  const of = (await ledger.blobTotals()).count
  const checked = { blobs: 0, bytes: 0 }
  const missing: Hex[] = []
  const corrupt: Hex[] = []
  for await (const record of referredBlobs(ledger)) {
    const state = await check(checking, record)
    if (state === 'missing') missing.push(record.sha256)
    if (state === 'corrupt') corrupt.push(record.sha256)
    checked.blobs++
    checked.bytes += record.size
    onProgress?.({ ...checked, of })
  }
  const orphaned: Hex[] = []
  for await (const { sha256 } of unreferencedFiles(ledger, blobs)) {
    // The walk takes a while: the reference may have come behind it.
    if (!(await isReferred(ledger, sha256))) orphaned.push(sha256)
  }
  const repaired = repair ? await giveUp(checking, [...missing, ...corrupt]) : []
  // A blob that is there already may be taken for a file that an upstream offers under its digest.
  if (repair) for (const sha256 of orphaned) await removeIfCorrupt(checking, sha256)
  return { ...checked, ok: repaired.length === missing.length + corrupt.length, missing, corrupt, orphaned, repaired }
}

async function check(
  { ledger, blobs, quick = false }: Checking,
  record: BlobRecord,
): Promise<'sound' | 'corrupt' | 'missing'> {
  const stored = await blobs.stat(record.sha256)
  // Collected since the ledger was read: nobody misses it.
  if (!stored) return (await isReferred(ledger, record.sha256)) ? 'missing' : 'sound'
  if (stored.size !== record.size) return 'corrupt'
  return quick ? 'sound' : verifyBlob(blobs, record.sha256)
}

/** Only what an upstream can give again: the ledger refuses the rest, whose bytes a person may still bring back. */
async function giveUp({ ledger, blobs }: Checking, damaged: readonly Hex[]): Promise<readonly Hex[]> {
  if (damaged.length === 0) return []
  const given = await ledger.condemnDamaged(damaged)
  for (const sha256 of given) {
    await removeIfCorrupt({ ledger, blobs }, sha256)
    await ledger.forgetBlob(sha256)
  }
  return given
}

/** Although it may be fresh, for damage can make it so. What lands at this moment is sound, and stays. */
async function removeIfCorrupt({ ledger, blobs }: Pick<Checking, 'ledger' | 'blobs'>, sha256: Hex): Promise<void> {
  const isUseless = async () => (await verifyBlob(blobs, sha256)) === 'corrupt' && !(await isReferred(ledger, sha256))
  if (await isUseless()) await blobs.remove(sha256, isUseless, { evenIfFresh: true })
}
