import { z } from 'zod'
import { body, operation, path } from '../operation.ts'
import { accountId, description, timestamp } from '../shapes.ts'
import { inAccount } from './places.ts'

const DAY = 86_400

export const webhookId = z
  .string()
  .regex(/^wh_[A-Za-z0-9]{22}$/, 'must be the id of a webhook: wh_ and 22 letters or digits')
  .describe('The id of a webhook.')

const url = z
  .string()
  .min(1)
  .max(2000)
  .describe(
    'An http or https URL, without user name and fragment. It must lead to a public address, unless the operator ' +
      'lists it. The values of its query are never shown.',
  )

export const patternText = z
  .string()
  .max(4096)
  .describe('An EventBridge event pattern as JSON text, held against `data` of each event. Empty: every event.')

const headers = z
  .record(z.string().max(100), z.string().max(4096))
  .refine((given) => Object.keys(given).length <= 20, 'there may be 20')
  .describe('Headers to send besides, such as the Authorization that the receiver wants. Their values are never shown.')

const secretShown = z
  .string()
  .describe('The key that signs deliveries, as Standard Webhooks write it (`whsec_…`). It is not shown again.')

const webhook = z.object({
  id: webhookId,
  account: accountId,
  url: z.string().describe('Without the values of its query.'),
  headerNames: z.array(z.string()),
  pattern: z.string().nullable().describe('null: every event.'),
  description: z.string().nullable(),
  createdAt: timestamp,
  disabled: z
    .object({ at: timestamp, reason: z.string() })
    .nullable()
    .describe('When and why it was disabled; null while it is enabled.'),
  failingSince: timestamp
    .nullable()
    .describe('The first failure since something was last delivered to it; null while it works.'),
  secrets: z
    .array(z.object({ id: z.string(), createdAt: timestamp, expiresAt: timestamp.nullable() }))
    .describe('The keys that sign, newest first, without the keys.'),
})

export const ofWebhook = { ...inAccount, webhook: path('webhook', webhookId) }

export const EXAMPLE_ACCOUNT = '111122223333'
export const EXAMPLE_ID = 'wh_4Tz0xU7QvH2cLr9KpWn5Ys'
const EXAMPLE_PATTERN = '{"detail":{"repositoryName":["main"],"operationType":["Created"]}}'
const EXAMPLE_SECRET = { id: 'c6c1a4c2-3f8e-4a53-9a6e-4b4fd3e1f0a7', createdAt: '2026-09-21T13:33:20.000Z' }
const EXAMPLE = {
  id: EXAMPLE_ID,
  account: EXAMPLE_ACCOUNT,
  url: 'https://ci.example/hooks/rebuild?token=***',
  headerNames: ['Authorization'],
  pattern: EXAMPLE_PATTERN,
  description: 'Rebuild what depends on a new version',
  createdAt: '2026-09-21T13:33:20.000Z',
  disabled: null,
  failingSince: null,
  secrets: [{ ...EXAMPLE_SECRET, expiresAt: null }],
}
const EXAMPLE_INPUT = { account: EXAMPLE_ACCOUNT, webhook: EXAMPLE_ID }

