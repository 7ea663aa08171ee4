import type { Digests, Hex } from './model.ts'

// What the core asks of the place where bytes lie.

/** Bytes that can be read at any position, also while they are still arriving. */
export interface ReadableBlob extends AsyncDisposable {
  /** Bytes in all; null as long as that is not known. */
  readonly size: number | null
  /** All of it, where it lies in memory anyhow. Not to be written to. */
  readonly bytes?: Uint8Array
  /**
   * Reads into `into` from `position` and returns how many bytes it read; 0 only at the end. Waits for bytes that have not
   * arrived. Throws if they never will.
   */
  read(into: Uint8Array, position: number): Promise<number>
}

export type DigestAlgorithm = 'sha512' | 'sha384' | 'sha1' | 'md5' | 'blake2b'

export type Landed = {
  readonly size: number
  readonly digests: Digests & { readonly sha384?: Hex }
}

/** A blob that is being written. Dispose of one that was not committed and its bytes are gone. */
export interface PendingBlob extends AsyncDisposable {
  /** Bytes written so far. */
  readonly size: number
  write(chunk: Uint8Array): Promise<void>
  /** Ends the writing and tells the digests; no more writes after it. */
  finish(): Promise<Landed>
  /** Reads what was written so far, at most up to `size`. Does not wait. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Lands the bytes under their sha256, durably unless they are replaceable; the same bytes landing twice is fine. Calls `finish` if nobody did. */
  commit(): Promise<Landed>
}

export type BeginBlob = {
  /** Algorithms to compute besides sha256. */
  readonly digests?: readonly DigestAlgorithm[]
  /** How many bytes will come, where that is known: `disk_full` at once where there is clearly no room for them. */
  readonly size?: number
  /** An upstream can give the bytes again: nobody waits until they would survive a power cut. `open` finds out if they did not. */
  readonly isReplaceable?: boolean
}

export interface BlobStore {
  begin(options?: BeginBlob): Promise<PendingBlob>
  /** undefined where there is no such blob, or where it has not the size that is expected of it: then it is damaged, as good as lost. */
  open(
    sha256: Hex,
    expected?: { readonly size: number },
  ): Promise<(ReadableBlob & { readonly size: number }) | undefined>
  stat(sha256: Hex): Promise<{ readonly size: number } | undefined>
  /** Puts the bytes aside, where `open` still finds them, so that `confirm` can bring them back by false; see storage/blobs/trash.ts. */
  remove(
    sha256: Hex,
    confirm: () => Promise<boolean>,
    /** Also what landed a moment ago, which is otherwise kept; then `confirm` has to look at the bytes themselves. */
    options?: { readonly evenIfFresh?: boolean },
  ): Promise<'removed' | 'kept' | 'missing'>
  /** By sha256, in rising order. */
  list(): AsyncIterable<{ readonly sha256: Hex; readonly size: number }>
}
