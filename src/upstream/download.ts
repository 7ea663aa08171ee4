import { createHash } from 'node:crypto'
import { decodedBody, encodingOf, readBody } from '../outbound/body.ts'
import { OutboundError } from '../outbound/outbound-error.ts'
import type { OutboundResponse } from '../outbound/request.ts'
import type { RegistryError } from '../registry/errors.ts'
import type { Connection, Hex, IndexFile, Instant } from '../registry/model.ts'
import type { BlobStore, Landed } from '../registry/blob-store.ts'
import type { BlobLedger, Download, Upstream } from '../registry/ports.ts'
import { ask, outage, type AskParts } from './ask.ts'
import { GrowingBlob } from './growing-blob.ts'
import { fileKey, fileUrl, goneUpstream } from './offered-file.ts'
import type { RemoteFileParts } from './remote-files.ts'
import { SingleFlight, type Settling } from './single-flight.ts'
import { digestsToCompute, mismatchOf } from './verify.ts'
import { within } from './within.ts'

export type DownloadParts = AskParts & {
  readonly store: Pick<BlobLedger, 'findBlob'>
  readonly blobs: BlobStore
  readonly maxFileBytes: number
  /** The bytes were not those that the index declares. Nothing was stored. */
  readonly onMismatch: (connection: Connection, file: IndexFile, reason: string) => void
  /** What a joiner wanted done with the landed file failed; its readers are served all the same. */
  readonly onLandedFailure: (error: unknown, file: IndexFile) => void
}

type OnLanded = (landed: Landed) => Promise<void>

const MOST_SIDE_CAR_BYTES = 16 * 1024 * 1024
/** A fill that is slower than this holds a connection for nobody's good, and has so long to show that it is not. */
const SLOWEST_BYTES_PER_MS = 64
const SLOW_START_MS = 30_000
const LONGEST_FILL_MS = 2 * 3_600_000
/** Readers get the last bytes after the retention commits, but no later than this. */
const RETENTION_PATIENCE_MS = 5_000

/** Who looked for a file before it was retained, and asks for it after it landed, is not late by more than this. */
const JUST_LANDED_MS = 10_000

/** Files of connections: one request upstream per file, whoever asks meanwhile joins it. */
export function createDownloads(
  parts: DownloadParts,
): Pick<Upstream, 'download' | 'readSideCar'> & Settling & Pick<RemoteFileParts, 'arrived'> {
  const fills = new Map<string, Fill>()
  const ending = new Set<Promise<void>>()
  const justLanded = new Map<string, { readonly sha256: Hex; readonly until: Instant }>()
  const sideCars = new SingleFlight<Uint8Array>()

  const end = (key: string, landedAs: Hex | null) => {
    const now = parts.clock.now()
    fills.delete(key)
    for (const [old, { until }] of justLanded) if (until < now) justLanded.delete(old)
    if (landedAs !== null) justLanded.set(key, { sha256: landedAs, until: now + JUST_LANDED_MS })
  }

  return {
    async download(connection, file, options) {
      const url = fileUrl(connection, file)
      const key = fileKey(connection, file)
      if (!fills.has(key)) {
        const sha256 = file.digests.sha256?.toLowerCase() ?? justLanded.get(key)?.sha256
        const kept = sha256 === undefined ? null : await openKept(parts, file, sha256, options.onLanded)
        if (kept) return kept
      }
      const underWay = fills.get(key)
      const fill = underWay ?? new Fill(parts, connection, file, url, (landedAs) => end(key, landedAs))
      if (!underWay) {
        fills.set(key, fill)
        ending.add(fill.ended)
        void fill.ended.finally(() => ending.delete(fill.ended))
      }
      const landed = fill.join(options.onLanded)
      landed.catch(() => {}) // who wants to know asks; readers are told by their reads
      const late = () => outage('slow', `${connection.name} did not begin to send ${file.file} in time`)
      const inTime = <T>(work: Promise<T>) => within(work, options.deadline, parts.clock, late)
      await inTime(fill.begun)
      return { size: fill.blob.size, body: fill.blob.open(inTime), joined: underWay !== undefined, landed }
    },

    readSideCar(connection, file, { deadline }) {
      const url = new URL(fileUrl(connection, file))
      url.pathname += '.metadata' // PEP 658: appended to the path, before a query
      const late = () => outage('slow', `${connection.name} did not send ${file.file}.metadata in time`)
      const fetched = sideCars.run(fileKey(connection, file), () => fetchSideCar(parts, connection, file, url.href))
      return within(fetched, deadline, parts.clock, late)
    },

    arrived: (connection, file) => fills.get(fileKey(connection, file))?.blob.visible ?? null,

    async settled() {
      await Promise.all([sideCars.settled(), ...ending])
    },
  }
}

