import { DECODABLE, readBody } from '../outbound/body.ts'
import type { OutboundResponse } from '../outbound/request.ts'
import type { FetchedIndex, ParsedIndex } from '../registry/ecosystem.ts'
import { RegistryError } from '../registry/errors.ts'
import type { CachedIndex, Connection } from '../registry/model.ts'
import { displayName, type FormatId, type PackageName } from '../registry/names.ts'
import type { IndexAnswer, Upstream } from '../registry/ports.ts'
import { ask, isOutage, originOf, outage, type AskParts } from './ask.ts'
import { FRESHNESS, planFetch, type Conditions } from './freshness.ts'
import { keepAbsent, keepDocument, touch, type IndexRead, type KeepParts } from './keep-index.ts'
import { SingleFlight, type Settling } from './single-flight.ts'
import { within } from './within.ts'

export type ReadIndex = (format: FormatId, fetched: FetchedIndex, name: PackageName) => Promise<IndexRead>

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
      return keepDocument(parts, at, last.fetched, last.read)
  }
}

type ReadAnswer =
  Exclude<Answer, { kind: 'document' }> | (Extract<Answer, { kind: 'document' }> & { readonly read: IndexRead })

async function read(
  parts: IndexParts,
  { connection, name }: { readonly connection: Connection; readonly name: PackageName },
  answer: Answer,
): Promise<ReadAnswer> {
  return answer.kind === 'document' ? { ...answer, read: await parse(parts, connection, name, answer.fetched) } : answer
}

/** What would take away much of what was there may be a mistake. Said twice, it is believed: what was fetched stays in any case. */
function isDoubtful(answer: ReadAnswer, cached: CachedIndex | undefined): boolean {
  if (cached?.state !== 'present') return false
  if (answer.kind !== 'document') return answer.kind === 'absent'
  return isOlder(answer.read, cached) || hasLostMost(answer.read, cached)
}

function hasLostMost({ facts }: Pick<ParsedIndex, 'facts'>, cached: CachedIndex): boolean {
  const known = cached.facts?.versions ?? []
  const now = new Set(facts.versions.map(({ version }) => version))
  const lost = known.filter(({ version }) => !now.has(version)).length
  return lost > 0 && (lost === known.length || (lost >= 3 && lost > known.length / 2))
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
