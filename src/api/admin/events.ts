import { z } from 'zod'
import { operation, query, queryInteger } from '../operation.ts'
import { accountId, timestamp } from '../shapes.ts'

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

export const listEvents = operation({
  name: 'ListEvents',
  summary: 'Lists what happened, oldest first.',
  method: 'GET',
  path: '/api/events',
  input: {
    account: query('account', accountId.optional().describe('Whose events; the account of the caller if left out.')),
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
            id: '0b0c5a35-58d6-4f3b-9a8e-6a1b9d8d0c55',
            type: 'Domain Created',
            time: '2026-09-21T13:33:20.000Z',
            actor: 'arn:aws:iam::111122223333:user/bob',
            account: '111122223333',
            subject: 'domain/team',
            sequence: 1,
            detail: { domainName: 'team', actor: 'arn:aws:iam::111122223333:user/bob' },
          },
        ],
        next: null,
      },
    },
  ],
})
