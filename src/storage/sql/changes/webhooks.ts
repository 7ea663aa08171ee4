import type { WebhookSecret } from '../../../registry/webhooks.ts'
import { statement, type Statement } from '../executor.ts'
import type { Queries } from '../schema.ts'
import { giveUpDeliveries } from './deliveries.ts'
import { conflict, exists, missing, type Plans } from './plan.ts'

export const webhookChanges: Plans<
  'create-webhook' | 'set-webhook' | 'rotate-webhook-secret' | 'disable-webhook' | 'enable-webhook' | 'delete-webhook'
> = {
  'create-webhook': {
    moves: 'none',
    statements: (queries, { webhook }) => [
      statement(
        queries.insertInto('webhooks').values({
          id: webhook.id,
          account: webhook.account,
          url: webhook.url,
          shown_url: webhook.shownUrl,
          headers: webhook.headers,
          pattern: webhook.pattern,
          description: webhook.description,
          created_at: webhook.createdAt,
          disabled_at: webhook.disabled?.at ?? null,
          disabled_reason: webhook.disabled?.reason ?? null,
          failing_since: webhook.failingSince,
        }),
        { duplicate: exists('The webhook', webhook.id), reference: missing('The account', webhook.account) },
      ),
      ...webhook.secrets.map((secret) => insertSecret(queries, webhook.id, secret)),
    ],
  },
  'set-webhook': {
    moves: 'none',
    statements: (queries, { id, url, shownUrl, headers, pattern, description }) => [
      statement(
        queries
          .updateTable('webhooks')
          .set((eb) => ({
            account: eb.ref('account'), // so that nothing given is no error
            ...(url !== undefined && { url }),
            ...(shownUrl !== undefined && { shown_url: shownUrl }),
            ...(headers !== undefined && { headers }),
            ...(pattern !== undefined && { pattern }),
            ...(description !== undefined && { description }),
          }))
          .where('id', '=', id),
        { none: missing('The webhook', id) },
      ),
    ],
  },
  'rotate-webhook-secret': {
    moves: 'none',
    statements: (queries, { id, secret, expireOthersAt }) => [
      holdWebhook(queries, id),
      statement(
        queries
          .updateTable('webhook_secrets')
          .set({ expires_at: expireOthersAt })
          .where('webhook', '=', id)
          .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', expireOthersAt)])),
      ),
      insertSecret(queries, id, secret),
    ],
  },
  'disable-webhook': {
    moves: 'none',
    statements: (queries, { id, at, reason }) => [
      holdWebhook(queries, id),
      statement(
        queries
          .updateTable('webhooks')
          .set({ disabled_at: at, disabled_reason: reason })
          .where('id', '=', id)
          .where('disabled_at', 'is', null),
        { none: conflict(`The webhook ${id} is disabled already`, id) },
      ),
      giveUpDeliveries(queries, id, reason),
    ],
  },
  'enable-webhook': {
    moves: 'none',
    statements: (queries, { id }) => [
      statement(
        queries
          .updateTable('webhooks')
          .set({ disabled_at: null, disabled_reason: null, failing_since: null })
          .where('id', '=', id),
        { none: missing('The webhook', id) },
      ),
    ],
  },
  'delete-webhook': {
    moves: 'none',
    statements: (queries, { id }) => [
      statement(queries.deleteFrom('webhooks').where('id', '=', id), { none: missing('The webhook', id) }),
    ],
  },
}

/** Changes nothing, but whoever else changes the webhook waits from here on (of two that rotate, the second sees what the first did). */
const holdWebhook = (queries: Queries, id: string): Statement =>
  statement(
    queries
      .updateTable('webhooks')
      .set((eb) => ({ account: eb.ref('account') }))
      .where('id', '=', id),
    { none: missing('The webhook', id) },
  )

const insertSecret = (queries: Queries, webhook: string, secret: WebhookSecret): Statement =>
  statement(
    queries.insertInto('webhook_secrets').values({
      webhook,
      id: secret.id,
      secret: secret.secret,
      created_at: secret.createdAt,
      expires_at: secret.expiresAt,
    }),
    { duplicate: exists('The secret', secret.id), reference: missing('The webhook', webhook) },
  )
