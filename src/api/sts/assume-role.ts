import { z } from 'zod'

// Parameters of STS as its Query protocol carries them: text, all of it. Patterns and lengths are those of STS's service model.

export const STS_VERSION = '2011-06-15'

const MIN_SESSION_SECONDS = 900
const DEFAULT_SESSION_SECONDS = 3_600
/** Of a role that was assumed by another role's session. */
export const MAX_CHAINED_SECONDS = 3_600
/** Characters of a session policy. */
export const MAX_SESSION_POLICY = 2_048

export const assumeRoleInput = z.strictObject({
  RoleArn: z
    .string()
    .regex(
      /^arn:aws:iam::[0-9]{12}:role\/[\w+=,.@-]{1,64}$/,
      'must be the ARN of a role: arn:aws:iam::ACCOUNT:role/NAME',
    ),
  RoleSessionName: z.string().regex(/^[\w+=,.@-]{2,64}$/, 'must be 2 to 64 letters, digits and _+=,.@-'),
  DurationSeconds: z
    .string()
    .regex(/^[0-9]{1,9}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(MIN_SESSION_SECONDS, `must be at least ${MIN_SESSION_SECONDS}`))
    .default(DEFAULT_SESSION_SECONDS),
  Policy: z
    .string()
    .min(1, 'must not be empty')
    .max(MAX_SESSION_POLICY, `must have at most ${MAX_SESSION_POLICY} characters`)
    .regex(/^[\t\n\r\u0020-\u00FF]+$/, 'must consist of characters up to U+00FF')
    .optional(),
  ExternalId: z
    .string()
    .regex(/^[\w+=,.@:/-]{2,1224}$/, 'must be 2 to 1224 letters, digits and _+=,.@:/-')
    .optional(),
})

export type AssumeRoleInput = z.output<typeof assumeRoleInput>

/** What STS knows and this server does not. Each could narrow what a session may do, or is what somebody relies on: none is ignored. */
export const UNSUPPORTED_PARAMETERS: Readonly<Record<string, string>> = {
  PolicyArns: 'there are no managed policies here: give the document itself as Policy',
  Tags: 'sessions have no tags here',
  TransitiveTagKeys: 'sessions have no tags here',
  SerialNumber: 'there is no multi-factor authentication here',
  TokenCode: 'there is no multi-factor authentication here',
  SourceIdentity: 'sessions have no source identity here: events and logs name the role and its session',
  ProvidedContexts: 'sessions take no contexts here',
}
