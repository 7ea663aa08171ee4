import { z } from 'zod'
import { body, operation, query, queryInteger } from '../operation.ts'
import { accountId, domainName, epochSeconds, maxResults, nextToken, noTags, repositoryName } from '../shapes.ts'
import { repositorySummary } from './repositories.ts'

const domainSummary = z.object({
  name: domainName,
  owner: accountId,
  arn: z.string(),
  status: z.enum(['Active', 'Deleted']),
  createdTime: epochSeconds,
})
const domainDescription = domainSummary.extend({ repositoryCount: z.int() })

const EXAMPLE_SUMMARY = {
  name: 'team',
  owner: '111122223333',
  arn: 'arn:aws:codeartifact:us-east-1:111122223333:domain/team',
  status: 'Active',
  createdTime: 1790000000.25,
} as const
const EXAMPLE = { ...EXAMPLE_SUMMARY, repositoryCount: 0 } as const

export const createDomain = operation({
  name: 'CreateDomain',
  summary: 'Makes a domain, owned by the account of the caller.',
  method: 'POST',
  path: '/v1/domain',
  input: {
    domain: query('domain', domainName),
    encryptionKey: body('encryptionKey', z.undefined('encryption keys are not supported').optional()),
    tags: body('tags', noTags),
  },
  output: z.object({ domain: domainDescription }),
  action: 'codeartifact:CreateDomain',
  resource: 'new-domain',
  examples: [{ title: 'A domain for a team', input: { domain: 'team' }, output: { domain: EXAMPLE } }],
})

export const describeDomain = operation({
  name: 'DescribeDomain',
  summary: 'Tells about one domain.',
  method: 'GET',
  path: '/v1/domain',
  input: { domain: query('domain', domainName), domainOwner: query('domain-owner', accountId.optional()) },
  output: z.object({ domain: domainDescription }),
  action: 'codeartifact:DescribeDomain',
  resource: 'domain',
  examples: [{ title: 'A domain of the own account', input: { domain: 'team' }, output: { domain: EXAMPLE } }],
})

export const deleteDomain = operation({
  name: 'DeleteDomain',
  summary: 'Deletes a domain that has no repositories.',
  method: 'DELETE',
  path: '/v1/domain',
  input: { domain: query('domain', domainName), domainOwner: query('domain-owner', accountId.optional()) },
  output: z.object({ domain: domainDescription }),
  action: 'codeartifact:DeleteDomain',
  resource: 'domain',
  examples: [
    { title: 'An empty domain', input: { domain: 'team' }, output: { domain: { ...EXAMPLE, status: 'Deleted' } } },
  ],
})

export const listDomains = operation({
  name: 'ListDomains',
  summary: 'Lists the domains that the account of the caller owns.',
  method: 'POST',
  path: '/v1/domains',
  // The one listing whose page travels in the body.
  input: { maxResults: body('maxResults', maxResults), nextToken: body('nextToken', nextToken) },
  output: z.object({ domains: z.array(domainSummary), nextToken: z.string().optional() }),
  action: 'codeartifact:ListDomains',
  resource: 'caller',
  examples: [{ title: 'All domains', input: {}, output: { domains: [EXAMPLE_SUMMARY] } }],
})

export const listRepositoriesInDomain = operation({
  name: 'ListRepositoriesInDomain',
  summary: 'Lists the repositories of a domain.',
  method: 'POST',
  path: '/v1/domain/repositories',
  input: {
    domain: query('domain', domainName),
    domainOwner: query('domain-owner', accountId.optional()),
    administratorAccount: query('administrator-account', accountId.optional()),
    repositoryPrefix: query('repository-prefix', repositoryName.or(z.string().length(1)).optional()),
    maxResults: queryInteger('max-results', maxResults),
    nextToken: query('next-token', nextToken),
  },
  output: z.object({ repositories: z.array(repositorySummary), nextToken: z.string().optional() }),
  action: 'codeartifact:ListRepositoriesInDomain',
  resource: 'domain',
  examples: [{ title: 'A domain without repositories', input: { domain: 'team' }, output: { repositories: [] } }],
})
