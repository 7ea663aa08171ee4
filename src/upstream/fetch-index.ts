import { DECODABLE, encodingOf, readPieces } from '../outbound/body.ts'
import type { OutboundResponse } from '../outbound/request.ts'
import type { ReceivedIndex } from '../registry/ecosystem.ts'
import { RegistryError } from '../registry/errors.ts'
import type { CachedIndex, Connection } from '../registry/model.ts'
import { displayName, type FormatId, type PackageName } from '../registry/names.ts'
import type { KnownBefore, PackedIndex } from '../registry/pack-index.ts'
import type { IndexAnswer, Upstream } from '../registry/ports.ts'
import { ask, isOutage, outage, routeOf, whyClosed, type AskParts } from './ask.ts'
import { FRESHNESS, planFetch, type Conditions } from './freshness.ts'
import { keepAbsent, keepDocument, touch, type IndexPlace, type KeepParts } from './keep-index.ts'
import { SingleFlight, type Settling } from './single-flight.ts'
import { within } from './within.ts'

/** Reads an index and makes of it what is kept. The memory of `received` may be gone afterwards. */
export type ReadIndex = (
  format: FormatId,
  received: ReceivedIndex,
  name: PackageName,
  known: KnownBefore,
) => Promise<PackedIndex>

export type IndexParts = AskParts &
  KeepParts & {
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
  const at = { connection, name, cached }
  const first = await read(parts, at, await askForIndex(parts, connection, name, deadline, conditions))
  // One node of a CDN lags behind, or an upstream is being repaired: ask past the caches once.
  const last = isDoubtful(first, cached)
    ? await read(parts, at, await askForIndex(parts, connection, name, deadline, { 'cache-control': 'no-cache' }))
    : first
  const soon = parts.clock.now() + FRESHNESS.shortest
  switch (last.kind) {
    case 'unchanged':
      if (!cached)
        throw outage('down', `${connection.name} answered 304 for ${displayName(name)} without being asked a condition`)
      return touch(parts, cached, last.headers)
    case 'absent':
      // After a document that was too old, which is nothing to go by.
      if (first.kind === 'document') return touch(parts, cached as CachedIndex, {}, soon)
      return keepAbsent(parts, at, wasHere)
    case 'document':
      if (isOlder(last.read, cached)) return touch(parts, cached as CachedIndex, {}, soon)
      return keepDocument(parts, at, last.headers, last.read)
  }
}

type ReadAnswer =
  | Extract<Answer, { kind: 'unchanged' | 'absent' }>
  | {
      readonly kind: 'document'
      readonly headers: Readonly<Record<string, string>>
      readonly read: PackedIndex
    }

async function read(parts: IndexParts, place: IndexPlace, answer: Answer): Promise<ReadAnswer> {
  if (answer.kind !== 'document') return answer
  const { headers } = answer.received
  return { kind: 'document', headers, read: await parse(parts, place, answer.received) }
}

/** What would take away much of what was there may be a mistake. Said twice, it is believed: what was fetched stays in any case. */
function isDoubtful(answer: ReadAnswer, cached: CachedIndex | undefined): boolean {
  if (cached?.state !== 'present') return false
  if (answer.kind !== 'document') return answer.kind === 'absent'
  return answer.read.isOlder || answer.read.losesMost
}

/** A page with a lower serial than the one that is kept was made before it. */
const isOlder = (index: PackedIndex, cached: CachedIndex | undefined): boolean =>
  cached?.state === 'present' && index.isOlder

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
  const coding = encodingOf(response)
  const pieces = await readPieces(response, { maxBytes })
  return { kind: 'document', received: { pieces, coding, maxBytes, contentType, url, headers } }
}

async function parse(parts: IndexParts, { connection, name, cached }: IndexPlace, received: ReceivedIndex) {
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
