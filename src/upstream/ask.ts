import { setTimeout as delay } from 'node:timers/promises'
import type { Outbound } from '../outbound/outbound.ts'
import { OutboundError } from '../outbound/outbound-error.ts'
import type { OutboundResponse } from '../outbound/request.ts'
import { parseRetryAfter } from '../outbound/retry-after.ts'
import { RegistryError } from '../registry/errors.ts'
import type { Connection, Instant } from '../registry/model.ts'
import type { ConnectionName } from '../registry/names.ts'
import type { Clock } from '../registry/ports.ts'
import type { Breaker, Route } from './breaker.ts'
import { within } from './within.ts'

/** One request that went upstream, for metrics and logs. */
export type Observation = {
  readonly kind: 'index' | 'version' | 'file' | 'side-car' | 'document' | 'question'
  readonly connection: ConnectionName
  /** What was asked for: `left-pad`, `left-pad-1.3.0.tgz`. */
  readonly what: string
  /** null where no answer came. */
  readonly status: number | null
  readonly durationMs: number
  /** Of the body, as it came over the wire. */
  readonly bytes: number
  /** null where all went well. Carries no secrets. */
  readonly error: Error | null
}

export type AskParts = {
  readonly outbound: Outbound
  readonly clock: Clock
  readonly breaker: Breaker
  /** The connection's `Authorization` header, decrypted. */
  readonly credentialsOf: (connection: Connection) => Promise<{ readonly header: string } | null>
  readonly observe: (observation: Observation) => void
  /** A request that was not sent: the upstream is paused, or not to be asked at all. */
  readonly notSent: (connection: ConnectionName) => void
  /** Nothing is sent to any upstream. */
  readonly isOffline: boolean
  readonly tries: number
  /** Pause before the second try; doubles, with jitter. */
  readonly retryDelayMs: number
  /** Ends everything when the server stops. */
  readonly signal: AbortSignal
}

export type Ask = {
  readonly connection: Connection
  readonly kind: Observation['kind']
  readonly what: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** What a POST sends, which must be safe to send again; a GET where left out. */
  readonly body?: Uint8Array
  /** For all tries together. */
  readonly deadline: Instant
  /** Asked before a try after the first. */
  readonly mayRetry?: () => boolean
}

/** Later than this is as good as never: nobody waits, and a mistake in a header must not close an upstream for days. */
const LONGEST_RETRY_AFTER_MS = 10 * 60_000
const ANSWERS = new Set([200, 304, 404, 410])

export const originOf = (url: string): string => new URL(url).origin

/**
 * Asks an upstream and has `use` read the answer: 200, 304, 404 or 410. Everything else is an outage: tried again where
 * that makes sense, then thrown as `upstream_down` or `upstream_slow` with the seconds after which to come back.
 */
export async function ask<T>(
  parts: AskParts,
  request: Ask,
  use: (response: OutboundResponse) => Promise<T>,
): Promise<T> {
  const { breaker, clock } = parts
  const route = routeOf(request.connection, request.url)
  const { isProbe } = await admit(parts, request, route)
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await attemptOnce(parts, request, use)
      breaker.succeeded(route, clock.now())
      return result
    } catch (error) {
      const failure = failureOf(error, request)
      const wait = parts.retryDelayMs * 2 ** (attempt - 1) * (0.5 + Math.random())
      // Others wait for what a probe finds: it decides at once.
      if (isProbe || attempt === parts.tries || !(await tryAgain(parts, request, route, failure, wait))) {
        settle(parts, route, failure)
        throw failure.error
      }
    }
  }
}

export const routeOf = ({ name }: Connection, url: string): Route => ({ connection: name, origin: originOf(url) })

/** Why a connection is not asked, whatever its upstream does; null where it is. */
export function whyClosed(
  { isOffline }: Pick<AskParts, 'isOffline'>,
  { enabled }: Connection,
): { readonly state: 'offline' | 'disabled'; readonly reason: string } | null {
  if (isOffline) return { state: 'offline', reason: 'this installation is offline (GRANARY_OFFLINE)' }
  if (!enabled) return { state: 'disabled', reason: 'the connection is disabled' }
  return null
}

/** Nobody knows when a person switches it on again. */
const CLOSED_RETRY_MS = 5 * 60_000

/** INVARIANT: no packet leaves for an upstream but past this. Who comes while a probe is under way waits for what it finds. */
async function admit(parts: AskParts, request: Ask, route: Route): Promise<{ readonly isProbe: boolean }> {
  const { breaker, clock } = parts
  const { connection, what, deadline } = request
  const closed = whyClosed(parts, connection)
  if (closed) {
    parts.notSent(connection.name)
    throw outage('down', `${connection.name} is not asked for ${what}: ${closed.reason}`, CLOSED_RETRY_MS)
  }
  for (;;) {
    const entry = breaker.enter(route, clock.now())
    if (entry.may === 'go') return entry
    if (entry.may === 'not') {
      parts.notSent(connection.name)
      throw outage('down', `${connection.name} is not answering`, entry.forMs)
    }
    await within(entry.decided, deadline, clock, () => {
      parts.notSent(connection.name)
      return outage('slow', `${connection.name} was not answering, and did not answer in time when asked again`)
    })
  }
}

