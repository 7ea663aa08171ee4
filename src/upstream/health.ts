import { RegistryError } from '../registry/errors.ts'
import type { Connection, Instant } from '../registry/model.ts'
import type { ConnectionName } from '../registry/names.ts'
import type { Clock } from '../registry/ports.ts'
import type { HealthReads, OriginState, UpstreamHealth } from '../registry/upstream-health.ts'
import { isOutage, originOf, whyClosed, type Observation } from './ask.ts'
import type { Breaker } from './breaker.ts'

type Record = {
  lastSuccessAt: Instant | null
  lastFailure: UpstreamHealth['lastFailure']
  latencyMs: number | null
  answered: number
  absent: number
  failed: number
  notSent: number
}

/** What one more answer counts for the latency that is shown. */
const LATEST = 0.2
const LONGEST_REASON = 300

/** Keeps account of what each connection was asked, in this process. */
export class HealthRecords implements HealthReads {
  readonly #records = new Map<ConnectionName, Record>()
  readonly #parts: { readonly clock: Clock; readonly breaker: Breaker; readonly isOffline: boolean }

  constructor(parts: { readonly clock: Clock; readonly breaker: Breaker; readonly isOffline: boolean }) {
    this.#parts = parts
  }

  observe({ connection, kind, what, status, durationMs, error }: Observation): void {
    const record = this.#of(connection)
    const now = this.#parts.clock.now()
    if (isFailure(error)) {
      record.failed += 1
      record.lastFailure = { at: now, reason: reasonOf(error, what) }
      return
    }
    record.lastSuccessAt = now
    if (status === 404 || status === 410) record.absent += 1
    else record.answered += 1
    if (kind === 'index') {
      const before = record.latencyMs ?? durationMs
      record.latencyMs = before + LATEST * (durationMs - before)
    }
  }

  notSent(connection: ConnectionName): void {
    this.#of(connection).notSent += 1
  }

  healthOf(connection: Connection): UpstreamHealth {
    const { clock, breaker, isOffline } = this.#parts
    const { lastSuccessAt, lastFailure, latencyMs, ...requests } = this.#of(connection.name)
    const states = breaker.statesOf(connection.name, clock.now())
    const own = originOf(connection.url)
    const ofOwn: Omit<OriginState, 'origin'> = states.find(({ origin }) => origin === own) ?? WORKING
    const closed = whyClosed({ isOffline }, connection)
    return {
      state: closed?.state ?? ofOwn.state,
      since: closed ? null : ofOwn.since,
      until: closed ? null : ofOwn.until,
      troubled: states.filter(({ origin, state }) => origin !== own && state !== 'closed'),
      lastSuccessAt,
      lastFailure,
      latencyMs: latencyMs === null ? null : Math.round(latencyMs),
      requests,
    }
  }

  #of(connection: ConnectionName): Record {
    const known = this.#records.get(connection)
    if (known) return known
    const made = { ...NOTHING }
    this.#records.set(connection, made)
    return made
  }
}

const WORKING = { state: 'closed', since: null, until: null } as const
const NOTHING: Readonly<Record> = {
  lastSuccessAt: null,
  lastFailure: null,
  latencyMs: null,
  answered: 0,
  absent: 0,
  failed: 0,
  notSent: 0,
}

/** What is said about an answer (it does not exist), or about this machine (its disk is full), is no failure of the upstream. */
const isFailure = (error: Error | null): error is Error =>
  error !== null && (!(error instanceof RegistryError) || isOutage(error))

const reasonOf = (error: Error, what: string): string => `${what}: ${error.message}`.slice(0, LONGEST_REASON)
