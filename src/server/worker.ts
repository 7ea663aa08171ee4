import { createHash } from 'node:crypto'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { isWorkerThread, move, transferableSymbol, valueSymbol, workerData } from 'piscina'
import type { ContentEncoding, Renderer, RenderInput } from '../formats/format.ts'
import type { ReceivedIndex } from '../registry/ecosystem.ts'
import { ByteLru } from '../registry/byte-lru.ts'
import { decodeAtOnce } from '../registry/decode-at-once.ts'
import { RegistryError, type ErrorCode } from '../registry/errors.ts'
import type { Hex, PackedFacts } from '../registry/model.ts'
import type { PackageName } from '../registry/names.ts'
import { packIndex, type KnownBefore, type PackedIndex } from '../registry/pack-index.ts'
import type { MergeJob, Merged } from '../registry/merge-job.ts'
import { packFacts, unpackFacts } from '../registry/packed-facts.ts'
import { inOnePiece } from '../registry/zstd-frame.ts'
import { encode } from './content-encoding.ts'
import { refuseHeavyIndex } from './index-weight.ts'

// Runs in worker threads (server/workers.ts): whatever parses or renders a whole index happens here, so that it never stalls
// a request that needs neither.

export type ReadIndexJob = {
  readonly renderer: string
  readonly received: ReceivedIndex
  readonly name: PackageName
  readonly known: KnownBefore
}
export type ExcerptJob = {
  readonly renderer: string
  /** zstd-compressed. */
  readonly compressed: Uint8Array
  readonly name: PackageName
  readonly files: readonly string[]
}
export type ExcerptResult = Readonly<Record<string, string>>
/** Another thread has to read it: the body, given back. */
export type TooLarge = { readonly tooLarge: readonly Uint8Array[] }
/** Errors do not cross threads with their class: one that is meant for a person travels as data. */
export type Failed = { readonly failed: { readonly code: ErrorCode; readonly message: string } }

export const readIndex = (job: ReadIndexJob): Promise<PackedIndex | TooLarge | Failed> =>
  failing(async () => {
    const read = await readAndPack(job)
    return 'tooLarge' in read
      ? handedOver(read, read.tooLarge.filter(isOfOwnMemory))
      : handedOver(read, [read.facts, read.document])
  })
export const excerpt = (job: ExcerptJob): Promise<ExcerptResult | Failed> => failing(() => extract(job))
export const render = (job: RenderJob): Promise<RenderResult | Forgotten | Failed> =>
  failing(async () => {
    const result = await draw(job)
    return result.kind === 'document' ? handedOver(result, [result.body]) : result
  })

export const merge = (job: MergeJob & { readonly renderer: string }): Promise<Merged | Failed> =>
  failing(() => mergeDocuments(job))

/** The memory of these bytes goes to the thread that asked; to copy it there would keep that one from its other work. */
function handedOver<Result extends object>(result: Result, bytes: readonly Uint8Array[]): Result {
  if (!isWorkerThread) return result
  const buffers = bytes.map(({ buffer }) => buffer)
  return move({ [transferableSymbol]: buffers, [valueSymbol]: result } as never) as unknown as Result
}

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

/** What a thread is started with. */
export type WorkerLimits = {
  /** Of documents whose parsed form is remembered; it takes up to ten times their size. */
  readonly modelBytes: number
  /** Of one document, unpacked, that it reads. */
  readonly documentBytes: number
}

const limits = (workerData as WorkerLimits | null) ?? { modelBytes: 0, documentBytes: Infinity }

/**
 * The documents parsed last, by the digest of what is kept of them: most are rendered as soon as they were read, some in several
 * forms, and parsing is what costs.
 */
const models = new ByteLru<unknown>(limits.modelBytes)

