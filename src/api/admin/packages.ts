import { z } from 'zod'
import { operation, path, query } from '../operation.ts'
import { accountId, connectionName, domainName, format, namespace, packageNamePart, repositoryName } from '../shapes.ts'

const versions = z.array(z.string())

export const refreshPackage = operation({
  name: 'RefreshPackage',
  summary: 'Asks the upstream of a package now, however fresh what is known of it is, and tells what changed.',
  description:
    'The upstream is the one that the repository draws the name from. Where it cannot be asked the answer is 502: nothing is said of an older copy.',
  method: 'POST',
  path: '/api/domains/{domain}/repositories/{repository}/refresh',
  input: {
    domain: path('domain', domainName),
    repository: path('repository', repositoryName),
    domainOwner: query('domain-owner', accountId.optional()),
    format: query('format', format),
    namespace: query('namespace', namespace.optional()),
    package: query('package', packageNamePart),
  },
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
