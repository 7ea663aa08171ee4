import { DECODABLE, readPieces } from '../outbound/body.ts'
import type { OutboundResponse } from '../outbound/request.ts'
import type { Ecosystem, ReceivedIndex } from '../registry/ecosystem.ts'
import { RegistryError } from '../registry/errors.ts'
import type { CachedIndex, Connection } from '../registry/model.ts'
import { displayName, type FormatId, type PackageName } from '../registry/names.ts'
import type { KnownBefore, PackedIndex } from '../registry/pack-index.ts'
import type { BlobStore, IndexAnswer, MetadataStore, Upstream } from '../registry/ports.ts'
import { ask, isOutage, outage, routeOf, whyClosed, type AskParts } from './ask.ts'
import { freshUntil, FRESHNESS, planFetch, type Conditions } from './freshness.ts'
import { SingleFlight, type Settling } from './single-flight.ts'
import { within } from './within.ts'

/** Reads an index and makes of it what is kept. The memory of `received` may be gone afterwards. */
export type ReadIndex = (
  format: FormatId,
  received: ReceivedIndex,
  name: PackageName,
  known: KnownBefore,
) => Promise<PackedIndex>

export type IndexParts = AskParts & {
  readonly store: Pick<MetadataStore, 'findIndex' | 'commit'>
  readonly blobs: BlobStore
  readonly ecosystemOf: (format: FormatId) => Ecosystem
  /** Parses in a worker thread; whatever it throws is taken for a broken answer. */
  readonly readIndex: ReadIndex
  /** Decoded. */
  readonly maxIndexBytes: number
  /** For one index, all tries together. */
  readonly indexDeadlineMs: number
  /** How long a request waits for a fresh index while there is an older one that it could have. */
  readonly patienceMs: number
}

/** Indexes of connections, from the cache while they are fresh. */
export function createIndexReader(parts: IndexParts): Pick<Upstream, 'readIndex'> & Settling {
  const flights = new SingleFlight<CachedIndex>()

  const refresh = (
    connection: Connection,
    name: PackageName,
    cached: CachedIndex | undefined,
    { conditions, wasHere }: Asking,
  ) =>
    flights.run(`${connection.name} ${name.format} ${name.key}`, () =>
      refreshIndex(parts, connection, name, cached, { conditions, wasHere }),
    )

  const readIndex: Upstream['readIndex'] = async (connection, name, options) => {
    const { clock } = parts
    const now = clock.now()
    const cached = await parts.store.findIndex(connection.name, name.format, name.key)
    const wasHere = options.wasHere ?? false
    const closed = whyClosed(parts, connection)
    const isPaused = closed !== null || parts.breaker.pause(routeOf(connection, connection.url), now) > 0
    // Who cannot be asked again is not taken at its word that something does not exist.
    const plan = closed && cached?.state === 'absent' ? ({ do: 'fetch' } as const) : planFetch(cached, now, options)
    switch (plan.do) {
      case 'serve':
        return { index: plan.index, stale: false }
      case 'serve-and-revalidate':
        // How it went is observed where it is asked; who comes next finds the result.
        if (!isPaused) refresh(connection, name, plan.index, { conditions: plan.headers, wasHere }).catch(() => {})
        return { index: plan.index, stale: isPaused }
      case 'revalidate': {
        const patience = Math.min(options.deadline, now + parts.patienceMs)
        const refreshed = refresh(connection, name, plan.index, { conditions: plan.headers, wasHere })
        const asked = within(refreshed, patience, clock, () => slow(connection, name))
        return asked.then(fresh, (error: unknown) => staleCopy(plan.index, error))
      }
      case 'fetch':
        // What says "absent" is never served stale: an outage must not look as if the package did not exist.
        return fresh(
          await within(refresh(connection, name, cached, { conditions: {}, wasHere }), options.deadline, clock, () =>
            slow(connection, name),
          ),
        )
    }
  }
  return { readIndex, settled: () => flights.settled() }
}

const fresh = (index: CachedIndex): IndexAnswer => ({ index, stale: false })

const slow = (connection: Connection, name: PackageName) =>
  outage('slow', `${connection.name} did not answer in time when asked for ${displayName(name)}`)

function staleCopy(index: CachedIndex, error: unknown): IndexAnswer {
  if (!isOutage(error) && !isUnwritten(error)) throw error
  return { index, stale: true }
}

/** What came could not be written down. What is here already can be read all the same. */
const isUnwritten = (error: unknown): boolean =>
  error instanceof RegistryError && (error.code === 'disk_full' || error.code === 'busy')

type Answer =
  | { readonly kind: 'unchanged' | 'absent'; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: 'document'; readonly received: ReceivedIndex }

type Asking = { readonly conditions: Conditions; readonly wasHere: boolean }

