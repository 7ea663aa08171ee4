import { liveSecrets } from '../../registry/manage-webhooks.ts'
import type { Instant } from '../../registry/model.ts'
import { webhookSeal, type Delivery, type DeliveryAttempt, type Webhook } from '../../registry/webhooks.ts'
import type { ManagementParts } from '../handler.ts'
import { timestamp } from './json-shapes.ts'

// Webhooks and deliveries as `/api` writes them. Nothing sealed is among them.

const timestampOrNull = (at: Instant | null): string | null => (at === null ? null : timestamp(at))

export const webhookJson = ({ sealer, clock }: Pick<ManagementParts, 'sealer' | 'clock'>, webhook: Webhook) => ({
  id: webhook.id,
  account: webhook.account,
  url: webhook.shownUrl,
  headerNames: headerNames(sealer, webhook),
  pattern: webhook.pattern,
  description: webhook.description,
  createdAt: timestamp(webhook.createdAt),
  disabled: webhook.disabled && { at: timestamp(webhook.disabled.at), reason: webhook.disabled.reason },
  failingSince: timestampOrNull(webhook.failingSince),
  secrets: liveSecrets(webhook.secrets, clock.now()).map(({ id, createdAt, expiresAt }) => ({
    id,
    createdAt: timestamp(createdAt),
    expiresAt: timestampOrNull(expiresAt),
  })),
})

function headerNames(sealer: ManagementParts['sealer'], { id, headers }: Webhook): string[] {
  if (headers === null) return []
  return Object.keys(JSON.parse(sealer.open(headers, webhookSeal.headers({ id })).toString()) as Record<string, string>)
}

export const deliveryJson = (delivery: Delivery) => ({
  id: delivery.id,
  webhook: delivery.webhook,
  event: delivery.event,
  eventType: delivery.eventType,
  createdAt: timestamp(delivery.createdAt),
  state: delivery.state,
  reason: delivery.reason,
  attempts: delivery.attempts,
  firstAttemptAt: timestampOrNull(delivery.firstAttemptAt),
  dueAt: timestampOrNull(delivery.dueAt),
})

export const attemptJson = ({ number, at, duration, succeeded, status, error, response }: DeliveryAttempt) => ({
  number,
  at: timestamp(at),
  duration,
  succeeded,
  status,
  error,
  response,
})
