import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { AppliedRule } from '../policy/curation/rule.ts'
import type { MeasuredFile } from '../registry/compare-kept.ts'
import type { Ecosystem, FetchedIndex, ParsedIndex } from '../registry/ecosystem.ts'
import type { RegistryError } from '../registry/errors.ts'
import type { IndexFacts, Instant, KeptSideCar, PackageVersion, Tag } from '../registry/model.ts'
import type { FormatId, PackageName } from '../registry/names.ts'
import type { FileHere, MergePlan, MergeRule, MergeSource } from '../registry/plan-merge.ts'
import type { OpenedAsset } from '../registry/read.ts'
import type { Scope } from '../registry/scope.ts'
import type { Registry } from '../registry/registry.ts'

/** The actions of CodeArtifact's IAM that package managers' requests need. */
export type DataAction =
  'codeartifact:ReadFromRepository' | 'codeartifact:PublishPackageVersion' | 'codeartifact:PutPackageMetadata'

/**
 * What one kind of package brings along. Its folder is `formats/<id>/`, and exports it from `index.ts`.
 * `test/formats.test.ts` holds the registered list against the folders on disk.
 */
export type Format = {
  readonly id: FormatId
  readonly ecosystem: Ecosystem
  /** Names as people and APIs give them. `namespace` without `@`. */
  parseName(name: string, namespace: string | null): PackageName
  /** The module that implements `Renderer`; it is loaded in worker threads. */
  readonly renderer: URL
  /** The path below `/<format>/<domain>/<repository>` as it came (not decoded, query cut off), to what answers it. Throws `not_found`, `invalid`, `method_not_allowed`. */
  match(method: string, path: string, headers: IncomingHttpHeaders): RouteMatch
  renderError(
    error: RegistryError,
    request: { readonly headers: IncomingHttpHeaders; readonly requestId: string },
  ): RenderedError
}

/** The renderer that stands beside a format's index: TypeScript in a checkout, JavaScript in an installed package. */
export const rendererBeside = (index: string): URL =>
  new URL(index.endsWith('.ts') ? './renderer.ts' : './renderer.js', index)

