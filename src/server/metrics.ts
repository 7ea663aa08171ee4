import { Counter, Gauge, Histogram, Registry as MetricsRegistry, collectDefaultMetrics } from 'prom-client'
import type { UpstreamHealth } from '../registry/upstream-health.ts'

export type Metrics = ReturnType<typeof createMetrics>

/** Prometheus metrics. Labels are closed lists: no package, account or path ever becomes one. */
export function createMetrics(measure: {
  blobs(): Promise<{ bytes: number; cachedBytes: number; count: number }>
  /** Those that wait to be sent, and for how long the first of them is overdue. */
  deliveries(): Promise<{ pending: number; overdueSeconds: number }>
  /** By the names of the connections. */
  upstreams(): Promise<readonly (readonly [string, UpstreamHealth])[]>
}) {
  const registry = new MetricsRegistry()
  collectDefaultMetrics({ register: registry, prefix: 'granary_' })
  const registers = [registry]
  const requests = new Counter({
    name: 'granary_http_requests_total',
    help: 'Answered requests',
    labelNames: ['route', 'status'] as const,
    registers,
  })
  const duration = new Histogram({
    name: 'granary_http_request_duration_seconds',
    help: 'Time from the first header byte received to the last byte sent',
    labelNames: ['route'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  })
  const cache = new Counter({
    name: 'granary_cache_total',
    help: 'What package managers asked for, by whether it was here already',
    labelNames: ['kind', 'status'] as const,
    registers,
  })
  const refused = new Counter({
    name: 'granary_refused_total',
    help: 'Requests that policy refused, by error code',
    labelNames: ['code'] as const,
    registers,
  })
  const upstream = new Counter({
    name: 'granary_upstream_requests_total',
    help: 'Requests to upstream registries',
    labelNames: ['connection', 'kind', 'outcome'] as const,
    registers,
  })
  const blobBytes = new Gauge({
    name: 'granary_blob_bytes',
    help: 'Bytes of package files and indexes in the store',
    labelNames: ['kind'] as const,
    registers,
    async collect() {
      // A store that does not answer must not take the other numbers with it: they are wanted just then.
      const totals = await measure.blobs().catch(() => null)
      if (!totals) return this.reset()
      this.set({ kind: 'all' }, totals.bytes)
      this.set({ kind: 'cached' }, totals.cachedBytes)
    },
  })
  upstreamMetrics(measure, registers)
  return { registry, requests, duration, cache, refused, upstream, blobBytes, ...deliveryMetrics(measure, registers) }
}

const UPSTREAM_STATES = [
  'closed',
  'half-open',
  'open',
  'disabled',
  'offline',
] as const satisfies UpstreamHealth['state'][]

/** Of this process, as all of these. They are read when somebody looks. */
function upstreamMetrics(
  { upstreams }: Pick<Parameters<typeof createMetrics>[0], 'upstreams'>,
  registers: MetricsRegistry[],
) {
  const gauge = (
    name: string,
    help: string,
    labelNames: readonly ('state' | 'outcome')[],
    values: (health: UpstreamHealth) => readonly (readonly [{ state?: string; outcome?: string }, number | null])[],
  ) =>
    new Gauge({
      name,
      help,
      labelNames: ['connection', ...labelNames],
      registers,
      async collect() {
        const all = await upstreams().catch(() => [])
        // A connection that was deleted is no longer told of.
        this.reset()
        for (const [connection, health] of all)
          for (const [labels, value] of values(health)) if (value !== null) this.set({ connection, ...labels }, value)
      },
    })
  const age = (at: number | null) => (at === null ? null : Math.max(0, (Date.now() - at) / 1000))
  gauge(
    'granary_upstream_state',
    'Whether requests to the connection are sent: 1 for its state',
    ['state'],
    ({ state }) => UPSTREAM_STATES.map((one) => [{ state: one }, one === state ? 1 : 0]),
  )
  gauge('granary_upstream_last_success_age_seconds', 'Since the last answer, whatever it said', [], (health) => [
    [{}, age(health.lastSuccessAt)],
  ])
  gauge('granary_upstream_last_failure_age_seconds', 'Since the last request that failed', [], (health) => [
    [{}, age(health.lastFailure?.at ?? null)],
  ])
  gauge('granary_upstream_latency_seconds', 'What an index takes, the latest counting most', [], (health) => [
    [{}, health.latencyMs === null ? null : health.latencyMs / 1000],
  ])
  gauge(
    'granary_upstream_requests',
    'Requests since the start, by what came of them: answered, absent, failed, or not sent because of a pause or of being offline',
    ['outcome'],
    ({ requests: { answered, absent, failed, notSent } }) => [
      [{ outcome: 'answered' }, answered],
      [{ outcome: 'absent' }, absent],
      [{ outcome: 'failed' }, failed],
      [{ outcome: 'not-sent' }, notSent],
    ],
  )
}

function deliveryMetrics(
  measure: Pick<Parameters<typeof createMetrics>[0], 'deliveries'>,
  registers: MetricsRegistry[],
) {
  const deliveries = new Counter({
    name: 'granary_delivery_attempts_total',
    help: 'Sendings of an event to a webhook, by what came of them',
    labelNames: ['outcome'] as const,
    registers,
  })
  const deliveryDuration = new Histogram({
    name: 'granary_delivery_attempt_duration_seconds',
    help: 'Time that receivers took to answer',
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
    registers,
  })
  const fanOutLag = new Histogram({
    name: 'granary_event_fan_out_lag_seconds',
    help: 'Time from an event to its deliveries being made',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 600],
    registers,
  })
  // One look for both numbers, which are collected side by side: among a hundred thousand it takes PostgreSQL 20 ms.
  let looking: Promise<{ pending: number; overdueSeconds: number } | null> | null = null
  const backlog = () =>
    (looking ??= measure
      .deliveries()
      .catch(() => null)
      .finally(() => (looking = null)))
  const pendingDeliveries = new Gauge({
    name: 'granary_deliveries_pending',
    help: 'Deliveries that wait to be sent, for the first time or again',
    registers,
    async collect() {
      const found = await backlog()
      if (found) this.set(found.pending)
      else this.remove()
    },
  })
  const deliveryOverdue = new Gauge({
    name: 'granary_delivery_overdue_seconds',
    help: 'For how long the delivery that waits the longest has been due',
    registers,
    async collect() {
      const found = await backlog()
      if (found) this.set(found.overdueSeconds)
      else this.remove()
    },
  })
  return { deliveries, deliveryDuration, fanOutLag, pendingDeliveries, deliveryOverdue }
}
