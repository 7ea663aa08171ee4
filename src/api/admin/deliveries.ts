import { z } from 'zod'
import { body, operation, path, query, queryInteger } from '../operation.ts'
import { timestamp } from '../shapes.ts'
import { inAccount } from './places.ts'
import { EXAMPLE_ACCOUNT, EXAMPLE_ID, ofWebhook, webhookId } from './webhooks.ts'

const deliveryId = z.uuid('must be the id of a delivery: a UUID').describe('The id of a delivery.')
const state = z.enum(['pending', 'delivered', 'dead']).describe('dead: given up, for good unless it is replayed.')

const delivery = z.object({
  id: deliveryId,
  webhook: webhookId,
  event: z.string().describe("The event's id, which every attempt carries as `webhook-id`."),
  eventType: z.string(),
  createdAt: timestamp,
  state,
  reason: z.string().nullable().describe('Why it is dead; null otherwise.'),
  attempts: z.int().describe('Attempts since it was made or last replayed.'),
  firstAttemptAt: timestamp.nullable(),
  dueAt: timestamp.nullable().describe('When the next attempt is due; null unless pending.'),
})

const attempt = z.object({
  number: z.int(),
  at: timestamp,
  duration: z.number().describe('Milliseconds.'),
  succeeded: z.boolean(),
  status: z.int().nullable().describe('What the receiver answered; null where it did not.'),
  error: z.string().nullable(),
  response: z.string().nullable().describe("The beginning of the answer's body. It is whatever the receiver sent."),
})

const ofDelivery = { ...inAccount, delivery: path('delivery', deliveryId) }
const after = z.string().min(1).max(2000).optional().describe('`next` of the page before.')
const next = z.string().nullable().describe('Where the next page begins; null where there is none.')

const EXAMPLE_DELIVERY_ID = 'f0b7c0de-8d1c-4a52-b7a3-94d1f8f1d6a0'
const EXAMPLE = {
  id: EXAMPLE_DELIVERY_ID,
  webhook: EXAMPLE_ID,
  event: '6a6e2b9e-6fd0-4f6e-8d5c-8d0f3a8a7f11',
  eventType: 'CodeArtifact Package Version State Change',
  createdAt: '2026-09-21T13:33:20.000Z',
  state: 'dead',
  reason: 'it was tried 11 times within 24 hours; the last time the receiver answered 500',
  attempts: 11,
  firstAttemptAt: '2026-09-21T13:33:20.000Z',
  dueAt: null,
} as const
const EXAMPLE_AGAIN = {
  ...EXAMPLE,
  state: 'pending',
  reason: null,
  attempts: 0,
  firstAttemptAt: null,
  dueAt: '2026-09-25T08:00:00.000Z',
} as const
const EXAMPLE_INPUT = { account: EXAMPLE_ACCOUNT, delivery: EXAMPLE_DELIVERY_ID }

export const listDeliveries = operation({
  name: 'ListDeliveries',
  summary: 'Lists the deliveries of an account, newest first.',
  method: 'GET',
  path: '/api/accounts/{account}/deliveries',
  input: {
    ...inAccount,
    webhook: query('webhook', webhookId.optional()),
    event: query('event', z.string().min(1).max(100).optional().describe('The id of an event.')),
    state: query('state', state.optional()),
    since: query('since', timestamp.optional().describe('Only what was made at this moment or later.')),
    after: query('after', after),
    limit: queryInteger('limit', z.int().min(1).max(1000).optional().describe('100 if left out.')),
  },
  output: z.object({ deliveries: z.array(delivery), next }),
  action: 'granary:ListDeliveries',
  resource: 'account',
  examples: [
    {
      title: 'What was given up',
      input: { account: EXAMPLE_ACCOUNT, state: 'dead' },
      output: { deliveries: [EXAMPLE], next: null },
    },
  ],
})

export const describeDelivery = operation({
  name: 'DescribeDelivery',
  summary: 'Tells of a delivery and of every attempt to send it.',
  method: 'GET',
  path: '/api/accounts/{account}/deliveries/{delivery}',
  input: ofDelivery,
  output: delivery.extend({ history: z.array(attempt).describe('Oldest first, over all replays.') }),
  action: 'granary:ListDeliveries',
  resource: 'account',
  examples: [
    {
      title: 'A delivery that failed',
      input: EXAMPLE_INPUT,
      output: {
        ...EXAMPLE,
        history: [
          {
            number: 1,
            at: '2026-09-21T13:33:20.000Z',
            duration: 31,
            succeeded: false,
            status: 500,
            error: 'the receiver answered 500',
            response: 'Internal Server Error',
          },
        ],
      },
    },
  ],
})

export const replayDelivery = operation({
  name: 'ReplayDelivery',
  summary: 'Sends a delivery again that was given up or delivered, with a full measure of retries.',
  description: 'It carries the same event under the same id. One that is pending is refused: it is on its way already.',
  method: 'POST',
  path: '/api/accounts/{account}/deliveries/{delivery}/replay',
  input: ofDelivery,
  output: delivery,
  action: 'granary:ReplayDeliveries',
  resource: 'account',
  examples: [{ title: 'A delivery', input: EXAMPLE_INPUT, output: EXAMPLE_AGAIN }],
})

export const replayDeliveries = operation({
  name: 'ReplayDeliveries',
  summary: "Sends a webhook's dead deliveries again, or all that are not pending since a moment.",
  description:
    'A call looks at 500 deliveries at most, newest first. Where `next` is not null there are more: give it as `after`.',
  method: 'POST',
  path: '/api/accounts/{account}/webhooks/{webhook}/replay',
  input: {
    ...ofWebhook,
    since: body('since', timestamp.optional().describe('Only what was made at this moment or later.')),
    state: body(
      'state',
      z
        .enum(['dead', 'delivered'])
        .optional()
        .describe('Only these. Left out: `dead`, or both where `since` is given. `delivered` needs `since`.'),
    ),
    after: body('after', after),
  },
  output: z.object({ replayed: z.int().describe('How many are due again.'), next }),
  action: 'granary:ReplayDeliveries',
  resource: 'account',
  examples: [
    {
      title: 'What was given up',
      input: { account: EXAMPLE_ACCOUNT, webhook: EXAMPLE_ID },
      output: { replayed: 12, next: null },
    },
  ],
})