/** A blob that some upstream gave already is the file, whichever it was: its name is its digest. */
async function openKept(
  parts: DownloadParts,
  file: IndexFile,
  sha256: Hex,
  onLanded: OnLanded | undefined,
): Promise<Download | null> {
  // Only what upstreams gave: an index that declares the digest of somebody's private file does not get its bytes served.
  const record = await parts.store.findBlob(sha256)
  if (!record?.cachedOnly || (file.size !== null && file.size !== record.size)) return null
  const blob = await parts.blobs.open(sha256, record)
  if (!blob) return null
  const kept: Landed = { size: blob.size, digests: { sha256 } }
  const landed = (onLanded?.(kept) ?? Promise.resolve())
    .catch((error: unknown) => parts.onLandedFailure(error, file))
    .then(() => kept)
  return { size: blob.size, body: blob, joined: false, landed }
}

function mismatch(parts: DownloadParts, connection: Connection, file: IndexFile, reason: string): RegistryError {
  parts.onMismatch(connection, file, reason)
  return outage(
    'down',
    `${connection.name} sent ${file.file} with other bytes than its index declares: ${reason}`,
    60_000,
  )
}

/** One file on its way from an upstream into the blob store. It goes on when everybody who asked for it has left. */
class Fill {
  readonly blob: GrowingBlob
  /** Resolves when it came to its end, well or not. */
  readonly ended: Promise<void>
  readonly #parts: DownloadParts
  readonly #connection: Connection
  readonly #file: IndexFile
  readonly #begun = Promise.withResolvers<void>()
  readonly #landed = Promise.withResolvers<Landed>()
  #wanted: OnLanded[] | null = []
  readonly #onEnd: (landedAs: Hex | null) => void

  constructor(
    parts: DownloadParts,
    connection: Connection,
    file: IndexFile,
    url: string,
    onEnd: (landedAs: Hex | null) => void,
  ) {
    this.#parts = parts
    this.#connection = connection
    this.#file = file
    this.blob = new GrowingBlob((sha256) => parts.blobs.open(sha256))
    this.#begun.promise.catch(() => {})
    this.#landed.promise.catch(() => {})
    this.#onEnd = onEnd
    this.ended = this.#run(url)
  }

  /** Resolves when the upstream begins to send; rejects where it will not. */
  get begun(): Promise<void> {
    return this.#begun.promise
  }

