import type { Instant } from '../registry/model.ts'
import type { ConnectionName } from '../registry/names.ts'
import type { OriginState } from '../registry/upstream-health.ts'

export type BreakerTimes = { readonly firstPauseMs: number; readonly longestPauseMs: number }

/** What one connection has to do with one origin: its registry, or where its files are. Another one's troubles are not its own. */
export type Route = { readonly connection: ConnectionName; readonly origin: string }

/** What becomes of a request. */
export type Entry =
  /** It goes out, and must be followed by `succeeded`, `failed` or `holdUntil`. A probe decides for all others. */
  | { readonly may: 'go'; readonly isProbe: boolean }
  /** A probe is under way; ask again when it has decided. */
  | { readonly may: 'wait'; readonly decided: Promise<void> }
  | { readonly may: 'not'; readonly forMs: number }

type State = {
  readonly route: Route
  failures: number
  pauses: number
  /** 0: closed. */
  openUntil: Instant
  probe: PromiseWithResolvers<void> | null
  /** When it opened, or closed again. */
  since: Instant | null
}

/** Slow answers and server errors may be about one package; so many in a row are about the upstream. */
const FAILURES_IN_A_ROW = 3
// Origins come from upstream documents, too: what is remembered about them is bounded.
const MOST_ROUTES = 1000

/**
 * Remembers what fails, so that the many requests of one install do not each wait for the same timeout. While a route is paused
 * nothing is sent along it; after the pause one request goes ahead and decides for the others, who wait for it.
 */
export class Breaker {
  readonly #states = new Map<string, State>()
  readonly #times: BreakerTimes

  constructor(times: BreakerTimes) {
    this.#times = times
  }

  /** Milliseconds for which nothing may be sent; 0 where the route works. Does not count as asking. */
  pause(route: Route, now: Instant): number {
    const state = this.#states.get(keyOf(route))
    if (!state || state.openUntil === 0) return 0
    if (now < state.openUntil) return state.openUntil - now
    return state.probe ? this.#times.firstPauseMs : 0
  }

  enter(route: Route, now: Instant): Entry {
    const state = this.#states.get(keyOf(route))
    if (!state || state.openUntil === 0) return { may: 'go', isProbe: false }
    if (now < state.openUntil) return { may: 'not', forMs: state.openUntil - now }
    if (state.probe) return { may: 'wait', decided: state.probe.promise }
    state.probe = Promise.withResolvers()
    return { may: 'go', isProbe: true }
  }

  /** Whether a pause has begun since `enter`: then no further try of that request is worth it. */
  isOpen(route: Route, now: Instant): boolean {
    return now < (this.#states.get(keyOf(route))?.openUntil ?? 0)
  }

  /** It answered, whatever it said. */
  succeeded(route: Route, now: Instant): void {
    const state = this.#states.get(keyOf(route))
    if (!state) return
    if (state.openUntil > 0) state.since = now
    state.failures = 0
    state.pauses = 0
    state.openUntil = 0
    decide(state)
  }

  /** `unreachable` pauses at once, anything else after a few in a row. */
  failed(route: Route, now: Instant, how: 'unreachable' | 'failing'): void {
    const state = this.#state(route)
    state.failures += 1
    const isProbe = state.probe !== null
    if (now >= state.openUntil && (how === 'unreachable' || isProbe || state.failures >= FAILURES_IN_A_ROW)) {
      const pause = Math.min(this.#times.firstPauseMs * 2 ** state.pauses, this.#times.longestPauseMs)
      open(state, now, now + pause)
      state.pauses += 1
    }
    decide(state)
  }

  /** The upstream said when to come back (`Retry-After`). */
  holdUntil(route: Route, now: Instant, until: Instant): void {
    const state = this.#state(route)
    open(state, now, Math.max(state.openUntil, until))
    decide(state)
  }

  /** The routes of a connection that anything is known about. */
  statesOf(connection: ConnectionName, now: Instant): readonly OriginState[] {
    return [...this.#states.values()]
      .filter(({ route }) => route.connection === connection)
      .map(({ route, openUntil, since }) => ({
        origin: route.origin,
        state: openUntil === 0 ? 'closed' : now < openUntil ? 'open' : 'half-open',
        since,
        until: now < openUntil ? openUntil : null,
      }))
  }

  #state(route: Route): State {
    const key = keyOf(route)
    const known = this.#states.get(key)
    if (known) return known
    this.#forgetOne()
    const made: State = { route, failures: 0, pauses: 0, openUntil: 0, probe: null, since: null }
    this.#states.set(key, made)
    return made
  }

  /** INVARIANT: nobody waits for a probe of a state that was forgotten. */
  #forgetOne(): void {
    if (this.#states.size < MOST_ROUTES) return
    const [oldest] = this.#states
    if (!oldest) return
    this.#states.delete(oldest[0])
    decide(oldest[1])
  }
}

const keyOf = ({ connection, origin }: Route): string => `${connection} ${origin}`

function open(state: State, now: Instant, until: Instant): void {
  // A probe that fails goes on with the same outage.
  if (state.openUntil === 0) state.since = now
  state.openUntil = until
}

function decide(state: State): void {
  state.probe?.resolve()
  state.probe = null
}
