import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { zstdCompress } from 'node:zlib'
import { DECODABLE, readBody } from '../outbound/body.ts'
import type { OutboundResponse } from '../outbound/request.ts'
import type { Ecosystem, FetchedIndex, ParsedIndex } from '../registry/ecosystem.ts'
import { RegistryError } from '../registry/errors.ts'
import type { CachedIndex, Connection } from '../registry/model.ts'
import { displayName, type FormatId, type PackageName } from '../registry/names.ts'
import type { BlobStore, IndexAnswer, MetadataStore, Upstream } from '../registry/ports.ts'
import { ask, isOutage, originOf, outage, type AskParts } from './ask.ts'
import { withFirstSeen } from './first-seen.ts'
import { freshUntil, FRESHNESS, planFetch, type Conditions } from './freshness.ts'
import { SingleFlight, type Settling } from './single-flight.ts'
import { within } from './within.ts'

const compress = promisify(zstdCompress)

/** What the reader of an index made of it, and the document: as it is, or in zstd where the reader did that as well. */
export type ReadIndex = (
  format: FormatId,
  fetched: FetchedIndex,
  name: PackageName,
) => Promise<Pick<ParsedIndex, 'facts'> & (Pick<ParsedIndex, 'document'> | { readonly compressed: Uint8Array })>

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
    const plan = planFetch(cached, now, options)
    const wasHere = options.wasHere ?? false
    const isPaused = parts.breaker.pause(originOf(connection.url), now) > 0
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
  | { readonly kind: 'document'; readonly fetched: FetchedIndex }

type Asking = { readonly conditions: Conditions; readonly wasHere: boolean }

async function refreshIndex(
  parts: IndexParts,
  connection: Connection,
  name: PackageName,
  cached: CachedIndex | undefined,
  { conditions, wasHere }: Asking,
): Promise<CachedIndex> {
  const deadline = parts.clock.now() + parts.indexDeadlineMs
  const answer = await askForIndex(parts, connection, name, deadline, conditions)
  switch (answer.kind) {
    case 'unchanged':
      if (!cached)
        throw outage('down', `${connection.name} answered 304 for ${displayName(name)} without being asked a condition`)
      return touch(parts, cached, answer.headers)
    case 'absent':
      return keepAbsent(parts, connection, name, cached, wasHere)
    case 'document': {
      const { fetched } = answer
      const read = await parse(parts, connection, name, fetched)
      if (!isOlder(read, cached)) return keep(parts, connection, name, cached, fetched, read)
      // One node of a CDN lags behind: ask past the caches once, and keep the newer document if that does not help.
      const again = await askForIndex(parts, connection, name, deadline, { 'cache-control': 'no-cache' })
      const reread =
        again.kind === 'document'
          ? { fetched: again.fetched, read: await parse(parts, connection, name, again.fetched) }
          : null
      if (reread && !isOlder(reread.read, cached))
        return keep(parts, connection, name, cached, reread.fetched, reread.read)
      return touch(parts, cached as CachedIndex, {}, parts.clock.now() + FRESHNESS.shortest)
    }
  }
}

/** A page with a lower serial than the one that is kept was made before it. */
function isOlder({ facts }: Pick<ParsedIndex, 'facts'>, cached: CachedIndex | undefined): boolean {
  const kept = cached?.state === 'present' ? (cached.facts?.serial ?? null) : null
  return kept !== null && facts.serial !== null && facts.serial < kept
}

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
  return { kind: 'document', fetched: { body: await readBody(response, { maxBytes }), contentType, url, headers } }
}

async function parse(parts: IndexParts, connection: Connection, name: PackageName, fetched: FetchedIndex) {
  try {
    return await parts.readIndex(name.format, fetched, name)
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

async function keep(
  parts: IndexParts,
  connection: Connection,
  name: PackageName,
  cached: CachedIndex | undefined,
  { headers }: FetchedIndex,
  read: Awaited<ReturnType<ReadIndex>>,
): Promise<CachedIndex> {
  const compressed = 'compressed' in read ? read.compressed : await compress(read.document)
  const sha256 = createHash('sha256').update(compressed).digest('hex')
  if (cached?.state === 'present' && cached.document?.sha256 === sha256) return touch(parts, cached, headers)
  await using pending = await parts.blobs.begin()
  await pending.write(compressed)
  const { size } = await pending.commit()
  return put(parts, connection, name, {
    state: 'present',
    document: { sha256, size },
    facts: withFirstSeen(read.facts, cached?.facts ?? null, parts.clock.now()),
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
