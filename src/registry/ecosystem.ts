import type { ContentCoding } from './decode-at-once.ts'
import type { Steps } from './file-parts.ts'
import type { IndexFacts } from './model.ts'
import type { FormatId, PackageName } from './names.ts'
import type { Merging } from './plan-merge.ts'
import type { OfferedVersion } from './ports.ts'

/** What an upstream answered for an index, as it came (content encoding undone). */
export type FetchedIndex = {
  readonly body: Uint8Array
  /** As sent, lower-cased, without parameters; empty if none. */
  readonly contentType: string
  /** After redirects; relative file URLs resolve against it. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** As it arrives: the body in pieces whose memory is their own, packed as it came. */
export type ReceivedIndex = Omit<FetchedIndex, 'body'> & {
  readonly pieces: readonly Uint8Array[]
  readonly coding: ContentCoding
  /** Of the body, unpacked. */
  readonly maxBytes: number
}

export type ParsedIndex = {
  readonly facts: IndexFacts
  /** The document in the one form that is kept: npm's JSON as it came, PyPI's always as JSON. */
  readonly document: Uint8Array
  /** The document as `Renderer.readModel` returns it. It stays in the thread that read it. */
  readonly model: unknown
}

/** What the core and `upstream/` need to know of a format. Pure: no I/O, no clock. */
export type Ecosystem = {
  readonly format: FormatId
  /** Path of a package's index below a connection's URL, encoded, without a leading slash. */
  indexPath(name: PackageName): string
  /** `Accept` when asking for an index. */
  readonly indexAccept: string
  /** Negative where `a` comes before `b` in the format's order of versions; versions that are none come first. */
  compareVersions(a: string, b: string): number
  /** One text per version: equal for two spellings that clients take for one. What is no version is equal to itself alone. */
  versionKey(version: string): string
  /** Asking for one version alone, where the format's registries answer that. */
  readonly single?: {
    /** The version that a file belongs to; undefined where its name does not tell. */
    versionOf(name: PackageName, file: string): string | undefined
    /** As `indexPath`. */
    path(name: PackageName, version: string): string
    /** undefined where the answer is not that version's, or does not tell where its file is and what is in it. */
    read(fetched: FetchedIndex, name: PackageName, version: string): OfferedVersion | undefined
  }
  /** Throws for what cannot be the document at this path below a connection's URL, where the format's registries keep some beside packages. */
  checkDocument?(path: string, body: Uint8Array): void
  /** Small files that clients look for beside a package file, and that are a part of it (PEP 658). */
  readonly sideCars?: {
    /** Whether a file has one, by its name. */
    has(file: string): boolean
    /** Finds it inside of the file. Throws `mismatch` with the reason where that is not possible beyond doubt. */
    extract(file: string, size: number): Steps<Uint8Array>
  }
  /** Where a version has many files that several sources may have some of (PyPI); its renderer then has `merge`. Left out: sources cannot be merged. */
  readonly merging?: Merging
  /** `Content-Type` of a package file. */
  fileType(file: string): string
}
