import { createOutbound, type OutboundOptions } from '../../../src/outbound/outbound.ts'
import { decodeAtOnce } from '../../../src/registry/decode-at-once.ts'
import type { Ecosystem, ParsedIndex, ReceivedIndex } from '../../../src/registry/ecosystem.ts'
import { UNLIMITED, type Connection, type IndexFile } from '../../../src/registry/model.ts'
import { packageName, type ConnectionName, type FormatId, type PackageName } from '../../../src/registry/names.ts'
import { packIndex } from '../../../src/registry/pack-index.ts'
import type { BlobStore, ReadableBlob } from '../../../src/registry/blob-store.ts'
import { memoryBlobs } from '../../../src/storage/blobs/memory.ts'
import { openSqlite } from '../../../src/storage/sql/sqlite.ts'
import type { Observation } from '../../../src/upstream/ask.ts'
import type { ReadIndex } from '../../../src/upstream/fetch-index.ts'
import { createUpstream, type UpstreamLimits, type UpstreamOptions } from '../../../src/upstream/upstream.ts'
import type { PublishedNpm } from './npm.ts'
import type { PublishedPypi } from './pypi.ts'

// `src/upstream` with real stores in memory and the least of a format that it can work with: no registry around it.

export const npmName = (name: string): PackageName => packageName('npm', null, name)
export const pypiName = (name: string): PackageName => packageName('pypi', null, name)

export const connectionTo = (url: string, more: Partial<Connection> = {}): Connection => ({
  name: 'test:upstream' as ConnectionName,
  format: 'npm',
  url,
  fileOrigins: [],
  credentials: null,
  builtIn: false,
  ...UNLIMITED,
  ...more,
})

/** A file as an npm index would offer it. */
export const npmFile = (
  { url, file, bytes, shasum, integrity }: PublishedNpm,
  more: Partial<IndexFile> = {},
): IndexFile => ({
  file,
  version: '1.0.0',
  url,
  path: null,
  digests: { sha1: shasum, sha512: Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex') },
  size: bytes.length,
  publishedAt: null,
  sideCar: null,
  ...more,
})

/** A file as a PyPI index would offer it. */
export const pypiFile = (
  { url, file, bytes, sha256, path }: PublishedPypi,
  more: Partial<IndexFile> = {},
): IndexFile => ({
  file,
  version: '1.0',
  url,
  path: path.slice(1),
  digests: { sha256 },
  size: bytes.length,
  publishedAt: null,
  sideCar: null,
  ...more,
})

const readJsonIndex: ReadIndex = async (_format, received, _name, known) => packIndex(parseJson(received), known)

export function parseJson({ pieces, coding, maxBytes }: ReceivedIndex): ParsedIndex {
  const document = decodeAtOnce(pieces, coding, maxBytes)
  if (!document) throw new Error(`it has more than ${maxBytes} bytes`)
  const parsed = JSON.parse(Buffer.from(document).toString()) as {
    versions: object
    meta?: Record<string, unknown>
  }
  const versions = Array.isArray(parsed.versions) ? (parsed.versions as string[]) : Object.keys(parsed.versions)
  const serial = parsed.meta?.['_last-serial']
  return {
    document,
    model: parsed,
    facts: {
      versions: versions.map((version) => ({ version, publishedAt: null, license: null })),
      files: [],
      serial: typeof serial === 'number' ? serial : null,
    },
  }
}

const ecosystemOf = (format: FormatId): Ecosystem => ({
  format,
  indexPath: ({ name }) => (format === 'npm' ? name : `${name}/`),
  indexAccept: format === 'npm' ? 'application/json' : 'application/vnd.pypi.simple.v1+json',
  compareVersions: (a, b) => (a < b ? -1 : 1),
  versionKey: (version) => version,
  fileType: () => 'application/octet-stream',
})

export type Assembled = AsyncDisposable & {
  readonly upstream: ReturnType<typeof createUpstream>
  /** Another process's, over the same stores. */
  again(more: Partial<UpstreamOptions>): ReturnType<typeof createUpstream>
  readonly store: Awaited<ReturnType<typeof openSqlite>>
  readonly blobs: BlobStore
  readonly observed: Observation[]
  readonly mismatches: string[]
  readonly landedFailures: unknown[]
  /** Starts at the real time; `advance` moves it for freshness and pauses. */
  readonly clock: { now(): number; advance(ms: number): void }
}

export async function assembleUpstream(
  options: Partial<Pick<UpstreamOptions, 'credentialsOf' | 'readIndex' | 'excerpt' | 'blobs'>> & {
    limits?: Partial<UpstreamLimits>
    outbound?: Partial<OutboundOptions>
  } = {},
): Promise<Assembled> {
  let ahead = 0
  const clock = { now: () => Date.now() + ahead, advance: (ms: number) => void (ahead += ms) }
  const store = await openSqlite(':memory:', { clock })
  const blobs = options.blobs ?? memoryBlobs()
  const observed: Observation[] = []
  const mismatches: string[] = []
  const landedFailures: unknown[] = []
  const outbound = createOutbound({ allowPrivate: [], userAgent: 'granary-test', clock, ...options.outbound })
  const parts: UpstreamOptions = {
    outbound,
    store,
    blobs,
    clock,
    ecosystemOf,
    readIndex: options.readIndex ?? readJsonIndex,
    excerpt: options.excerpt ?? (async () => ({})),
    credentialsOf: options.credentialsOf ?? (async () => null),
    observe: (observation) => void observed.push(observation),
    onMismatch: (_connection, file, reason) => void mismatches.push(`${file.file}: ${reason}`),
    onLandedFailure: (error) => void landedFailures.push(error),
    limits: { retryDelayMs: 5, ...options.limits },
  }
  const upstream = createUpstream(parts)
  return {
    upstream,
    again: (more) => createUpstream({ ...parts, ...more }),
    store,
    blobs,
    observed,
    mismatches,
    landedFailures,
    clock,
    async [Symbol.asyncDispose]() {
      await upstream[Symbol.asyncDispose]()
      await outbound[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}

/** All bytes of a blob, read as a server would; stops after `upTo`. */
export async function readAll(blob: ReadableBlob, upTo = Infinity): Promise<Buffer> {
  const chunks: Buffer[] = []
  let position = 0
  while (position < upTo) {
    const into = Buffer.alloc(32 * 1024)
    const length = await blob.read(into, position)
    if (length === 0) break
    chunks.push(into.subarray(0, length))
    position += length
  }
  return Buffer.concat(chunks)
}
