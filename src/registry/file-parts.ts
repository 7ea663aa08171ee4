import type { Connection, IndexFile, Instant } from './model.ts'

/** Both ends count. */
export type ByteRange = { readonly start: number; readonly end: number }

/** A reading of a file of which only parts are at hand: yields the bytes that it has to be given next, exactly those. */
export type Steps<Result> = Generator<ByteRange, Result, Uint8Array>

/** A file of a connection that is not here, read in parts. Nothing vouches for them: their digest is the whole file's. */
export type RemoteFile = {
  /** Bytes in all. */
  readonly size: number
  /** Exactly these bytes; null where the upstream gives no parts of the file, or it is another than when it was last read. */
  read(range: ByteRange, deadline: Instant): Promise<Uint8Array | null>
  /**
   * How to answer who wants this range alone. in-parts: by `read`. as-it-arrives: by the download that is under way and has come
   * so far. whole: by a download, since the file is here, or so much of it was given in parts that all of it is wanted.
   */
  planRange(range: ByteRange): Promise<'in-parts' | 'as-it-arrives' | 'whole'>
}

/** Files of connections, in parts. */
export interface RemoteFiles {
  /** null where the upstream is known to give no parts of its files, or nobody can say how large the file is. */
  openRemote(connection: Connection, file: IndexFile, options: { deadline: Instant }): Promise<RemoteFile | null>
  /** Parts of the file turned out to be other bytes than the file has: none of its host are asked for, for a day. */
  distrustParts(connection: Connection, file: IndexFile, reason: string): void
}
