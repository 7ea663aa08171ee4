import { z } from 'zod'
import { body, operation, query } from '../operation.ts'
import { accountId, domainName, repositoryName } from '../shapes.ts'

const policyDocument = z
  .string()
  .min(1)
  .max(7168)
  .describe(
    'An IAM policy document as JSON text; its Principal says whom it is about. Its resource `*` is what it is put on, with all that is in it.',
  )

const policyRevision = z
  .string()
  .min(1)
  .max(100)
  .regex(/^\S+$/, 'may have no white space')
  .optional()
  .describe('What the policy was when it was last read: if it is another one by now, nothing is done.')

const policy = z.object({
  resourceArn: z.string().describe('What the policy stands on.'),
  revision: z.string().describe('Changes with each change of the policy.'),
  document: z
    .string()
    .describe('The policy as it was put. Users and roles that were deleted since are named by their unique ids.'),
})

const inDomain = { domain: query('domain', domainName), domainOwner: query('domain-owner', accountId.optional()) }
const inRepository = { ...inDomain, repository: query('repository', repositoryName) }
// Its own members travel in the query for a repository, and in the body for a domain: so does CodeArtifact have it.
const revisionInQuery = { policyRevision: query('policy-revision', policyRevision) }
const inBody = {
  policyRevision: body('policyRevision', policyRevision),
  policyDocument: body('policyDocument', policyDocument),
}

const ON_DOMAIN =
  'The policy counts for the domain and for all its repositories and packages. A domain has one at most.'
const ON_REPOSITORY = 'The policy counts for the repository and its packages. A repository has one at most.'
const OWNERS_RIGHT =
  'Only policies of users and roles decide who may do this, never the policy itself: its owner can always replace it.'

const EXAMPLE_DOCUMENT =
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"222233334444"},"Action":"codeartifact:ReadFromRepository","Resource":"*"}]}'
const REVISION = '6f1f3e0e-59a5-4b4e-9c36-4b8d5a3f0a11'
const DOMAIN_POLICY = {
  resourceArn: 'arn:aws:codeartifact:us-east-1:111122223333:domain/team',
  revision: REVISION,
  document: EXAMPLE_DOCUMENT,
}
const REPOSITORY_POLICY = {
  ...DOMAIN_POLICY,
  resourceArn: 'arn:aws:codeartifact:us-east-1:111122223333:repository/team/main',
}

export const putDomainPermissionsPolicy = operation({
  name: 'PutDomainPermissionsPolicy',
  summary: 'Puts a policy on a domain, in place of the one that it had.',
  description: `${ON_DOMAIN} ${OWNERS_RIGHT} A document that stands there already keeps its revision.`,
  method: 'PUT',
  path: '/v1/domain/permissions/policy',
  input: {
    domain: body('domain', domainName),
    domainOwner: body('domainOwner', accountId.optional()),
    ...inBody,
  },
  output: z.object({ policy }),
  action: 'codeartifact:PutDomainPermissionsPolicy',
  resource: 'domain',
  ignoresResourcePolicies: true,
  examples: [
    {
      title: 'Another account may read all repositories',
      input: { domain: 'team', policyDocument: EXAMPLE_DOCUMENT },
      output: { policy: DOMAIN_POLICY },
    },
  ],
})

export const getDomainPermissionsPolicy = operation({
  name: 'GetDomainPermissionsPolicy',
  summary: 'Shows the policy of a domain.',
  method: 'GET',
  path: '/v1/domain/permissions/policy',
  input: inDomain,
  output: z.object({ policy }),
  action: 'codeartifact:GetDomainPermissionsPolicy',
  resource: 'domain',
  examples: [{ title: 'A domain of the own account', input: { domain: 'team' }, output: { policy: DOMAIN_POLICY } }],
})

export const deleteDomainPermissionsPolicy = operation({
  name: 'DeleteDomainPermissionsPolicy',
  summary: 'Takes the policy from a domain.',
  description: OWNERS_RIGHT,
  method: 'DELETE',
  path: '/v1/domain/permissions/policy',
  input: { ...inDomain, ...revisionInQuery },
  output: z.object({ policy }),
  action: 'codeartifact:DeleteDomainPermissionsPolicy',
  resource: 'domain',
  ignoresResourcePolicies: true,
  examples: [
    {
      title: 'Unless somebody changed it',
      input: { domain: 'team', policyRevision: REVISION },
      output: { policy: DOMAIN_POLICY },
    },
  ],
})

export const putRepositoryPermissionsPolicy = operation({
  name: 'PutRepositoryPermissionsPolicy',
  summary: 'Puts a policy on a repository, in place of the one that it had.',
  description: `${ON_REPOSITORY} ${OWNERS_RIGHT} A document that stands there already keeps its revision.`,
  method: 'PUT',
  path: '/v1/repository/permissions/policy',
  input: { ...inRepository, ...inBody },
  output: z.object({ policy }),
  action: 'codeartifact:PutRepositoryPermissionsPolicy',
  resource: 'repository',
  ignoresResourcePolicies: true,
  examples: [
    {
      title: 'Another account may read it',
      input: { domain: 'team', repository: 'main', policyDocument: EXAMPLE_DOCUMENT },
      output: { policy: REPOSITORY_POLICY },
    },
  ],
})

export const getRepositoryPermissionsPolicy = operation({
  name: 'GetRepositoryPermissionsPolicy',
  summary: 'Shows the policy of a repository.',
  method: 'GET',
  path: '/v1/repository/permissions/policy',
  input: inRepository,
  output: z.object({ policy }),
  action: 'codeartifact:GetRepositoryPermissionsPolicy',
  resource: 'repository',
  examples: [
    { title: 'A repository', input: { domain: 'team', repository: 'main' }, output: { policy: REPOSITORY_POLICY } },
  ],
})

export const deleteRepositoryPermissionsPolicy = operation({
  name: 'DeleteRepositoryPermissionsPolicy',
  summary: 'Takes the policy from a repository.',
  description: OWNERS_RIGHT,
  method: 'DELETE',
  // Plural here, and here only: so does CodeArtifact have it.
  path: '/v1/repository/permissions/policies',
  input: { ...inRepository, ...revisionInQuery },
  output: z.object({ policy }),
  action: 'codeartifact:DeleteRepositoryPermissionsPolicy',
  resource: 'repository',
  ignoresResourcePolicies: true,
  examples: [
    { title: 'A repository', input: { domain: 'team', repository: 'main' }, output: { policy: REPOSITORY_POLICY } },
  ],
})
