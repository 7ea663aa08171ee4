import { z } from 'zod'
import { body, operation } from '../operation.ts'

const side = z
  .enum(['identity', 'session', 'resource'])
  .describe(
    "identity: attached to the principal. session: what a role's session was cut down to. resource: on the thing.",
  )

const statement = z.union([z.string(), z.int()]).describe('Its Sid, or its position in the document, counted from 0.')
const found = z.object({ side, policy: z.string().describe('The name by which it is found again.'), statement })

/** Characters of a whole context: conditions are compared with it while everybody else waits. */
const MAX_CONTEXT = 4_096

const text = (what: string) => z.string().min(1).max(2048).describe(what)

export const explainPolicy = operation({
  name: 'ExplainPolicy',
  summary: 'Tells whether somebody may do something, and which statement of which policy says so.',
  description:
    'Asked of the same authorizer as real requests, with the policies as they are now; what it is about need not exist yet. Needs the permission in the account of the principal and in the one that owns the resource; operators have it in all.',
  method: 'POST',
  path: '/api/policies/explain',
  input: {
    principal: body('principal', text('The ARN of a user, a role or a session of a role; or `anonymous`.')),
    action: body('action', text('`codeartifact:ReadFromRepository`, say.')),
    resource: body(
      'resource',
      text('An ARN, whose region may be left empty; or `*` for an action that is about no one thing.'),
    ),
    context: body(
      'context',
      z
        .record(
          z.string().min(1).max(256),
          z
            .string()
            .max(2048)
            .or(z.array(z.string().max(2048)).max(100)),
        )
        .refine(
          (context) => JSON.stringify(context).length <= MAX_CONTEXT,
          `must have at most ${MAX_CONTEXT} characters of JSON`,
        )
        .optional()
        .describe('What conditions look at besides who asks and when: `{"aws:SourceIp": "203.0.113.7"}`.'),
    ),
    sessionPolicy: body(
      'sessionPolicy',
      z
        .string()
        .min(1)
        .max(2048)
        .optional()
        .describe('The session policy that the role would be assumed with: JSON text.'),
    ),
  },
  output: z.object({
    allowed: z.boolean(),
    reason: z.string().describe('Goes after "because".'),
    decidedBy: found.nullable().describe('null: nothing says anything about it, so the answer is no.'),
    errors: z
      .array(found)
      .describe('Statements that could not be evaluated: these cannot allow, and where they deny, they deny.'),
    considered: z.array(found.omit({ statement: true })).describe('The policies that were looked at.'),
  }),
  action: 'granary:ExplainPolicy',
  resource: 'account',
  examples: [
    {
      title: 'May bob install from main?',
      input: {
        principal: 'arn:aws:iam::222233334444:user/bob',
        action: 'codeartifact:ReadFromRepository',
        resource: 'arn:aws:codeartifact:us-east-1:111122223333:repository/team/main',
      },
      output: {
        allowed: false,
        reason: 'no resource-based policy of the owning account allows it',
        decidedBy: null,
        errors: [],
        considered: [{ side: 'identity', policy: 'reader' }],
      },
    },
  ],
})
