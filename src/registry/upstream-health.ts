import type { Connection, Instant } from './model.ts'

// How the registries behind the connections are doing, as one process has seen it since it started.

export type OriginState = {
  readonly origin: string
  /**
   * closed: requests go out. open: it failed, or asked to be left alone, and nothing is sent. half-open: the pause is over, and the
   * next request, or one that is under way, decides.
   */
  readonly state: 'closed' | 'half-open' | 'open'
  /** When it began to fail, or worked again; null where it never failed. */
  readonly since: Instant | null
  /** Nothing is sent before; null where that is not so. */
  readonly until: Instant | null
}

export type UpstreamHealth = {
  /** The registry's own. disabled: the connection is. offline: the whole installation is. */
  readonly state: OriginState['state'] | 'disabled' | 'offline'
  readonly since: Instant | null
  readonly until: Instant | null
  /** Other origins, where its files are, that are not closed. */
  readonly troubled: readonly OriginState[]
  /** Whatever it answered, "not found" included. */
  readonly lastSuccessAt: Instant | null
  /** `reason`: in words, without secrets. */
  readonly lastFailure: { readonly at: Instant; readonly reason: string } | null
  /** Milliseconds that an index takes, the latest counting most; null before the first. */
  readonly latencyMs: number | null
  readonly requests: {
    readonly answered: number
    readonly absent: number
    readonly failed: number
    /** Because of a pause, of being disabled or offline. */
    readonly notSent: number
  }
}

export type HealthReads = { healthOf(connection: Connection): UpstreamHealth }
