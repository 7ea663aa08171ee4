import type { Instant, Sealed } from './model.ts'
import type { AccountId } from './names.ts'

// Where events go, and how their sending fares. What an event is stands in events.ts.

/** A key that signs deliveries (Standard Webhooks, HMAC-SHA256). While a new one replaces it, it goes on signing until it expires. */
export type WebhookSecret = {
  readonly id: string
  /** The raw key, 24 to 64 bytes. */
  readonly secret: Sealed
  readonly createdAt: Instant
  readonly expiresAt: Instant | null
}

/** A URL that hears of the events of an account that its pattern matches. */
export type Webhook = {
  /** `wh_` and 22 letters or digits. */
  readonly id: string
  readonly account: AccountId
  /** The whole URL: a query may hold a token, so it is as secret as a password. */
  readonly url: Sealed
  /** What may be shown of it: without the values of its query. */
  readonly shownUrl: string
  /** Headers to send besides, as a JSON object of strings; null for none. */
  readonly headers: Sealed | null
  /** An EventBridge event pattern as JSON text, as it was given; null matches every event. */
  readonly pattern: string | null
  readonly description: string | null
  readonly createdAt: Instant
  /** When and why it was disabled; null while it is enabled. Nothing is sent to a disabled one. */
  readonly disabled: { readonly at: Instant; readonly reason: string } | null
  /** The first failure since something was last delivered to it; null while it works. */
  readonly failingSince: Instant | null
  /** Newest first; those that expired may still be among them. */
  readonly secrets: readonly WebhookSecret[]
}

/** dead: given up, for good unless somebody replays it. */
export type DeliveryState = 'pending' | 'delivered' | 'dead'

/** One event on its way to one webhook; there is never a second of the same pair. */
export type Delivery = {
  /** UUID. */
  readonly id: string
  readonly webhook: string
  readonly account: AccountId
  /** The event's id, which every attempt carries as `webhook-id`. */
  readonly event: string
  readonly eventType: string
  readonly createdAt: Instant
  readonly state: DeliveryState
  /** Why it is dead; null otherwise. */
  readonly reason: string | null
  /** Attempts since it was made or last replayed. */
  readonly attempts: number
  /** When retrying began: the first attempt since it was made or last replayed; null before. */
  readonly firstAttemptAt: Instant | null
  /** When the next attempt is due; null unless pending. */
  readonly dueAt: Instant | null
}

/** One sending of a delivery, for people who look for what went wrong. */
export type DeliveryAttempt = {
  readonly delivery: string
  /** From 1 on, over all replays. */
  readonly number: number
  readonly at: Instant
  /** Milliseconds. */
  readonly duration: number
  readonly succeeded: boolean
  /** What the receiver answered; null where it did not. */
  readonly status: number | null
  /** What went wrong, in words; null where nothing did. */
  readonly error: string | null
  /** The beginning of the answer's body, 20,000 bytes at most, as text. */
  readonly response: string | null
}

/** What comes after an attempt. */
export type DeliveryOutcome =
  | { readonly state: 'delivered' }
  | { readonly state: 'pending'; readonly dueAt: Instant }
  | { readonly state: 'dead'; readonly reason: string }

/** What each secret of a webhook is sealed for, so that none of them opens in the place of another. */
export const webhookSeal = {
  url: (webhook: Pick<Webhook, 'id'>): string => `webhook/${webhook.id}/url`,
  headers: (webhook: Pick<Webhook, 'id'>): string => `webhook/${webhook.id}/headers`,
  secret: (secret: Pick<WebhookSecret, 'id'>): string => `webhook-secret/${secret.id}`,
} as const
