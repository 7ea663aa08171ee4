import { checkWebhookHeaders, parseWebhookUrl } from '../../registry/manage-webhooks.ts'
import type { ManageContext } from '../../registry/manage.ts'
import type { Sealed } from '../../registry/model.ts'
import { webhookSeal, type WebhookSecret } from '../../registry/webhooks.ts'
import type { ManagementParts } from '../handler.ts'

// What is secret of a webhook, checked and sealed for the webhook that it belongs to.

type Parts = Pick<ManagementParts, 'sealer' | 'webhooks'>

export async function sealUrl({ sealer, webhooks }: Parts, webhook: string, raw: string) {
  const { url, shownUrl } = parseWebhookUrl(raw)
  await webhooks.checkUrl(url)
  return { url: sealer.seal(url, webhookSeal.url({ id: webhook })), shownUrl }
}

/** None where there are none. */
export function sealHeaders(
  { sealer }: Parts,
  webhook: string,
  headers: Readonly<Record<string, string>>,
): Sealed | null {
  if (Object.keys(headers).length === 0) return null
  checkWebhookHeaders(headers)
  return sealer.seal(JSON.stringify(headers), webhookSeal.headers({ id: webhook }))
}

/** The text as it was given, once it is known to be a pattern; null where it is empty, which matches every event. */
export function parsePatternText({ webhooks }: Parts, pattern: string): string | null {
  if (pattern.trim() === '') return null
  webhooks.checkPattern(pattern)
  return pattern
}

/** A new signing key: what is shown once, and what is stored. */
export function mintWebhookSecret(
  { sealer, webhooks }: Parts,
  { now, id }: ManageContext,
): { readonly shown: string; readonly secret: WebhookSecret } {
  const { shown, key } = webhooks.mintSecret()
  const secretId = id()
  const secret = sealer.seal(key, webhookSeal.secret({ id: secretId }))
  return { shown, secret: { id: secretId, secret, createdAt: now, expiresAt: null } }
}
