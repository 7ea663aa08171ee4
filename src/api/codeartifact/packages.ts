import { z } from 'zod'
import { body, operation, query, queryInteger } from '../operation.ts'
import {
  accountId,
  allowOrBlock,
  domainName,
  format,
  maxResults,
  namespace,
  nextToken,
  originConfiguration,
  originType,
  packageNamePart,
  packageVersion,
  repositoryName,
  versionStatus,
} from '../shapes.ts'

const inRepository = {
  domain: query('domain', domainName),
  domainOwner: query('domain-owner', accountId.optional()),
  repository: query('repository', repositoryName),
}
const ofPackage = {
  ...inRepository,
  format: query('format', format),
  namespace: query('namespace', namespace.optional()),
  package: query('package', packageNamePart),
}

const PUBLISHED_HERE = { restrictions: { publish: 'ALLOW', upstream: 'BLOCK' } } as const

export const listPackages = operation({
  name: 'ListPackages',
  summary: 'Lists the packages that a repository holds itself, without those of its upstreams.',
  method: 'POST',
  path: '/v1/packages',
  input: {
    ...inRepository,
    format: query('format', format.optional()),
    // CodeArtifact matches it as a prefix, whatever its name says.
    namespace: query('namespace', namespace.optional()),
    packagePrefix: query('package-prefix', packageNamePart.optional()),
    publish: query('publish', allowOrBlock.optional()),
    upstream: query('upstream', allowOrBlock.optional()),
    maxResults: queryInteger('max-results', maxResults),
    nextToken: query('next-token', nextToken),
  },
  output: z.object({
    packages: z.array(z.object({ format, namespace: namespace.optional(), package: z.string(), originConfiguration })),
    nextToken: z.string().optional(),
  }),
  action: 'codeartifact:ListPackages',
  resource: 'repository',
  examples: [
    {
      title: 'By format',
      input: { domain: 'team', repository: 'main', format: 'npm' },
      output: {
        packages: [{ format: 'npm', namespace: 'acme', package: 'hello', originConfiguration: PUBLISHED_HERE }],
      },
    },
  ],
})

export const describePackage = operation({
  name: 'DescribePackage',
  summary: 'Tells about one package of a repository.',
  method: 'GET',
  path: '/v1/package',
  input: ofPackage,
  output: z.object({
    package: z.object({ format, namespace: namespace.optional(), name: z.string(), originConfiguration }),
  }),
  action: 'codeartifact:DescribePackage',
  resource: 'package',
  examples: [
    {
      title: 'A scoped npm package',
      input: { domain: 'team', repository: 'main', format: 'npm', namespace: 'acme', package: 'hello' },
      output: {
        package: { format: 'npm', namespace: 'acme', name: 'hello', originConfiguration: PUBLISHED_HERE },
      },
    },
  ],
})

export const listPackageVersions = operation({
  name: 'ListPackageVersions',
  summary: 'Lists the versions of a package that a repository holds itself, without those of its upstreams.',
  method: 'POST',
  path: '/v1/package/versions',
  input: {
    ...ofPackage,
    status: query('status', versionStatus.optional()),
    sortBy: query('sortBy', z.literal('PUBLISHED_TIME').optional()),
    originType: query('originType', originType.optional()),
    maxResults: queryInteger('max-results', maxResults),
    nextToken: query('next-token', nextToken),
  },
  output: z.object({
    defaultDisplayVersion: packageVersion.optional(),
    format,
    namespace: namespace.optional(),
    package: z.string(),
    versions: z.array(
      z.object({
        version: z.string(),
        revision: z.string(),
        status: versionStatus,
        origin: z.object({
          domainEntryPoint: z.object({
            repositoryName: z.string().optional(),
            externalConnectionName: z.string().optional(),
          }),
          originType,
        }),
      }),
    ),
    nextToken: z.string().optional(),
  }),
  action: 'codeartifact:ListPackageVersions',
  resource: 'package',
  examples: [
    {
      title: 'A package that was published here',
      input: { domain: 'team', repository: 'main', format: 'pypi', package: 'hello' },
      output: {
        defaultDisplayVersion: '1.0.0',
        format: 'pypi',
        package: 'hello',
        versions: [
          {
            version: '1.0.0',
            revision: '8d8f6a3e-2d0b-4f2e-9a39-6f5f0d6f5a11',
            status: 'Published',
            origin: { domainEntryPoint: { repositoryName: 'main' }, originType: 'INTERNAL' },
          },
        ],
      },
    },
  ],
})

export const putPackageOriginConfiguration = operation({
  name: 'PutPackageOriginConfiguration',
  summary:
    'Says whether versions of a package may be published in a repository, and whether they may come from upstream.',
  description: 'The package need not exist: a name can be decided about before its first version.',
  method: 'POST',
  path: '/v1/package',
  input: {
    ...ofPackage,
    restrictions: body('restrictions', z.object({ publish: allowOrBlock, upstream: allowOrBlock })),
  },
  output: z.object({ originConfiguration }),
  action: 'codeartifact:PutPackageOriginConfiguration',
  resource: 'package',
  examples: [
    {
      title: 'Published here and nowhere else',
      input: {
        domain: 'team',
        repository: 'main',
        format: 'npm',
        namespace: 'acme',
        package: 'hello',
        restrictions: { publish: 'ALLOW', upstream: 'BLOCK' },
      },
      output: { originConfiguration: PUBLISHED_HERE },
    },
  ],
})
