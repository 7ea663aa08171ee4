import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Change } from '../registry/changes.ts'
import { RegistryError } from '../registry/errors.ts'
import { managementEvent } from '../registry/events.ts'
import type { Instant } from '../registry/model.ts'
import type { MetadataStore } from '../registry/ports.ts'
import type { Delivery, DeliveryOutcome, Webhook } from '../registry/webhooks.ts'
import { attempt, type Attempt, type Made, type Sending } from './attempt.ts'
import { afterFailure, DISABLE_AFTER, SETTLE_BEFORE_DISABLING } from './retry.ts'

export type Delivering = Sending & {
  readonly store: Pick<MetadataStore, 'findEvent' | 'findWebhook' | 'commit'>
  /** When this process began to send. */
  readonly startedAt: Instant
  /** 0 to 1. */
  readonly random: () => number
  readonly onAttempt: (what: { readonly outcome: AttemptOutcome; readonly seconds: number }) => void
  readonly onDisabled: (webhook: Webhook, reason: string) => void
}

/** late: what came of it could not be noted, because the delivery was no longer this process's. */
export type AttemptOutcome = 'delivered' | 'retried' | 'dead' | 'late'

export type Lease = Delivery & { readonly leasedUntil: Instant }

/** Sends a leased delivery once and notes what came of it. Rejects with the reason of `signal`, and where the store fails. */
export async function deliver(
  delivering: Delivering,
  webhook: Webhook,
  lease: Lease,
  signal: AbortSignal,
): Promise<void> {
  const event = await delivering.store.findEvent(lease.event)
  if (!event) throw new Error(`The event ${lease.event} of the delivery ${lease.id} is gone`)
  const { made, wish } = await attempt(delivering, webhook, event, signal)
  const outcome = outcomeOf({ made, wish }, lease, delivering.random())
  const wasNoted = await note(delivering, webhook, lease, made, outcome)
  delivering.onAttempt({
    outcome: !wasNoted ? 'late' : outcome.state === 'pending' ? 'retried' : outcome.state,
    seconds: made.duration / 1000,
  })
}

function outcomeOf({ made, wish }: Attempt, { attempts, firstAttemptAt }: Delivery, random: number): DeliveryOutcome {
  if (made.succeeded) return { state: 'delivered' }
  if (made.status === GONE) return { state: 'dead', reason: WANTS_NO_MORE }
  return afterFailure({
    attempts: attempts + 1,
    firstAttemptAt: firstAttemptAt ?? made.at,
    now: made.at + made.duration,
    wish,
    random,
    error: made.error ?? 'it failed',
  })
}

/** Standard Webhooks: the receiver is gone for good. */
const GONE = 410
const WANTS_NO_MORE = 'the receiver answered 410: it wants no more events'

/** False where the lease was over, or the webhook was disabled meanwhile: then the attempt is nobody's, and is not noted. */
async function note(
  delivering: Delivering,
  webhook: Webhook,
  { id, leasedUntil }: Lease,
  made: Made,
  outcome: DeliveryOutcome,
): Promise<boolean> {
  const record: Change = {
    change: 'record-delivery-attempt',
    attempt: { ...made, delivery: id },
    outcome,
    leasedUntil,
  }
  const reason = await reasonToDisable(delivering, webhook, made)
  if (reason !== null && (await commit(delivering, [record, ...disabling(webhook, reason, made.at)]))) {
    delivering.onDisabled(webhook, reason)
    return true
  }
  return commit(delivering, [record])
}

async function reasonToDisable(
  { store, startedAt }: Delivering,
  { id, url, failingSince }: Webhook,
  { succeeded, status, at }: Made,
): Promise<string | null> {
  const isGone = status === GONE
  const isSettled = at - startedAt >= SETTLE_BEFORE_DISABLING
  if (succeeded || !(isGone || (isSettled && isOverdue(failingSince, at)))) return null
  // Somebody may have mended it while this attempt was under way.
  const now = await store.findWebhook(id)
  if (!now || now.disabled !== null || now.url !== url) return null
  if (isGone) return WANTS_NO_MORE
  return isOverdue(now.failingSince, at) ? 'nothing could be delivered to it for 72 hours' : null
}

const isOverdue = (failingSince: Instant | null, at: Instant): boolean =>
  failingSince !== null && at - failingSince >= DISABLE_AFTER

const disabling = ({ id, account, shownUrl }: Webhook, reason: string, at: Instant): readonly Change[] => [
  { change: 'disable-webhook', id, at, reason },
  {
    change: 'announce',
    event: managementEvent({
      id: randomUUID(),
      type: 'Webhook Disabled',
      time: at,
      actor: 'granary:system',
      account,
      detail: { webhook: id, url: shownUrl, reason },
    }),
  },
]

const AGAIN_AFTER_MS = [100, 500, 2_000]

/** False where a precondition fails. What was sent and is not noted is sent again, so a store that hiccups is asked again. */
async function commit({ store }: Delivering, changes: readonly Change[]): Promise<boolean> {
  for (const pause of [...AGAIN_AFTER_MS, null]) {
    try {
      await store.commit(changes)
      return true
    } catch (error) {
      if (error instanceof RegistryError && error.code !== 'busy') {
        if (error.code === 'conflict' || error.code === 'not_found') return false
        throw error
      }
      if (pause === null) throw error
      await delay(pause)
    }
  }
  return false
}
