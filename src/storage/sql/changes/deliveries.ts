import { sql } from 'kysely'
import { RegistryError } from '../../../registry/errors.ts'
import type { Instant } from '../../../registry/model.ts'
import type { DeliveryAttempt, DeliveryOutcome } from '../../../registry/webhooks.ts'
import { statement, type Refusals, type Statement } from '../executor.ts'
import type { Queries } from '../schema.ts'
import { writtenOnce } from '../written-once.ts'
import { conflict, exists, missing, type Plans } from './plan.ts'

/** Spelled out and no parameters: only then do the indexes of what is pending, or is not delivered, apply. */
export const PENDING = sql.lit<'pending'>('pending')
export const DELIVERED = sql.lit<'delivered'>('delivered')

export const deliveryChanges: Plans<
  'fan-out-event' | 'create-delivery' | 'record-delivery-attempt' | 'replay-delivery'
> = {
  'fan-out-event': {
    moves: 'none',
    statements: (queries, { event, deliveries, at }) => [
      eventMustExist(queries, event),
      statement(finishEvent(queries, { event }), {
        none: conflict(`The event ${event} was sent on its way already`, event),
      }),
      ...deliveries.map((delivery) =>
        insertDelivery(queries, { ...delivery, event, at, evenIfDisabled: false }, { reference: deletedMeanwhile }),
      ),
    ],
  },
  'create-delivery': {
    moves: 'none',
    statements: (queries, { id, webhook, event, at }) => [
      statement(queries.selectFrom('webhooks').select('id').where('id', '=', webhook), {
        none: missing('The webhook', webhook),
      }),
      eventMustExist(queries, event),
      insertDelivery(
        queries,
        { id, webhook, event, at, evenIfDisabled: true },
        {
          none: exists('The delivery', `of the event ${event} to the webhook ${webhook}`),
          reference: missing('The webhook', webhook),
        },
      ),
    ],
  },
  'record-delivery-attempt': {
    moves: 'none',
    statements: (queries, { attempt, outcome, leasedUntil }) => [
      statement(
        queries
          .updateTable('deliveries')
          .set((eb) => ({
            ...standingAfter(outcome),
            leased_until: null,
            attempts: eb('attempts', '+', 1),
            first_attempt_at: eb.fn.coalesce('first_attempt_at', eb.val(attempt.at)),
          }))
          .where('id', '=', attempt.delivery)
          .where('state', '=', PENDING)
          .where('leased_until', '=', leasedUntil),
        {
          none: conflict(`The delivery ${attempt.delivery} is no longer leased to who attempted it`, attempt.delivery),
        },
      ),
      insertAttempt(queries, attempt),
      noteHealth(queries, attempt),
    ],
  },
  'replay-delivery': {
    moves: 'none',
    statements: (queries, { id, at }) => [
      statement(queries.selectFrom('deliveries').select('id').where('id', '=', id), {
        none: missing('The delivery', id),
      }),
      statement(
        queries
          .updateTable('deliveries')
          .set({
            state: 'pending',
            reason: null,
            attempts: 0,
            first_attempt_at: null,
            due_at: at,
            leased_until: null,
          })
          .where('id', '=', id)
          .where('state', '<>', PENDING),
        { none: conflict(`The delivery ${id} is pending already`, id) },
      ),
    ],
  },
}

/** Ends all of the webhook's that are pending; whoever has leased one of them finds the lease gone. */
export const giveUpDeliveries = (queries: Queries, webhook: string, reason: string): Statement =>
  statement(
    queries
      .updateTable('deliveries')
      .set({ ...standingAfter({ state: 'dead', reason }), leased_until: null })
      .where('webhook', '=', webhook)
      .where('state', '=', PENDING),
  )

const standingAfter = (outcome: DeliveryOutcome) => ({
  state: outcome.state,
  reason: outcome.state === 'dead' ? outcome.reason : null,
  due_at: outcome.state === 'pending' ? outcome.dueAt : null,
})

// Each event runs these, though nobody may listen to it.

const selectEvent = writtenOnce((queries, { event }: { readonly event: string }) =>
  queries.selectFrom('events').select('id').where('id', '=', event),
)

const finishEvent = writtenOnce((queries, { event }: { readonly event: string }) =>
  queries.updateTable('events').set({ state: 'done' }).where('id', '=', event).where('state', '=', PENDING),
)

const eventMustExist = (queries: Queries, event: string): Statement =>
  statement(selectEvent(queries, { event }), { none: missing('The event', event) })

/** Between the two statements that look for the webhook. Trying again finds it gone. */
const deletedMeanwhile = () =>
  new RegistryError('busy', 'A webhook was deleted at the same moment; try again', { retryAfter: 1 })

/** Makes no row where the webhook is gone (or disabled, unless `evenIfDisabled`), or has a delivery of the event. */
function insertDelivery(
  queries: Queries,
  of: { id: string; webhook: string; event: string; at: Instant; evenIfDisabled: boolean; reason?: string },
  refusals: Refusals,
): Statement {
  const outcome = standingAfter(
    of.reason === undefined ? { state: 'pending', dueAt: of.at } : { state: 'dead', reason: of.reason },
  )
  const query = queries
    .insertInto('deliveries')
    .columns([
      'id',
      'webhook',
      'account',
      'event',
      'event_type',
      'position',
      'created_at',
      'state',
      'reason',
      'attempts',
      'due_at',
    ])
    .expression((eb) => {
      const source = eb
        .selectFrom(['webhooks', 'events'])
        .select((from) => [
          from.val(of.id).as('id'),
          'webhooks.id as webhook',
          'webhooks.account',
          'events.id as event',
          'events.type as event_type',
          'events.position',
          from.val(of.at).as('created_at'),
          from.val(outcome.state).as('state'),
          from.val(outcome.reason).as('reason'),
          from.lit(0).as('attempts'),
          from.val(outcome.due_at).as('due_at'),
        ])
        .where('webhooks.id', '=', of.webhook)
        .where('events.id', '=', of.event)
      return of.evenIfDisabled ? source : source.where('webhooks.disabled_at', 'is', null)
    })
    .onConflict((it) => it.columns(['webhook', 'event']).doNothing())
  return statement(query, refusals)
}

/** The delivery's row is held by the statement before, so no other attempt takes the number. */
const insertAttempt = (queries: Queries, attempt: Omit<DeliveryAttempt, 'number'>): Statement =>
  statement(
    queries.insertInto('delivery_attempts').values({
      delivery: attempt.delivery,
      number: queries
        .selectFrom('delivery_attempts')
        .select((eb) => eb(eb.fn.coalesce(eb.fn.max('number'), eb.lit(0)), '+', 1).as('next'))
        .where('delivery', '=', attempt.delivery),
      at: attempt.at,
      duration: attempt.duration,
      succeeded: attempt.succeeded ? 1 : 0,
      status: attempt.status,
      error: attempt.error && storable(attempt.error),
      response: attempt.response && storable(attempt.response),
    }),
  )

/** What the receiver says is text of any kind; U+0000 in it must not keep the attempt from being noted. */
const storable = (text: string): string => text.replaceAll('\0', '\uFFFD')

const noteHealth = (queries: Queries, { delivery, at, succeeded }: Omit<DeliveryAttempt, 'number'>): Statement =>
  statement(
    queries
      .updateTable('webhooks')
      .set({ failing_since: succeeded ? null : at })
      .where('failing_since', succeeded ? 'is not' : 'is', null)
      .where('id', '=', (eb) => eb.selectFrom('deliveries').select('webhook').where('deliveries.id', '=', delivery)),
  )
