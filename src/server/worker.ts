import { createHash } from 'node:crypto'
import { gzipSync, zstdCompressSync, zstdDecompressSync, constants } from 'node:zlib'
import type { Renderer, RenderInput } from '../formats/format.ts'
import type { FetchedIndex, ParsedIndex } from '../registry/ecosystem.ts'
import { RegistryError, type ErrorCode } from '../registry/errors.ts'
import type { PackageName } from '../registry/names.ts'
import { refuseHeavyIndex } from './index-weight.ts'

// Runs in worker threads (server/workers.ts): whatever parses or renders a whole index happens here, so that it never stalls
// a request that needs neither.

export type ReadIndexJob = { readonly renderer: string; readonly fetched: FetchedIndex; readonly name: PackageName }
export type ReadIndexResult = {
  readonly facts: ParsedIndex['facts']
  /** The document, zstd-compressed. */
  readonly compressed: Uint8Array
}
export type ExcerptJob = {
  readonly renderer: string
  /** zstd-compressed. */
  readonly compressed: Uint8Array
  readonly name: PackageName
  readonly files: readonly string[]
}
export type ExcerptResult = Readonly<Record<string, string>>
/** Errors do not cross threads with their class: one that is meant for a person travels as data. */
export type Failed = { readonly failed: { readonly code: ErrorCode; readonly message: string } }

export const readIndex = (job: ReadIndexJob): Promise<ReadIndexResult | Failed> => failing(() => read(job))
export const excerpt = (job: ExcerptJob): Promise<ExcerptResult | Failed> => failing(() => extract(job))
export const render = (job: RenderJob): Promise<RenderResult | Failed> => failing(() => draw(job))

async function failing<Result>(work: () => Promise<Result>): Promise<Result | Failed> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RegistryError) return { failed: { code: error.code, message: error.message } }
    // JSON can be read that is nested too deeply, or is too long, to be written: only an upstream's is, publishes are bounded.
    if (error instanceof RangeError)
      return { failed: { code: 'upstream_down', message: `The upstream's index cannot be served: ${error.message}` } }
    throw error
  }
}

async function read({ renderer, fetched, name }: ReadIndexJob): Promise<ReadIndexResult> {
  refuseHeavyIndex(fetched.body)
  const { facts, document } = (await load(renderer)).readIndex(fetched, name)
  const compressed = zstdCompressSync(document, { params: { [constants.ZSTD_c_compressionLevel]: 3 } })
  return { facts, compressed }
}

const extract = async ({ renderer, compressed, name, files }: ExcerptJob): Promise<ExcerptResult> =>
  (await load(renderer)).excerpt(zstdDecompressSync(compressed), name, files)

export type RenderJob = {
  readonly renderer: string
  readonly input: Omit<RenderInput, 'index'> & {
    readonly index:
      (Omit<NonNullable<RenderInput['index']>, 'document' | 'id'> & { readonly compressed: Uint8Array }) | null
  }
  readonly encoding: 'identity' | 'gzip'
}
export type RenderResult =
  | {
      readonly kind: 'document'
      readonly body: Uint8Array
      readonly contentType: string
      readonly etag: string
      readonly notice: string | null
      readonly lastModified: number | null
      readonly expiresAt: number | null
    }
  | { readonly kind: 'refused'; readonly code: 'not_found' | 'held'; readonly message: string }

async function draw({ renderer, input, encoding }: RenderJob): Promise<RenderResult> {
  const index = input.index && decompressed(input.index)
  const rendered = (await load(renderer)).render({ ...input, index })
  if (rendered.kind === 'refused') return rendered
  const { body, ...rest } = rendered
  // 22 characters of the digest of what is sent, and which encoding it is: strong, and short enough for clients that keep
  // ETags in a buffer of 64 bytes.
  const etag = `"${sha256(body).toString('base64url').slice(0, 22)}-${encoding === 'gzip' ? 'g' : 'i'}"`
  return { ...rest, etag, body: unshared(encoding === 'gzip' ? gzipSync(body, { level: 6 }) : body) }
}

/** Small buffers are views of larger memory, all of which would cross the thread and be kept. */
const unshared = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)

/** Blobs are named after their compressed bytes; a renderer that remembers parsed documents knows them by the document's own digest. */
function decompressed(index: NonNullable<RenderJob['input']['index']>): NonNullable<RenderInput['index']> {
  const document = zstdDecompressSync(index.compressed)
  return { document, id: sha256(document).toString('hex'), facts: index.facts, only: index.only }
}

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

const loaded = new Map<string, Promise<Renderer>>()
function load(url: string): Promise<Renderer> {
  let module = loaded.get(url)
  if (!module) {
    module = import(url) as Promise<Renderer>
    loaded.set(url, module)
  }
  return module
}
