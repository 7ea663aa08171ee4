import type { Sealer } from './auth/secrets.ts'
import type { Config } from './config.ts'
import { startDispatcher, type Dispatcher } from './events/dispatcher.ts'
import { createWebhookTools } from './events/webhook-tools.ts'
import { createOutbound } from './outbound/outbound.ts'
import { DEFAULTS } from './registry/bootstrap.ts'
import type { Change } from './registry/changes.ts'
import type { Clock, DeliveryQueue, MetadataStore } from './registry/ports.ts'
import type { Log } from './server/log.ts'
import type { Metrics } from './server/metrics.ts'

/** What a dispatcher has something to do after. */
const WAKING: ReadonlySet<Change['change']> = new Set([
  'announce',
  'create-delivery',
  'replay-delivery',
  'enable-webhook',
])

/** Wires what sends events to webhooks. Nothing is sent before `start`. */
export function createEventSending(parts: {
  readonly config: Config
  readonly userAgent: string
  readonly store: MetadataStore
  readonly sealer: Pick<Sealer, 'open'>
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}) {
  const { config, store, sealer, clock, log, metrics } = parts
  const running: { dispatcher?: Dispatcher } = {}
  const wake = () => running.dispatcher?.wake()
  const of = { region: config.region, operatorAccount: DEFAULTS.account }
  // Apart from the upstreams' way out: receivers that hang must not take the connections that packages come through.
  const outbound = createOutbound({
    allowPrivate: config.allowPrivateTargets,
    userAgent: parts.userAgent,
    ...(config.proxy === null ? {} : { proxy: config.proxy, noProxy: config.noProxy }),
    clock,
    timeouts: { headers: 15_000 },
  })
  const stop = async (graceMs: number): Promise<void> => running.dispatcher?.stop(graceMs)
  return {
    tools: createWebhookTools({ ...of, outbound }),
    wake,
    start(): void {
      running.dispatcher = startDispatcher({
        ...of,
        store,
        outbound,
        clock,
        open: (sealed, context) => sealer.open(sealed, context),
        random: Math.random,
        onAttempt: ({ outcome, seconds }) => {
          metrics.deliveries.inc({ outcome })
          metrics.deliveryDuration.observe(seconds)
        },
        onFannedOut: (lag) => metrics.fanOutLag.observe(lag),
        onDisabled: ({ id }, reason) => log.warn({ webhook: id, reason }, 'a webhook was disabled'),
        onUnreadable: ({ id }, error) => log.error({ webhook: id, error }, 'the pattern of a webhook cannot be read'),
        onError: (error) => log.error({ error }, 'events cannot be sent at present; it is tried again'),
      })
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop(0)
      await outbound[Symbol.asyncDispose]()
    },
  }
}

/** `store`, which wakes whoever sends events as soon as there are some. */
export const waking = <Store extends MetadataStore>(store: Store, wake: () => void): Store => ({
  ...store,
  async commit(changes, options) {
    await store.commit(changes, options)
    if (changes.some(({ change }) => WAKING.has(change))) wake()
  },
})

export async function backlogOf(store: Pick<DeliveryQueue, 'deliveryBacklog'>, clock: Clock) {
  const { pending, dueSince } = await store.deliveryBacklog()
  return { pending, overdueSeconds: dueSince === null ? 0 : Math.max(0, clock.now() - dueSince) / 1000 }
}
