import { z } from 'zod'
import { body, operation, query, queryInteger } from '../operation.ts'
import {
  accountId,
  connectionName,
  description,
  domainName,
  epochSeconds,
  format,
  maxResults,
  nextToken,
  noTags,
  repositoryName,
} from '../shapes.ts'

export const repositorySummary = z.object({
  name: repositoryName,
  administratorAccount: accountId,
  domainName,
  domainOwner: accountId,
  arn: z.string(),
  description: description.optional(),
  createdTime: epochSeconds,
})

const repositoryDescription = repositorySummary.extend({
  upstreams: z.array(z.object({ repositoryName })),
  externalConnections: z.array(
    z.object({ externalConnectionName: connectionName, packageFormat: format, status: z.literal('Available') }),
  ),
})

const upstreams = z
  .array(z.object({ repositoryName }))
  .optional()
  .describe('Repositories of the same domain that are searched next, in this order.')

const inDomain = { domain: query('domain', domainName), domainOwner: query('domain-owner', accountId.optional()) }
const inRepository = { ...inDomain, repository: query('repository', repositoryName) }

const EXAMPLE = {
  name: 'main',
  administratorAccount: '111122223333',
  domainName: 'team',
  domainOwner: '111122223333',
  arn: 'arn:aws:codeartifact:us-east-1:111122223333:repository/team/main',
  createdTime: 1790000000.25,
  upstreams: [{ repositoryName: 'npm-store' }],
  externalConnections: [],
}

export const createRepository = operation({
  name: 'CreateRepository',
  summary: 'Makes a repository in a domain.',
  method: 'POST',
  path: '/v1/repository',
  input: {
    ...inRepository,
    description: body('description', description.optional()),
    upstreams: body('upstreams', upstreams),
    tags: body('tags', noTags),
  },
  output: z.object({ repository: repositoryDescription }),
  action: 'codeartifact:CreateRepository',
  resource: 'new-repository',
  examples: [
    {
      title: 'A repository that also offers what another one has',
      input: { domain: 'team', repository: 'main', upstreams: [{ repositoryName: 'npm-store' }] },
      output: { repository: EXAMPLE },
    },
  ],
})

export const describeRepository = operation({
  name: 'DescribeRepository',
  summary: 'Tells about one repository.',
  method: 'GET',
  path: '/v1/repository',
  input: inRepository,
  output: z.object({ repository: repositoryDescription }),
  action: 'codeartifact:DescribeRepository',
  resource: 'repository',
  examples: [{ title: 'A repository', input: { domain: 'team', repository: 'main' }, output: { repository: EXAMPLE } }],
})

export const updateRepository = operation({
  name: 'UpdateRepository',
  summary: 'Changes the description of a repository, or replaces its upstreams.',
  description: 'What is left out stays as it is. `upstreams` replaces the whole list; an empty one removes them all.',
  method: 'PUT',
  path: '/v1/repository',
  input: {
    ...inRepository,
    description: body('description', description.optional()),
    upstreams: body('upstreams', upstreams),
  },
  output: z.object({ repository: repositoryDescription }),
  action: 'codeartifact:UpdateRepository',
  resource: 'repository',
  examples: [
    {
      title: 'Other upstreams',
      input: { domain: 'team', repository: 'main', upstreams: [{ repositoryName: 'npm-store' }] },
      output: { repository: EXAMPLE },
    },
  ],
})

export const deleteRepository = operation({
  name: 'DeleteRepository',
  summary: 'Deletes a repository with its packages.',
  description:
    'Refused while another repository has it as upstream. Names that were published in it stay owned by the domain.',
  method: 'DELETE',
  path: '/v1/repository',
  input: inRepository,
  output: z.object({ repository: repositoryDescription }),
  action: 'codeartifact:DeleteRepository',
  resource: 'repository',
  examples: [{ title: 'A repository', input: { domain: 'team', repository: 'main' }, output: { repository: EXAMPLE } }],
})

export const listRepositories = operation({
  name: 'ListRepositories',
  summary: 'Lists the repositories that the account of the caller administers, and those of its domains.',
  method: 'POST',
  path: '/v1/repositories',
  input: {
    repositoryPrefix: query('repository-prefix', repositoryName.or(z.string().length(1)).optional()),
    maxResults: queryInteger('max-results', maxResults),
    nextToken: query('next-token', nextToken),
  },
  output: z.object({ repositories: z.array(repositorySummary), nextToken: z.string().optional() }),
  action: 'codeartifact:ListRepositories',
  resource: 'caller',
  examples: [
    { title: 'By the start of their names', input: { repositoryPrefix: 'npm-' }, output: { repositories: [] } },
  ],
})

export const getRepositoryEndpoint = operation({
  name: 'GetRepositoryEndpoint',
  summary: 'Tells the URL at which package managers reach a repository.',
  method: 'GET',
  path: '/v1/repository/endpoint',
  input: {
    ...inRepository,
    format: query('format', format),
    // One host serves every address family here, so both values mean the same.
    endpointType: query('endpointType', z.enum(['dualstack', 'ipv4']).optional()),
  },
  output: z.object({ repositoryEndpoint: z.string().describe('Ends in a slash.') }),
  action: 'codeartifact:GetRepositoryEndpoint',
  resource: 'repository',
  examples: [
    {
      title: 'For npm',
      input: { domain: 'team', repository: 'main', format: 'npm' },
      output: { repositoryEndpoint: 'https://granary.example/npm/team/main/' },
    },
  ],
})

const externalConnection = query('external-connection', connectionName)

export const associateExternalConnection = operation({
  name: 'AssociateExternalConnection',
  summary: 'Lets a repository draw packages from a connection.',
  description:
    'A repository may have several connections, also of one format; they are searched in the order in which they were added.',
  method: 'POST',
  path: '/v1/repository/external-connection',
  input: { ...inRepository, externalConnection },
  output: z.object({ repository: repositoryDescription }),
  action: 'codeartifact:AssociateExternalConnection',
  resource: 'repository',
  examples: [
    {
      title: "npm's public registry",
      input: { domain: 'team', repository: 'npm-store', externalConnection: 'public:npmjs' },
      output: {
        repository: {
          ...EXAMPLE,
          name: 'npm-store',
          upstreams: [],
          externalConnections: [{ externalConnectionName: 'public:npmjs', packageFormat: 'npm', status: 'Available' }],
        },
      },
    },
  ],
})

export const disassociateExternalConnection = operation({
  name: 'DisassociateExternalConnection',
  summary: 'Stops a repository from drawing packages from a connection; what it has already stays.',
  method: 'DELETE',
  path: '/v1/repository/external-connection',
  input: { ...inRepository, externalConnection },
  output: z.object({ repository: repositoryDescription }),
  action: 'codeartifact:DisassociateExternalConnection',
  resource: 'repository',
  examples: [
    {
      title: "npm's public registry",
      input: { domain: 'team', repository: 'main', externalConnection: 'public:npmjs' },
      output: { repository: EXAMPLE },
    },
  ],
})