async function refreshIndex(
  parts: IndexParts,
  connection: Connection,
  name: PackageName,
  cached: CachedIndex | undefined,
  { conditions, wasHere }: Asking,
): Promise<CachedIndex> {
  const deadline = parts.clock.now() + Math.max(parts.indexDeadlineMs, connection.timeoutMs ?? 0)
  const answer = await askForIndex(parts, connection, name, deadline, conditions)
  switch (answer.kind) {
    case 'unchanged':
      if (!cached)
        throw outage('down', `${connection.name} answered 304 for ${displayName(name)} without being asked a condition`)
      return touch(parts, cached, answer.headers)
    case 'absent':
      return keepAbsent(parts, connection, name, cached, wasHere)
    case 'document': {
      const { headers } = answer.received
      const read = await parse(parts, connection, name, answer.received, cached)
      if (!isOlder(read, cached)) return keep(parts, connection, name, cached, headers, read)
      // One node of a CDN lags behind: ask past the caches once, and keep the newer document if that does not help.
      const again = await askForIndex(parts, connection, name, deadline, { 'cache-control': 'no-cache' })
      const reread =
        again.kind === 'document'
          ? {
              headers: again.received.headers,
              read: await parse(parts, connection, name, again.received, cached),
            }
          : null
      if (reread && !isOlder(reread.read, cached))
        return keep(parts, connection, name, cached, reread.headers, reread.read)
      return touch(parts, cached as CachedIndex, {}, parts.clock.now() + FRESHNESS.shortest)
    }
  }
}

/** A page with a lower serial than the one that is kept was made before it. */
const isOlder = (read: PackedIndex, cached: CachedIndex | undefined): boolean =>
  cached?.state === 'present' && read.isOlder

function askForIndex(
  parts: IndexParts,
  connection: Connection,
  name: PackageName,
  deadline: number,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const ecosystem = parts.ecosystemOf(name.format)
  const request = {
    connection,
    kind: 'index' as const,
    what: displayName(name),
    url: connection.url + ecosystem.indexPath(name),
    headers: { accept: ecosystem.indexAccept, 'accept-encoding': DECODABLE, ...headers },
    deadline,
  }
  return ask(parts, request, (response) => readAnswer(response, parts.maxIndexBytes))
}

async function readAnswer(response: OutboundResponse, maxBytes: number): Promise<Answer> {
  const { status, headers, url } = response
  if (status === 304) return { kind: 'unchanged', headers }
  if (status !== 200) return { kind: 'absent', headers }
  const contentType = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  return { kind: 'document', received: { pieces: await readPieces(response, { maxBytes }), contentType, url, headers } }
}

async function parse(
  parts: IndexParts,
  connection: Connection,
  name: PackageName,
  received: ReceivedIndex,
  cached: CachedIndex | undefined,
) {
  try {
    return await parts.readIndex(name.format, received, name, { facts: cached?.facts ?? null, now: parts.clock.now() })
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown error'
    throw outage(
      'down',
      `${connection.name} sent an index of ${displayName(name)} that cannot be read: ${reason}`,
      60_000,
      error,
    )
  }
}

async function touch(
  parts: IndexParts,
  cached: CachedIndex,
  headers: Readonly<Record<string, string>>,
  until = freshUntil(headers, parts.clock.now(), 'present'),
): Promise<CachedIndex> {
  const { connection, format, key } = cached
  const touched = { checkedAt: parts.clock.now(), freshUntil: until, etag: headers['etag'] ?? cached.etag }
  await parts.store.commit([{ change: 'touch-index', connection, format, key, ...touched }])
  return { ...cached, ...touched }
}

/** The package is not there, says the upstream. A document that came earlier stays: versions that were fetched are read from it. */
async function keepAbsent(
  parts: IndexParts,
  connection: Connection,
  name: PackageName,
  cached: CachedIndex | undefined,
  wasHere: boolean,
): Promise<CachedIndex> {
  const now = parts.clock.now()
  const until = freshUntil({}, now, cached?.document || wasHere ? 'vanished' : 'absent')
  if (cached?.state === 'absent') return touch(parts, cached, {}, until)
  return put(parts, connection, name, {
    state: 'absent',
    document: cached?.document ?? null,
    facts: cached?.facts ?? null,
    etag: null,
    lastModified: null,
    freshUntil: until,
  })
}

const STEP_BYTES = 256 * 1024

async function keep(
  parts: IndexParts,
  connection: Connection,
  name: PackageName,
  cached: CachedIndex | undefined,
  headers: Readonly<Record<string, string>>,
  { document, sha256, facts }: PackedIndex,
): Promise<CachedIndex> {
  if (cached?.state === 'present' && cached.document?.sha256 === sha256) return touch(parts, cached, headers)
  await using pending = await parts.blobs.begin()
  // It is hashed as it is written: in steps, between which others are served.
  for (let at = 0; at < document.length; at += STEP_BYTES) await pending.write(document.subarray(at, at + STEP_BYTES))
  const { size } = await pending.commit()
  return put(parts, connection, name, {
    state: 'present',
    document: { sha256, size },
    facts,
    etag: headers['etag'] ?? null,
    lastModified: headers['last-modified'] ?? null,
    freshUntil: freshUntil(headers, parts.clock.now(), 'present'),
  })
}

async function put(
  parts: IndexParts,
  connection: Connection,
  name: PackageName,
  { facts, ...index }: Omit<CachedIndex, 'connection' | 'format' | 'key' | 'checkedAt' | 'revision'>,
): Promise<CachedIndex> {
  const at = { connection: connection.name, format: name.format, key: name.key }
  const checkedAt = parts.clock.now()
  await parts.store.commit([{ change: 'put-index', index: { ...at, ...index, checkedAt }, facts }])
  // The store counts revisions; another process may have written after us, and then that is what counts.
  const stored = await parts.store.findIndex(at.connection, at.format, at.key)
  if (!stored) throw new Error(`The index of ${displayName(name)} is gone right after it was written`)
  return stored
}
