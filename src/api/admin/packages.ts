import { z } from 'zod'
import { body, operation, path, query } from '../operation.ts'
import { accountId, connectionName, domainName, format, namespace, packageNamePart, repositoryName } from '../shapes.ts'

const versions = z.array(z.string())

const ofPackage = {
  domain: path('domain', domainName),
  repository: path('repository', repositoryName),
  domainOwner: query('domain-owner', accountId.optional()),
  format: query('format', format),
  namespace: query('namespace', namespace.optional()),
  package: query('package', packageNamePart),
}

export const refreshPackage = operation({
  name: 'RefreshPackage',
  summary: 'Asks the upstream of a package now, however fresh what is known of it is, and tells what changed.',
  description:
    'The upstream is the one that the repository draws the name from. Where it cannot be asked the answer is 502: nothing is said of an older copy.',
  method: 'POST',
  path: '/api/domains/{domain}/repositories/{repository}/refresh',
  input: ofPackage,
  output: z.object({
    connection: connectionName,
    state: z.enum(['present', 'absent']).describe('absent: the upstream says that it has no such package.'),
    isFirst: z.boolean().describe('Nothing was known of it before, so that nothing can be told to have changed.'),
    versions: z.int().describe('How many it offers now.'),
    added: versions,
    withdrawn: versions.describe('No longer offered. What was fetched of them stays.'),
    discouraged: versions.describe('npm: deprecated now. PyPI: yanked now.'),
    encouraged: versions.describe('No longer so.'),
  }),
  action: 'granary:RefreshPackage',
  resource: 'package',
  examples: [
    {
      title: 'A version is new, one was deprecated',
      input: { domain: 'team', repository: 'main', format: 'npm', package: 'lodash' },
      output: {
        connection: 'public:npmjs',
        state: 'present',
        isFirst: false,
        versions: 117,
        added: ['4.18.0'],
        withdrawn: [],
        discouraged: ['4.17.20'],
        encouraged: [],
      },
    },
  ],
})

const mode = z
  .enum(['never', 'extra-wheels', 'all'])
  .describe(
    'never: one source has all of the package. extra-wheels: the first source that has it (what is published here comes before all connections) says which versions there are, and the others only add wheels for machines that it has none for. all: every file of every source; of two with one name the first counts.',
  )

const merge = z.object({
  mode,
  setIn: repositoryName
    .nullable()
    .describe('The repository that says so: this one, or one that it searches. null: none, which is never.'),
  asksUpstreams: z
    .boolean()
    .describe('The connections along the way are asked for the package, so their registries hear its name.'),
})

export const getPackageMerge = operation({
  name: 'GetPackageMerge',
  summary: 'Shows whether the sources of a package are merged for those who install it from a repository.',
  method: 'GET',
  path: '/api/domains/{domain}/repositories/{repository}/merge',
  input: ofPackage,
  output: merge,
  action: 'codeartifact:DescribePackage',
  resource: 'package',
  examples: [
    {
      title: 'A package that nobody decided about',
      input: { domain: 'team', repository: 'main', format: 'pypi', package: 'requests' },
      output: { mode: 'never', setIn: null, asksUpstreams: true },
    },
  ],
})

export const putPackageMerge = operation({
  name: 'PutPackageMerge',
  summary: 'Says whether the sources of a package are merged: what is published here, and its upstreams.',
  description:
    'The package need not exist. A package that is published here is asked for upstream from then on, unless its name is reserved or its origin controls say BLOCK. Formats whose versions are one file (npm) are refused.',
  method: 'PUT',
  path: '/api/domains/{domain}/repositories/{repository}/merge',
  input: { ...ofPackage, mode: body('mode', mode) },
  output: merge,
  action: 'codeartifact:PutPackageOriginConfiguration',
  resource: 'package',
  examples: [
    {
      title: 'Wheels for other machines beside those that were built here',
      input: { domain: 'team', repository: 'main', format: 'pypi', package: 'numpy', mode: 'extra-wheels' },
      output: { mode: 'extra-wheels', setIn: 'main', asksUpstreams: true },
    },
  ],
})