  /** `onLanded` runs once the bytes are in the store, and before what this returns resolves. */
  join(onLanded: OnLanded | undefined): Promise<Landed> {
    if (!onLanded) return this.#landed.promise
    if (this.#wanted) {
      this.#wanted.push(onLanded)
      return this.#landed.promise
    }
    return this.#landed.promise.then(async (landed) => {
      await this.#tell(onLanded, landed)
      return landed
    })
  }

  async #run(url: string): Promise<void> {
    try {
      const request = {
        connection: this.#connection,
        kind: 'file' as const,
        what: this.#file.file,
        url,
        // A .tgz that a server packs once more would have another digest (and a CDN's compression gains nothing).
        headers: { accept: '*/*', 'accept-encoding': 'identity' },
        deadline: fillDeadline(this.#parts.clock.now(), this.#file.size ?? this.#parts.maxFileBytes),
        mayRetry: () => this.blob.restart(),
      }
      const landed = await ask(this.#parts, request, (response) => this.#receive(response))
      await this.#retain(landed)
      this.#onEnd(landed.digests.sha256)
      this.#landed.resolve(landed)
    } catch (error) {
      // Before anybody is told: who asks again must not join what has failed.
      this.#onEnd(null)
      this.#begun.reject(error)
      this.#landed.reject(error)
      await this.blob.fail(error as Error)
    }
  }

  /** One answer, from its head to bytes in the store. */
  async #receive(response: OutboundResponse): Promise<Landed> {
    const { blobs, maxFileBytes } = this.#parts
    if (response.status !== 200) throw goneUpstream(this.#connection, this.#file.file)
    const size = this.#sizeOf(response)
    const digests = digestsToCompute(this.#file.digests)
    const pending = await blobs.begin({ digests, isReplaceable: true, ...(size !== null && { size }) })
    this.blob.start(pending, size)
    this.#begun.resolve()
    const begunAt = this.#parts.clock.now()
    for await (const chunk of decodedBody(response)) {
      const received = pending.size + chunk.length
      if (this.#parts.clock.now() - begunAt > SLOW_START_MS + received / SLOWEST_BYTES_PER_MS)
        throw new OutboundError('timeout', `${this.#file.file} comes too slowly: ${received} bytes so far`)
      if (received > maxFileBytes) throw this.#tooLarge()
      if (size !== null && received > size) throw this.#mismatch(`more than ${size} bytes`)
      await pending.write(chunk)
      this.blob.advance()
    }
    if (size !== null && pending.size < size)
      throw new OutboundError('reset', `${this.#file.file} ended after ${pending.size} of ${size} bytes`)
    const wrong = mismatchOf(this.#file, await pending.finish())
    if (wrong !== null) throw this.#mismatch(wrong)
    return pending.commit()
  }

  /** Bytes in all, if the index or the upstream declares it. An encoded body's `Content-Length` says nothing about them. */
  #sizeOf(response: OutboundResponse): number | null {
    const sent = encodingOf(response) === null ? response.headers['content-length'] : undefined
    const length = sent !== undefined && /^\d+$/.test(sent) ? Number(sent) : null
    const declared = this.#file.size ?? this.blob.size // of an earlier try: its readers were told
    if (declared !== null && length !== null && declared !== length)
      throw this.#mismatch(`${length} bytes instead of ${declared}`)
    const size = declared ?? length
    if (size !== null && size > this.#parts.maxFileBytes) throw this.#tooLarge()
    return size
  }

  /** What was fetched is retained before anybody has the whole of it, unless retention takes long; it never fails a reader. */
  async #retain(landed: Landed): Promise<void> {
    const wanted = this.#wanted ?? []
    this.#wanted = null
    const told = Promise.all(wanted.map((onLanded) => this.#tell(onLanded, landed)))
    const { clock } = this.#parts
    await within(told, clock.now() + RETENTION_PATIENCE_MS, clock, () => new Error('late')).catch(() => {})
    await this.blob.land(landed)
    await told
  }

  async #tell(onLanded: OnLanded, landed: Landed): Promise<void> {
    try {
      await onLanded(landed)
    } catch (error) {
      this.#parts.onLandedFailure(error, this.#file)
    }
  }

  #mismatch(reason: string): RegistryError {
    return mismatch(this.#parts, this.#connection, this.#file, reason)
  }

  #tooLarge(): RegistryError {
    return outage(
      'down',
      `${this.#file.file} is larger than the ${this.#parts.maxFileBytes} bytes that are fetched at most`,
      60_000,
    )
  }
}

const fillDeadline = (now: Instant, size: number): Instant =>
  now + Math.min(60_000 + size / SLOWEST_BYTES_PER_MS, LONGEST_FILL_MS)

async function fetchSideCar(
  parts: DownloadParts,
  connection: Connection,
  file: IndexFile,
  url: string,
): Promise<Uint8Array> {
  const what = `${file.file}.metadata`
  const request = {
    connection,
    kind: 'side-car' as const,
    what,
    url,
    headers: { accept: '*/*', 'accept-encoding': 'identity' },
    deadline: parts.clock.now() + 30_000,
  }
  return ask(parts, request, async (response) => {
    if (response.status !== 200) throw goneUpstream(connection, what)
    const bytes = await readBody(response, { maxBytes: MOST_SIDE_CAR_BYTES })
    const declared = file.sideCar === true || file.sideCar === null ? null : file.sideCar.sha256.toLowerCase()
    if (declared !== null && createHash('sha256').update(bytes).digest('hex') !== declared)
      throw mismatch(parts, connection, { ...file, file: what }, 'sha256 digest mismatch')
    return bytes
  })
}
