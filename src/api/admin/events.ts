import { z } from 'zod'
import { body, operation, path, query, queryInteger } from '../operation.ts'
import { accountId, timestamp } from '../shapes.ts'
import { patternText } from './webhooks.ts'

const event = z.object({
  id: z.string(),
  type: z.string(),
  time: timestamp,
  actor: z.string().describe('The ARN of who did it; `granary:system` for what the server did by itself.'),
  account: accountId.nullable(),
  subject: z.string().describe('What `sequence` counts along.'),
  sequence: z.int(),
  detail: z.record(z.string(), z.unknown()),
})

const ofAccount = query(
  'account',
  accountId.optional().describe('Whose events; the account of the caller if left out.'),
)
const eventId = z.uuid('must be the id of an event: a UUID').describe('The id of an event.')

const EXAMPLE_ID = '0b0c5a35-58d6-4f3b-9a8e-6a1b9d8d0c55'
const EXAMPLE_TIME = '2026-09-21T13:33:20.000Z'
const EXAMPLE_ACTOR = 'arn:aws:iam::111122223333:user/bob'

export const listEvents = operation({
  name: 'ListEvents',
  summary: 'Lists what happened, oldest first.',
  method: 'GET',
  path: '/api/events',
  input: {
    account: ofAccount,
    after: query('after', z.string().min(1).max(2000).optional().describe('`next` of the page before.')),
    limit: queryInteger('limit', z.int().min(1).max(1000).optional().describe('100 if left out.')),
  },
  output: z.object({
    events: z.array(event),
    next: z.string().nullable().describe('Where the next page begins; null where there is none.'),
  }),
  action: 'granary:ListEvents',
  resource: 'account',
  examples: [
    {
      title: 'From the beginning',
      input: { limit: 10 },
      output: {
        events: [
          {
            id: EXAMPLE_ID,
            type: 'Domain Created',
            time: EXAMPLE_TIME,
            actor: EXAMPLE_ACTOR,
            account: '111122223333',
            subject: 'domain/team',
            sequence: 1,
            detail: { domainName: 'team', actor: EXAMPLE_ACTOR },
          },
        ],
        next: null,
      },
    },
  ],
})

const EXAMPLE_DATA = {
  version: '0',
  id: EXAMPLE_ID,
  'detail-type': 'Domain Created',
  source: 'granary',
  account: '111122223333',
  time: '2026-09-21T13:33:20Z',
  region: 'us-east-1',
  resources: ['arn:aws:codeartifact:us-east-1:111122223333:domain/team'],
  detail: { domainName: 'team', actor: EXAMPLE_ACTOR, sequenceNumber: 1, eventDeduplicationId: EXAMPLE_ID },
}
const data = z
  .record(z.string(), z.unknown())
  .describe('`data` of what webhooks are sent: an event as receivers and patterns see it.')

export const describeEvent = operation({
  name: 'DescribeEvent',
  summary: 'Tells what webhooks are sent of an event, which is what patterns are held against.',
  method: 'GET',
  path: '/api/events/{event}',
  input: { account: ofAccount, event: path('event', eventId) },
  output: z.object({ data }),
  action: 'granary:ListEvents',
  resource: 'account',
  examples: [{ title: 'An event', input: { event: EXAMPLE_ID }, output: { data: EXAMPLE_DATA } }],
})

export const testEventPattern = operation({
  name: 'TestEventPattern',
  summary: 'Tells whether a pattern matches an event that happened, or one that is given.',
  method: 'POST',
  path: '/api/event-patterns/test',
  input: {
    account: ofAccount,
    pattern: body('pattern', patternText),
    event: body('event', eventId.optional().describe('The id of an event of the account. Either this or `data`.')),
    data: body('data', data.optional()),
  },
  output: z.object({ matches: z.boolean() }),
  action: 'granary:ListEvents',
  resource: 'account',
  examples: [
    {
      title: 'An event that is given',
      input: { pattern: '{"detail":{"domainName":[{"prefix":"te"}]}}', data: EXAMPLE_DATA },
      output: { matches: true },
    },
  ],
})