export type RenderedError = {
  readonly status: number
  /** HTTP/1.1 reason phrase, where the client prints it: printable Latin-1, no line breaks. */
  readonly reasonPhrase?: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export type RouteMatch = {
  /** For logs and metrics: `packument`, `tarball`. */
  readonly route: string
  /** Asked of the policies before the handler runs. */
  readonly action: DataAction
  /** What it is asked for: this package of the repository, or (null) the repository itself. ReadFromRepository is always asked of the repository. */
  readonly package: PackageName | null
  handle(context: RequestContext): Promise<Answer>
}

export type RequestContext = {
  /** Who asks, and in which repository of which domain. */
  readonly scope: Scope
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly query: URLSearchParams
  /** What is asked for of a file, where that is not the whole; see `ReadOptions.only`. */
  readonly only?: 'headers' | 'range' | undefined
  /** The request's body as it came. Handlers bound what they read of it. */
  readonly body: Readable
  /** This repository's address as this client reaches it, ending in a slash: `http://127.0.0.1:8787/npm/local/main/`. */
  readonly endpoint: string
  readonly registry: Registry
  /** A rendered answer, kept or made now. Reading rights were asked for already; curation is inside. */
  kept(
    name: PackageName,
    form: string,
    /** askUpstream false: answer from what is here, tell no upstream the name. fresh: the client wants no stale copy. */
    options?: {
      readonly askUpstream?: boolean
      readonly fresh?: boolean
      /** In place of the one that the client wants: for a handler that makes something of the bytes. */
      readonly encoding?: ContentEncoding
    },
  ): Promise<KeptAnswer>
  /** Bytes that a handler made, in the encoding that the client wants most. */
  encode(body: Uint8Array): Promise<Pick<KeptAnswer, 'body' | 'encoding'>>
  /** Ends the whole request; milliseconds since 1970. */
  readonly deadline: Instant
}

export type ContentEncoding = 'identity' | 'gzip' | 'zstd' | 'br'

/** Bytes of a rendered document, whole, in one content encoding. */
export type KeptAnswer = {
  readonly body: Uint8Array
  readonly contentType: string
  /** Strong, quoted, under 60 bytes, one per form and encoding. */
  readonly etag: string
  readonly encoding: ContentEncoding
  /** Shown to people by clients that can: npm's `npm-notice`. */
  readonly notice: string | null
  readonly lastModified: Instant | null
  /** What the document says of itself in its head: PyPI's serial. */
  readonly headers?: Readonly<Record<string, string>>
  /** It is what the upstream said earlier: it could not be asked, or is asked behind this answer. */
  readonly stale: boolean
}

export type Answer =
  | {
      readonly kind: 'kept'
      readonly answer: KeptAnswer
      /** `Cache-Control`, and whatever else the format wants beside what every kept answer carries (ETag, Vary, length). */
      readonly headers: Readonly<Record<string, string>>
    }
  | {
      /** Ranges, conditions and HEAD are the server's business. */
      readonly kind: 'asset'
      readonly asset: OpenedAsset
      readonly contentType: string
      readonly headers: Readonly<Record<string, string>>
    }
  | {
      readonly kind: 'json'
      readonly status: number
      readonly body: unknown
      readonly headers?: Readonly<Record<string, string>>
    }
  | {
      readonly kind: 'text'
      readonly status: number
      readonly body: string
      readonly headers?: Readonly<Record<string, string>>
    }
  | {
      /** Text that is sent as it is made, however much it becomes. */
      readonly kind: 'stream'
      readonly pieces: AsyncIterable<string>
      readonly headers: Readonly<Record<string, string>>
    }
  | { readonly kind: 'redirect'; readonly status: 301 | 308; readonly location: string }

// -------------------------------------------------------------------------------------- in worker threads

export type RenderInput = {
  readonly name: PackageName
  /** The format's own word for which answer is wanted: `full`, `abbreviated`, `version:1.2.3`, `json`, `html`. */
  readonly form: string
  /** `RequestContext.endpoint` */
  readonly endpoint: string
  /** What a connection offers, where the name may come from upstream. */
  readonly index: {
    /** The document as `Renderer.readModel` returned it. Others are rendered from it, too: it must not be changed. */
    readonly model: unknown
    readonly facts: IndexFacts
    /** Where not null, only these versions of it count: the connection is gone or says the package is, and they were kept. */
    readonly only: readonly string[] | null
    /** Small files beside those that it lists, which it does not offer and which are known here all the same. */
    readonly sideCars?: readonly KeptSideCar[]
  } | null
  /** Published here, in search order: the first of two equal versions counts. They win over the index. */
  readonly hosted: readonly PackageVersion[]
  /** Fetched earlier and kept, where the index does not list it any more, or otherwise than it is kept: see `Departure`. */
  readonly retained?: readonly PackageVersion[]
  /** Fetched earlier and kept, of files for which the index declares no digest as strong as sha256. */
  readonly measured?: readonly MeasuredFile[]
  readonly tags: readonly Tag[]
  readonly rules: readonly AppliedRule[]
  readonly now: Instant
}

export type Rendered =
  | {
      readonly kind: 'document'
      readonly body: Uint8Array
      readonly contentType: string
      readonly notice: string | null
      readonly lastModified: Instant | null
      /** As `KeptAnswer.headers`. */
      readonly headers?: Readonly<Record<string, string>>
      /** When time alone makes it wrong (a held version comes of age); null for never. */
      readonly expiresAt: Instant | null
    }
  | { readonly kind: 'refused'; readonly code: 'not_found' | 'held'; readonly message: string }

/** The module at `Format.renderer` exports these. Pure: the same input gives the same bytes. */
export type Renderer = {
  readIndex(fetched: FetchedIndex, name: PackageName): ParsedIndex
  /** The document that `readIndex` returned, parsed: its `model`. */
  readModel(document: Uint8Array, name: PackageName): unknown
  /**
   * What the document (as `readIndex` returned it) says of these files, one JSON text each: it becomes their `Asset.metadata` when the
   * next document says it no more. Files that it does not list are left out.
   */
  excerpt(document: Uint8Array, name: PackageName, files: readonly string[]): Readonly<Record<string, string>>
  render(input: RenderInput): Rendered
  /** Where the ecosystem has `merging`: documents as `readIndex` returned them, as one of the same kind. */
  merge?(input: MergeInput): MergePlan & { readonly document: Uint8Array }
}

export type MergeInput = {
  readonly rule: MergeRule
  readonly hosted: readonly FileHere[]
  readonly sources: readonly (MergeSource & { readonly document: Uint8Array | null })[]
}
