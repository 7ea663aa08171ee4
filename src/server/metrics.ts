import { Counter, Gauge, Histogram, Registry as MetricsRegistry, collectDefaultMetrics } from 'prom-client'

export type Metrics = ReturnType<typeof createMetrics>

/** Prometheus metrics. Labels are closed lists: no package, account or path ever becomes one. */
export function createMetrics(measure: {
  blobs(): Promise<{ bytes: number; cachedBytes: number; count: number }>
  /** Those that wait to be sent, and for how long the first of them is overdue. */
  deliveries(): Promise<{ pending: number; overdueSeconds: number }>
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
  return { registry, requests, duration, cache, refused, upstream, blobBytes, ...deliveryMetrics(measure, registers) }
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
