import type { Selectable } from 'kysely'
import { RegistryError } from '../../../registry/errors.ts'
import type { Instant } from '../../../registry/model.ts'
import type { WebhookReads } from '../../../registry/ports.ts'
import type { Delivery, DeliveryAttempt, Webhook } from '../../../registry/webhooks.ts'
import { DELIVERED } from '../changes/deliveries.ts'
import type { Database } from '../schema.ts'
import type { Source } from './source.ts'

type WebhookQuery = ReturnType<typeof selectWebhooks>

export function webhookReads(source: Source): WebhookReads {
  const { executor, queries } = source
  return {
    findWebhook: async (id) => (await readWebhooks(source, (query) => query.where('webhooks.id', '=', id)))[0],
    listWebhooks: (account) =>
      readWebhooks(source, (query) => (account === undefined ? query : query.where('webhooks.account', '=', account))),
    async findDelivery(id) {
      const [row] = await executor.all(queries.selectFrom('deliveries').selectAll().where('id', '=', id).compile())
      return row && deliveryOf(row)
    },
    listDeliveries: (filter) => listDeliveries(source, filter),
    async listDeliveryAttempts(delivery) {
      const rows = await executor.all(
        queries
          .selectFrom('delivery_attempts')
          .selectAll()
          .where('delivery', '=', delivery)
          .orderBy('number')
          .compile(),
      )
      return rows.map(attemptOf)
    },
  }
}

/** In one statement: a webhook that is found has its secrets, also while it is made or deleted. */
const selectWebhooks = ({ queries }: Source) =>
  queries
    .selectFrom('webhooks')
    .leftJoin('webhook_secrets', 'webhook_secrets.webhook', 'webhooks.id')
    .selectAll('webhooks')
    .select([
      'webhook_secrets.id as secret_id',
      'webhook_secrets.secret',
      'webhook_secrets.created_at as secret_created_at',
      'webhook_secrets.expires_at',
    ])
    .orderBy('webhooks.created_at')
    .orderBy('webhooks.id')
    .orderBy('webhook_secrets.created_at', 'desc')
    // Of two of the same millisecond, the one that the other replaced expires.
    .orderBy('webhook_secrets.expires_at', (order) => order.desc().nullsFirst())
    .orderBy('webhook_secrets.id')

async function readWebhooks(
  source: Source,
  narrow: (query: WebhookQuery) => WebhookQuery,
): Promise<readonly Webhook[]> {
  const rows = await source.executor.all(narrow(selectWebhooks(source)).compile())
  return [...Map.groupBy(rows, (row) => row.id).values()].flatMap((ofOne) => {
    const [row] = ofOne
    if (!row) return []
    const secrets = ofOne.flatMap(({ secret_id, secret, secret_created_at, expires_at }) =>
      secret_id === null || secret === null || secret_created_at === null
        ? []
        : [{ id: secret_id, secret, createdAt: secret_created_at, expiresAt: expires_at }],
    )
    return [{ ...webhookOf(row), secrets }]
  })
}

async function listDeliveries(
  { executor, queries }: Source,
  { account, webhook, event, state, since, limit, after }: Parameters<WebhookReads['listDeliveries']>[0],
) {
  let query = queries
    .selectFrom('deliveries')
    .selectAll()
    .where('account', '=', account)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
  if (webhook !== undefined) query = query.where('webhook', '=', webhook)
  if (event !== undefined) query = query.where('event', '=', event)
  if (state !== undefined) query = query.where('state', '=', state)
  // Says no more than the line before; but few are not delivered, and they have an index.
  if (state !== undefined && state !== 'delivered') query = query.where('state', '<>', DELIVERED)
  if (since !== undefined) query = query.where('created_at', '>=', since)
  if (after !== undefined) {
    const position = parsePosition(after)
    query = query.where((eb) => eb(eb.refTuple('created_at', 'id'), '<', eb.tuple(...position)))
  }
  const rows = await executor.all(query.compile())
  const items = rows.slice(0, limit).map(deliveryOf)
  const last = items.at(-1)
  return { items, next: rows.length > limit && last ? `${last.createdAt}/${last.id}` : null }
}

/** Where a page ended: `<createdAt>/<id>`. */
function parsePosition(after: string): [Instant, string] {
  const [, createdAt, id] = /^([0-9]{1,15})\/(.+)$/s.exec(after) ?? []
  if (createdAt === undefined || id === undefined)
    throw new RegistryError('invalid', 'The token for the next page was not made here')
  return [Number(createdAt), id]
}

const webhookOf = (row: Selectable<Database['webhooks']>): Omit<Webhook, 'secrets'> => ({
  id: row.id,
  account: row.account,
  url: row.url,
  shownUrl: row.shown_url,
  headers: row.headers,
  pattern: row.pattern,
  description: row.description,
  createdAt: row.created_at,
  disabled:
    row.disabled_at === null || row.disabled_reason === null
      ? null
      : { at: row.disabled_at, reason: row.disabled_reason },
  failingSince: row.failing_since,
})

export const deliveryOf = (row: Selectable<Database['deliveries']>): Delivery => ({
  id: row.id,
  webhook: row.webhook,
  account: row.account,
  event: row.event,
  eventType: row.event_type,
  createdAt: row.created_at,
  state: row.state,
  reason: row.reason,
  attempts: row.attempts,
  firstAttemptAt: row.first_attempt_at,
  dueAt: row.due_at,
})

const attemptOf = (row: Selectable<Database['delivery_attempts']>): DeliveryAttempt => ({
  delivery: row.delivery,
  number: row.number,
  at: row.at,
  duration: row.duration,
  succeeded: row.succeeded === 1,
  status: row.status,
  error: row.error,
  response: row.response,
})
