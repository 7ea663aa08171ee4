import { setFlagsFromString } from 'node:v8'
import { Piscina } from 'piscina'
import type { Format } from '../formats/format.ts'
import { ByteLru } from '../registry/byte-lru.ts'
import { decodedSize } from '../registry/decode-at-once.ts'
import type { ReceivedIndex } from '../registry/ecosystem.ts'
import { RegistryError } from '../registry/errors.ts'
import type { MergeJob, Merged } from '../registry/merge-job.ts'
import type { PackageName } from '../registry/names.ts'
import type { KnownBefore, PackedIndex } from '../registry/pack-index.ts'
import { unpackedSize } from '../registry/zstd-frame.ts'
import { RendersFirst } from './renders-first.ts'
import type {
  ExcerptJob,
  ExcerptResult,
  Failed,
  Forgotten,
  ReadIndexJob,
  RenderJob,
  RenderResult,
  TooLarge,
  WorkerLimits,
} from './worker.ts'

export type Workers = AsyncDisposable & {
  readIndex(format: Format, received: ReceivedIndex, name: PackageName, known: KnownBefore): Promise<PackedIndex>
  /** What a kept document (zstd-compressed) says of single files; see `Renderer.excerpt`. */
  excerpt(format: Format, compressed: Uint8Array, name: PackageName, files: readonly string[]): Promise<ExcerptResult>
  /** `read` is asked for the index's document (zstd-compressed) where no thread remembers it; undefined where that is lost. */
  render(
    format: Format,
    input: RenderInput,
    encoding: RenderJob['encoding'],
    read: () => Promise<Uint8Array | undefined>,
  ): Promise<RenderResult | Lost>
  merge(format: Format, job: MergeJob): Promise<Merged>
}

/** The document is neither remembered nor kept any more. */
export type Lost = { readonly kind: 'lost' }

export type RenderInput = Omit<RenderJob['input'], 'index'> & {
  readonly index: Omit<NonNullable<RenderJob['input']['index']>, 'compressed'> | null
}

// In a checkout this file is TypeScript and so is the worker; in an installed package both are JavaScript.
const isCheckout = import.meta.url.endsWith('.ts')
const filename = new URL(isCheckout ? './worker.ts' : './worker.js', import.meta.url).href

// Node.js strips types by WebAssembly, in each thread. Where two threads optimise the same call out of it at the same moment, V8 (of
// Node.js 24.21) frees the code of the one that comes second, which belongs to no module, and ends the process: SIGSEGV in
// WasmCode::DecrementRefCount under Runtime_TierUpWasmToJSWrapper. So no such call is ever optimised.
if (isCheckout) setFlagsFromString('--wasm-wrapper-tiering-budget=2147483647')

/** Indexes above these are large: a packument of 2 MB takes 20 MB once it is parsed. Facts of 500 files are 250 KB. */
const LARGE = { document: 2_000_000, facts: 250_000 }

/** About as many indexes as a thread has models of. */
const REMEMBERED = 100

/**
 * Threads that parse and render whole indexes. Nine indexes in ten are small: their thread stays within tight limits,
 * since a heap that once held a large document keeps its size. Large ones get a thread that ends, and gives all of its memory
 * back, soon after the last of them.
 */
export function startWorkers(): Workers {
  const small = new Piscina({
    filename,
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: 30_000,
    taskQueue: new RendersFirst(),
    workerData: { modelBytes: 8_000_000, documentBytes: LARGE.document } satisfies WorkerLimits,
    resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 192 },
  })
  const large = new Piscina({
    filename,
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: 1_000,
    taskQueue: new RendersFirst(),
    workerData: { modelBytes: 32_000_000, documentBytes: Infinity } satisfies WorkerLimits,
    resourceLimits: { maxYoungGenerationSizeMb: 32, maxOldGenerationSizeMb: 2_048 },
  })
  // Whose thread remembers which document, at best: it may have ended since, or have forgotten it.
  const readLast = new ByteLru<Piscina>(REMEMBERED)
  const run = async <Result>(
    pool: Piscina,
    name: string,
    job: ReadIndexJob | ExcerptJob | RenderJob | MergeJob,
    transferList: ArrayBuffer[],
  ) => {
    const result = (await pool.run(job, { name, transferList })) as Result | Failed
    if (typeof result === 'object' && result !== null && 'failed' in result) {
      throw new RegistryError(result.failed.code, result.failed.message)
    }
    return result as Result
  }
  return {
    async readIndex(format, received, name, known) {
      const renderer = format.renderer.href
      const readBy = async (pool: Piscina, pieces: readonly Uint8Array[]) => {
        const job = { renderer, received: { ...received, pieces }, name, known }
        const read = await run<PackedIndex | TooLarge>(pool, 'readIndex', job, pieces.flatMap(owned))
        if (!('tooLarge' in read)) readLast.set(read.sha256, pool, 1)
        return read
      }
      const isLarge = decodedSize(received.pieces, received.coding) > LARGE.document
      const read = await readBy(isLarge ? large : small, received.pieces)
      if (!('tooLarge' in read)) return read
      return (await readBy(large, read.tooLarge)) as PackedIndex
    },
    excerpt(format, compressed, name, files) {
      const pool = unpackedSize(compressed) > LARGE.document ? large : small
      return run(pool, 'excerpt', { renderer: format.renderer.href, compressed, name, files }, owned(compressed))
    },
    async render(format, input, encoding, read) {
      const renderer = format.renderer.href
      const { index } = input
      if (!index) return run(small, 'render', { renderer, input: { ...input, index }, encoding }, [])
      const reader = readLast.get(index.sha256)
      if (reader) {
        const job = { renderer, input: { ...input, index: { ...index, compressed: null } }, encoding }
        const rendered = await run<RenderResult | Forgotten>(reader, 'render', job, [])
        if (rendered.kind !== 'forgotten') return rendered
        readLast.delete(index.sha256)
      }
      const compressed = await read()
      if (!compressed) return { kind: 'lost' }
      const isLarge = unpackedSize(compressed) > LARGE.document || unpackedSize(index.facts) > LARGE.facts
      const job = { renderer, input: { ...input, index: { ...index, compressed } }, encoding }
      const pool = isLarge ? large : small
      const rendered = await run<RenderResult>(pool, 'render', job, owned(compressed))
      readLast.set(index.sha256, pool, 1)
      return rendered
    },
    merge(format, job) {
      const isLarge = job.sources.some(
        ({ index }) =>
          index && (unpackedSize(index.compressed) > LARGE.document || unpackedSize(index.facts) > LARGE.facts),
      )
      const documents = job.sources.flatMap(({ index }) => (index ? owned(index.compressed) : []))
      return run(isLarge ? large : small, 'merge', { ...job, renderer: format.renderer.href }, documents)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([small.destroy(), large.destroy()])
    },
  }
}

/** The memory of bytes that share it with nobody moves to the thread; anything else is copied. */
const owned = (bytes: Uint8Array): ArrayBuffer[] =>
  bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength ? [bytes.buffer] : []