export const createWebhook = operation({
  name: 'CreateWebhook',
  summary: 'Makes a webhook, which is sent the events of an account that its pattern matches.',
  description:
    'The answer has the key that signs deliveries; it is not shown again. An account has 100 webhooks at most.',
  method: 'POST',
  path: '/api/accounts/{account}/webhooks',
  input: {
    ...inAccount,
    url: body('url', url),
    pattern: body('pattern', patternText.optional()),
    description: body('description', description.optional()),
    headers: body('headers', headers.optional()),
  },
  output: webhook.extend({ secret: secretShown }),
  action: 'granary:CreateWebhook',
  resource: 'account',
  examples: [
    {
      title: 'New versions in one repository',
      input: {
        account: EXAMPLE_ACCOUNT,
        url: 'https://ci.example/hooks/rebuild?token=t0ps3cret',
        pattern: EXAMPLE_PATTERN,
        description: 'Rebuild what depends on a new version',
        headers: { Authorization: 'Bearer their-token' },
      },
      output: { ...EXAMPLE, secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD' },
    },
  ],
})

export const listWebhooks = operation({
  name: 'ListWebhooks',
  summary: 'Lists the webhooks of an account, oldest first.',
  method: 'GET',
  path: '/api/accounts/{account}/webhooks',
  input: inAccount,
  output: z.object({ webhooks: z.array(webhook) }),
  action: 'granary:ListWebhooks',
  resource: 'account',
  examples: [{ title: 'All of them', input: { account: EXAMPLE_ACCOUNT }, output: { webhooks: [EXAMPLE] } }],
})

export const describeWebhook = operation({
  name: 'DescribeWebhook',
  summary: 'Tells what is known of a webhook, but for what is secret.',
  method: 'GET',
  path: '/api/accounts/{account}/webhooks/{webhook}',
  input: ofWebhook,
  output: webhook,
  action: 'granary:ListWebhooks',
  resource: 'account',
  examples: [{ title: 'A webhook', input: EXAMPLE_INPUT, output: EXAMPLE }],
})

export const updateWebhook = operation({
  name: 'UpdateWebhook',
  summary: 'Changes what is given of a webhook and leaves the rest.',
  description:
    'An empty pattern means every event; an empty description and an empty object of headers take away what was there. ' +
    'Headers are replaced as a whole, and have to be given again with a URL of another origin.',
  method: 'PUT',
  path: '/api/accounts/{account}/webhooks/{webhook}',
  input: {
    ...ofWebhook,
    url: body('url', url.optional()),
    pattern: body('pattern', patternText.optional()),
    description: body('description', description.optional()),
    headers: body('headers', headers.optional()),
  },
  output: webhook,
  action: 'granary:UpdateWebhook',
  resource: 'account',
  examples: [{ title: 'Every event', input: { ...EXAMPLE_INPUT, pattern: '' }, output: { ...EXAMPLE, pattern: null } }],
})

export const deleteWebhook = operation({
  name: 'DeleteWebhook',
  summary: 'Deletes a webhook with its deliveries.',
  method: 'DELETE',
  path: '/api/accounts/{account}/webhooks/{webhook}',
  input: ofWebhook,
  output: z.object({}),
  action: 'granary:DeleteWebhook',
  resource: 'account',
  examples: [{ title: 'A webhook', input: EXAMPLE_INPUT, output: {} }],
})

export const enableWebhook = operation({
  name: 'EnableWebhook',
  summary: 'Enables a webhook that was disabled.',
  description: 'What was given up while it was disabled is sent only when it is replayed.',
  method: 'POST',
  path: '/api/accounts/{account}/webhooks/{webhook}/enable',
  input: ofWebhook,
  output: webhook,
  action: 'granary:UpdateWebhook',
  resource: 'account',
  examples: [{ title: 'A webhook', input: EXAMPLE_INPUT, output: EXAMPLE }],
})

export const disableWebhook = operation({
  name: 'DisableWebhook',
  summary: 'Disables a webhook: nothing is sent to it, and what is pending is given up.',
  method: 'POST',
  path: '/api/accounts/{account}/webhooks/{webhook}/disable',
  input: { ...ofWebhook, reason: body('reason', description.optional()) },
  output: webhook,
  action: 'granary:UpdateWebhook',
  resource: 'account',
  examples: [
    {
      title: 'While the receiver moves',
      input: { ...EXAMPLE_INPUT, reason: 'CI moves to another machine' },
      output: { ...EXAMPLE, disabled: { at: '2026-09-22T08:00:00.000Z', reason: 'CI moves to another machine' } },
    },
  ],
})

export const rotateWebhookSecret = operation({
  name: 'RotateWebhookSecret',
  summary: 'Gives a webhook a new signing key; those that it has go on signing beside it for a while.',
  method: 'POST',
  path: '/api/accounts/{account}/webhooks/{webhook}/rotate-secret',
  input: {
    ...ofWebhook,
    overlap: body(
      'overlap',
      z
        .int()
        .min(0)
        .max(7 * DAY)
        .default(DAY)
        .describe('Seconds for which the other keys go on signing; 0 ends them at once. A day if left out.'),
    ),
  },
  output: webhook.extend({ secret: secretShown }),
  action: 'granary:UpdateWebhook',
  resource: 'account',
  examples: [
    {
      title: 'At once, because the old key leaked',
      input: { ...EXAMPLE_INPUT, overlap: 0 },
      output: { ...EXAMPLE, secret: 'whsec_nFQz4TJ5iV1JfhYw0dZkYwT5v6pOeZ1m' },
    },
  ],
})

export const testWebhook = operation({
  name: 'TestWebhook',
  summary: 'Sends a webhook an event `Webhook Tested`, whatever its pattern says; ten times a minute at most.',
  description:
    'Others whose pattern matches are sent the event, too. How the sending went is told by DescribeDelivery.',
  method: 'POST',
  path: '/api/accounts/{account}/webhooks/{webhook}/test',
  input: ofWebhook,
  output: z.object({ event: z.uuid(), delivery: z.uuid() }),
  action: 'granary:TestWebhook',
  resource: 'account',
  examples: [
    {
      title: 'A webhook',
      input: EXAMPLE_INPUT,
      output: { event: '6a6e2b9e-6fd0-4f6e-8d5c-8d0f3a8a7f11', delivery: 'f0b7c0de-8d1c-4a52-b7a3-94d1f8f1d6a0' },
    },
  ],
})
