import { z } from 'zod'
import { operation, query, queryInteger } from '../operation.ts'
import { accountId, domainName, epochSeconds } from '../shapes.ts'

const MIN_SECONDS = 15 * 60
const MAX_SECONDS = 12 * 60 * 60

export const getAuthorizationToken = operation({
  name: 'GetAuthorizationToken',
  summary: 'Makes a token with which package managers reach the repositories of a domain.',
  description:
    'It says who is calling and grants nothing by itself: rights are evaluated at each request. Needs `sts:GetServiceBearerToken` besides its own action, and a signed request: a token does not make tokens.',
  method: 'POST',
  path: '/v1/authorization-token',
  input: {
    domain: query('domain', domainName),
    domainOwner: query('domain-owner', accountId.optional()),
    duration: queryInteger(
      'duration',
      z
        .int()
        .refine((seconds) => seconds === 0 || (seconds >= MIN_SECONDS && seconds <= MAX_SECONDS), {
          error: `must be 0, or between ${MIN_SECONDS} and ${MAX_SECONDS}`,
        })
        .optional()
        .describe(
          `Seconds until it expires: ${MIN_SECONDS} to ${MAX_SECONDS}, which is also the default; 0 lets it expire with the credentials of the caller, if these expire.`,
        ),
    ),
  },
  output: z.object({ authorizationToken: z.string(), expiration: epochSeconds }),
  action: 'codeartifact:GetAuthorizationToken',
  resource: 'domain',
  examples: [
    {
      title: 'For an hour',
      input: { domain: 'team', duration: 3600 },
      output: { authorizationToken: 'eyJ…', expiration: 1790003600 },
    },
  ],
})
