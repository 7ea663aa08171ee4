import type { Outbound } from '../outbound/outbound.ts'
import type { Ecosystem } from '../registry/ecosystem.ts'
import { RegistryError } from '../registry/errors.ts'
import type { Connection, IndexFile } from '../registry/model.ts'
import type { ConnectionName, FormatId } from '../registry/names.ts'
import type { BlobStore } from '../registry/blob-store.ts'
import type { Clock, MetadataStore, Upstream } from '../registry/ports.ts'
import type { HealthReads } from '../registry/upstream-health.ts'
import type { Observation } from './ask.ts'
import { Breaker, type BreakerTimes } from './breaker.ts'
import { createDownloads } from './download.ts'
import { createDocumentReader, createQuestions } from './fetch-document.ts'
import { createIndexReader, type ReadIndex } from './fetch-index.ts'
import type { Excerpt } from './keep-index.ts'
import { createVersionReader } from './fetch-version.ts'
import { HealthRecords } from './health.ts'
import { createRemoteFiles } from './remote-files.ts'

export type UpstreamOptions = {
  readonly outbound: Outbound
  readonly store: Pick<MetadataStore, 'findIndex' | 'commit' | 'findBlob' | 'listRetained'>
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly ecosystemOf: (format: FormatId) => Ecosystem
  readonly readIndex: ReadIndex
  readonly excerpt: Excerpt
  /** The connection's `Authorization` header, decrypted; null where it has none. */
  readonly credentialsOf: (connection: Connection) => Promise<{ readonly header: string } | null>
  /** Every request that went upstream. */
  readonly observe?: (observation: Observation) => void
  readonly onMismatch?: (connection: Connection, file: IndexFile, reason: string) => void
  readonly onLandedFailure?: (error: unknown, file: IndexFile) => void
  readonly limits?: Partial<UpstreamLimits>
  /** Nothing is sent to any upstream. */
  readonly isOffline?: boolean
}

export type UpstreamLimits = BreakerTimes & {
  readonly tries: number
  readonly retryDelayMs: number
  readonly indexDeadlineMs: number
  readonly patienceMs: number
  readonly maxIndexBytes: number
  readonly maxFileBytes: number
}

const LIMITS: UpstreamLimits = {
  tries: 3,
  retryDelayMs: 200,
  indexDeadlineMs: 30_000,
  patienceMs: 5_000,
  maxIndexBytes: 128 * 1024 * 1024,
  maxFileBytes: 5 * 1024 ** 3,
  firstPauseMs: 3_000,
  longestPauseMs: 20_000,
}

/** The public (and private) registries that repositories draw from. Disposing of it ends what is under way. */
export function createUpstream(options: UpstreamOptions): Upstream & HealthReads & AsyncDisposable {
  const limits = { ...LIMITS, ...options.limits }
  const stopping = new AbortController()
  const { clock, isOffline = false } = options
  const breaker = new Breaker(limits)
  const health = new HealthRecords({ clock, breaker, isOffline })
  const parts = {
    onMismatch: () => {},
    onLandedFailure: () => {},
    ...options,
    ...limits,
    breaker,
    isOffline,
    observe: (observation: Observation) => {
      health.observe(observation)
      options.observe?.(observation)
    },
    notSent: (connection: ConnectionName) => health.notSent(connection),
    signal: stopping.signal,
  }
  const indexes = createIndexReader(parts)
  const versions = createVersionReader(parts)
  const documents = createDocumentReader(parts)
  const downloads = createDownloads(parts)
  const remote = createRemoteFiles({ ...parts, arrived: downloads.arrived })
  return {
    readIndex: indexes.readIndex,
    findVersionOf: versions.findVersionOf,
    readDocument: documents.readDocument,
    ask: createQuestions(parts).ask,
    download: downloads.download,
    readSideCar: downloads.readSideCar,
    openRemote: remote.openRemote,
    distrustParts: remote.distrustParts,
    healthOf: (connection) => health.healthOf(connection),
    async [Symbol.asyncDispose]() {
      stopping.abort(new RegistryError('busy', 'the server is stopping', { retryAfter: 5 }))
      const all = [indexes, versions, documents, downloads, remote]
      await Promise.all(all.map((each) => each.settled()))
    },
  }
}