/** Waits for the next try, if there is to be one. */
async function tryAgain(parts: AskParts, request: Ask, route: Route, failure: Failure, wait: number): Promise<boolean> {
  const { breaker, clock, signal } = parts
  const isWorthIt = failure.again && failure.retryAfterMs === null && clock.now() + wait < request.deadline
  if (!isWorthIt || request.mayRetry?.() === false) return false
  await delay(wait, undefined, { signal }).catch(() => {})
  return !signal.aborted && !breaker.isOpen(route, clock.now())
}

function settle({ breaker, clock }: AskParts, route: Route, { blame, retryAfterMs }: Failure): void {
  const now = clock.now()
  if (retryAfterMs !== null) breaker.holdUntil(route, now, now + retryAfterMs)
  else if (blame === 'nobody') breaker.succeeded(route, now)
  else breaker.failed(route, now, blame)
}

async function attemptOnce<T>(
  parts: AskParts,
  request: Ask,
  use: (response: OutboundResponse) => Promise<T>,
): Promise<T> {
  const { connection, kind, what } = request
  const begun = parts.clock.now()
  // A file may take long to arrive, and then as long as it needs; what a person waits for as a whole may not.
  const patience = kind === 'file' ? Infinity : (connection.timeoutMs ?? Infinity)
  let status: number | null = null
  let bytes = 0
  const report = (error: Error | null) =>
    parts.observe({
      kind,
      connection: connection.name,
      what,
      status,
      durationMs: parts.clock.now() - begun,
      bytes,
      error,
    })
  try {
    const credentials = connection.credentials === null ? null : await parts.credentialsOf(connection)
    const own = originOf(connection.url)
    const response = await parts.outbound.request({
      url: request.url,
      headers: request.headers,
      ...(request.body && { method: 'POST', body: request.body }),
      credentials: credentials ? { origin: own, header: credentials.header } : undefined,
      declaredOrigins: [own, ...connection.fileOrigins],
      deadline: Math.min(request.deadline, begun + patience),
      answerWithinMs: connection.timeoutMs ?? undefined,
      signal: parts.signal,
    })
    status = response.status
    try {
      if (!ANSWERS.has(status)) throw new BadStatus(response)
      const result = await use({ ...response, body: counted(response.body, (length) => (bytes += length)) })
      report(null)
      return result
    } finally {
      response.dump()
    }
  } catch (error) {
    report(error as Error)
    throw error
  }
}

async function* counted(body: AsyncIterable<Uint8Array>, count: (length: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    count(chunk.length)
    yield chunk
  }
}

class BadStatus extends Error {
  readonly status: number
  readonly retryAfter: string | undefined

  constructor({ status, headers }: OutboundResponse) {
    super(`status ${status}`)
    this.status = status
    this.retryAfter = headers['retry-after']
  }
}

type Failure = {
  readonly error: RegistryError
  /** Whether another try may do better. */
  readonly again: boolean
  readonly blame: 'unreachable' | 'failing' | 'nobody'
  /** The upstream's own wish. */
  readonly retryAfterMs: number | null
}

export function outage(how: 'down' | 'slow', message: string, retryAfterMs = 5_000, cause?: unknown): RegistryError {
  const retryAfter = Math.max(1, Math.ceil(retryAfterMs / 1000))
  return new RegistryError(how === 'slow' ? 'upstream_slow' : 'upstream_down', message, { retryAfter, cause })
}

export const isOutage = (error: unknown): error is RegistryError =>
  error instanceof RegistryError && (error.code === 'upstream_down' || error.code === 'upstream_slow')

function failureOf(error: unknown, { connection, what }: Ask): Failure {
  const none = { again: false, blame: 'nobody', retryAfterMs: null } as const
  if (error instanceof BadStatus) return failureOfStatus(error, connection, what)
  if (error instanceof OutboundError) {
    const message = `${connection.name} could not be asked for ${what}: ${error.message}`
    switch (error.code) {
      case 'timeout':
        return { ...none, error: outage('slow', message, 5_000, error), again: true, blame: 'failing' }
      case 'connect':
        return { ...none, error: outage('down', message, 5_000, error), again: true, blame: 'unreachable' }
      case 'reset':
        return { ...none, error: outage('down', message, 5_000, error), again: true, blame: 'failing' }
      default:
        return { ...none, error: outage('down', message, 60_000, error) }
    }
  }
  // What `use` says about an answer stands; anything else is a bug and goes up as it is.
  return { ...none, error: error as RegistryError }
}

function failureOfStatus({ status, retryAfter }: BadStatus, connection: Connection, what: string): Failure {
  const retryAfterMs = status === 429 || status === 503 ? pauseWished(retryAfter) : null
  const message = `${connection.name} answered ${status} when asked for ${what}`
  const isPassing = status >= 500 || status === 429 || status === 408 || status === 425
  return {
    error: outage('down', message, retryAfterMs ?? (isPassing ? 5_000 : 60_000)),
    again: isPassing,
    blame: isPassing ? 'failing' : 'nobody',
    retryAfterMs,
  }
}

/** For how long a registry asks to be left alone; null where it does not. */
function pauseWished(header: string | undefined): number | null {
  const wish = parseRetryAfter(header, Date.now())
  return wish === null ? null : Math.min(Math.max(wish, 1_000), LONGEST_RETRY_AFTER_MS)
}