async function readAndPack({ renderer, received, name, known }: ReadIndexJob): Promise<PackedIndex | TooLarge> {
  const { pieces, coding, maxBytes, ...rest } = received
  const body = decodeAtOnce(pieces, coding, Math.min(maxBytes, limits.documentBytes))
  if (!body) {
    if (maxBytes > limits.documentBytes) return { tooLarge: pieces }
    throw new RegistryError('upstream_down', `it has more than ${maxBytes} bytes`)
  }
  refuseHeavyIndex(body)
  const { model, ...read } = (await load(renderer)).readIndex({ ...rest, body }, name)
  const packed = packIndex(read, known)
  models.set(packed.sha256, model, read.document.byteLength)
  return packed
}

async function mergeDocuments({ renderer, rule, hosted, sources }: Parameters<typeof merge>[0]): Promise<Merged> {
  const damaged = sources.flatMap(({ index }) =>
    index && sha256(index.compressed).toString('hex') !== index.sha256 ? [index.sha256] : [],
  )
  if (damaged.length > 0) return { damaged }
  const unpacked = sources.map(({ index, ...rest }) => ({
    ...rest,
    document: index && zstdDecompressSync(index.compressed),
    facts: index && unpackFacts(index.facts),
  }))
  const { merge: mergeThem } = await load(renderer)
  if (!mergeThem) throw new Error(`${renderer} merges nothing`)
  const { document, facts, kept, dropped } = mergeThem({ rule, hosted, sources: unpacked })
  const compressed = new Uint8Array(zstdCompressSync(document))
  return { document: compressed, sha256: sha256(compressed).toString('hex'), facts: packFacts(facts), kept, dropped }
}

const extract = async ({ renderer, compressed, name, files }: ExcerptJob): Promise<ExcerptResult> =>
  (await load(renderer)).excerpt(zstdDecompressSync(compressed), name, files)

export type RenderJob = {
  readonly renderer: string
  readonly input: Omit<RenderInput, 'index'> & {
    readonly index:
      | (Omit<NonNullable<RenderInput['index']>, 'model' | 'facts'> & {
          readonly facts: PackedFacts
          /** Of the document in zstd, as it is kept. */
          readonly sha256: Hex
          /** null: the thread has parsed it a moment ago, as far as is known. */
          readonly compressed: Uint8Array | null
        })
      | null
  }
  readonly encoding: ContentEncoding
}
export type RenderResult =
  | {
      readonly kind: 'document'
      readonly body: Uint8Array
      readonly contentType: string
      readonly etag: string
      readonly notice: string | null
      readonly lastModified: number | null
      readonly headers?: Readonly<Record<string, string>>
      readonly expiresAt: number | null
    }
  | { readonly kind: 'refused'; readonly code: 'not_found' | 'held'; readonly message: string }
/** The thread remembers the document no more: it has to come along. */
export type Forgotten = { readonly kind: 'forgotten' }

async function draw({ renderer, input, encoding }: RenderJob): Promise<RenderResult | Forgotten> {
  const format = await load(renderer)
  const index = input.index && withModel(format, input.name, input.index)
  if (index === 'forgotten') return { kind: 'forgotten' }
  const rendered = format.render({ ...input, index })
  if (rendered.kind === 'refused') return rendered
  const { body, ...rest } = rendered
  // 22 characters of the digest of what is sent, and which encoding it is: strong, and short enough for clients that keep
  // ETags in a buffer of 64 bytes.
  const etag = `"${sha256(body).toString('base64url').slice(0, 22)}-${encoding[0]}"`
  return { ...rest, etag, body: unshared(encode(body, encoding)) }
}

/** Others share it with somebody who did not come along. */
const isOfOwnMemory = (bytes: Uint8Array): boolean => bytes.byteLength === bytes.buffer.byteLength

/** Small buffers are views of larger memory, all of which would cross the thread and be kept. */
const unshared = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)

function withModel(
  { readModel }: Renderer,
  name: PackageName,
  { compressed, sha256: id, facts, ...index }: NonNullable<RenderJob['input']['index']>,
): NonNullable<RenderInput['index']> | 'forgotten' {
  let model = models.get(id)
  if (model === undefined) {
    if (!compressed) return 'forgotten'
    const document = zstdDecompressSync(compressed, inOnePiece(compressed))
    model = readModel(document, name)
    models.set(id, model, document.byteLength)
  }
  return { ...index, model, facts: unpackFacts(facts) }
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
