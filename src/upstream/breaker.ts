import type { Instant } from '../registry/model.ts'

export type BreakerTimes = { readonly firstPauseMs: number; readonly longestPauseMs: number }

type State = { failures: number; pauses: number; openUntil: Instant; probing: boolean }

/** Slow answers and server errors may be about one package; so many in a row are about the upstream. */
const FAILURES_IN_A_ROW = 3
// Origins come from upstream documents, too: what is remembered about them is bounded.
const MOST_ORIGINS = 1000

/**
 * Remembers which origins fail, so that the many requests of one install do not each wait for the same timeout. While an
 * origin is paused nothing is sent to it; after the pause one request goes ahead and decides for the others.
 */
export class Breaker {
  readonly #states = new Map<string, State>()
  readonly #times: BreakerTimes

  constructor(times: BreakerTimes) {
    this.#times = times
  }

  /** Milliseconds for which nothing may be sent; 0 where the origin works. Does not count as asking. */
  pause(origin: string, now: Instant): number {
    const state = this.#states.get(origin)
    if (!state || state.openUntil === 0) return 0
    if (now < state.openUntil) return state.openUntil - now
    return state.probing ? this.#times.firstPauseMs : 0
  }

  /** As `pause`; where it returns 0, the request goes out and must be followed by `succeeded` or `failed`. */
  enter(origin: string, now: Instant): number {
    const pause = this.pause(origin, now)
    const state = this.#states.get(origin)
    if (pause === 0 && state && state.openUntil > 0) state.probing = true
    return pause
  }

  /** Whether a pause has begun since `enter`: then no further try of that request is worth it. */
  isOpen(origin: string, now: Instant): boolean {
    return now < (this.#states.get(origin)?.openUntil ?? 0)
  }

  /** It answered, whatever it said. */
  succeeded(origin: string): void {
    this.#states.delete(origin)
  }

  /** `unreachable` pauses at once, anything else after a few in a row. */
  failed(origin: string, now: Instant, how: 'unreachable' | 'failing'): void {
    const state = this.#state(origin)
    state.failures += 1
    const isProbe = state.probing
    state.probing = false
    if (now < state.openUntil) return // of the requests that were under way when it opened
    if (how === 'failing' && !isProbe && state.failures < FAILURES_IN_A_ROW) return
    state.openUntil = now + Math.min(this.#times.firstPauseMs * 2 ** state.pauses, this.#times.longestPauseMs)
    state.pauses += 1
  }

  /** The upstream said when to come back (`Retry-After`). */
  holdUntil(origin: string, until: Instant): void {
    const state = this.#state(origin)
    state.probing = false
    state.openUntil = Math.max(state.openUntil, until)
  }

  #state(origin: string): State {
    const known = this.#states.get(origin)
    if (known) return known
    const [oldest] = this.#states.keys()
    if (this.#states.size >= MOST_ORIGINS && oldest !== undefined) this.#states.delete(oldest)
    const made: State = { failures: 0, pauses: 0, openUntil: 0, probing: false }
    this.#states.set(origin, made)
    return made
  }
}
