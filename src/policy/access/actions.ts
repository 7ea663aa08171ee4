import { compilePattern, matches } from './match.ts'

// Every action that a request can be about, by service. A closed list: an action of these services that is not here is a
// spelling mistake, and a Deny that is misspelt would deny nothing without a word.

/** CodeArtifact's, those without an operation of their name included. */
const CODEARTIFACT = [
  'AssociateExternalConnection',
  'AssociateWithDownstreamRepository',
  'CopyPackageVersions',
  'CreateDomain',
  'CreatePackageGroup',
  'CreateRepository',
  'DeleteDomain',
  'DeleteDomainPermissionsPolicy',
  'DeletePackage',
  'DeletePackageGroup',
  'DeletePackageVersions',
  'DeleteRepository',
  'DeleteRepositoryPermissionsPolicy',
  'DescribeDomain',
  'DescribePackage',
  'DescribePackageGroup',
  'DescribePackageVersion',
  'DescribeRepository',
  'DisassociateExternalConnection',
  'DisposePackageVersions',
  'GetAssociatedPackageGroup',
  'GetAuthorizationToken',
  'GetDomainPermissionsPolicy',
  'GetPackageVersionAsset',
  'GetPackageVersionReadme',
  'GetRepositoryEndpoint',
  'GetRepositoryPermissionsPolicy',
  'ListAllowedRepositoriesForGroup',
  'ListAssociatedPackages',
  'ListDomains',
  'ListPackageGroups',
  'ListPackages',
  'ListPackageVersionAssets',
  'ListPackageVersionDependencies',
  'ListPackageVersions',
  'ListRepositories',
  'ListRepositoriesInDomain',
  'ListSubPackageGroups',
  'ListTagsForResource',
  'PublishPackageVersion',
  'PutDomainPermissionsPolicy',
  'PutPackageMetadata',
  'PutPackageOriginConfiguration',
  'PutRepositoryPermissionsPolicy',
  'ReadFromRepository',
  'TagResource',
  'UntagResource',
  'UpdatePackageGroup',
  'UpdatePackageGroupOriginConfiguration',
  'UpdatePackageVersionsStatus',
  'UpdateRepository',
] as const

/** What AWS has no action for. */
const GRANARY = [
  'AttachRolePolicy',
  'AttachUserPolicy',
  'CreateAccessKey',
  'CreateAccount',
  'CreateConnection',
  'CreateRole',
  'CreateRule',
  'CreateUser',
  'CreateWebhook',
  'DeleteConnection',
  'DeleteRole',
  'DeleteRule',
  'DeleteUser',
  'DeleteWebhook',
  'DetachRolePolicy',
  'DetachUserPolicy',
  'ExplainPolicy',
  'GetRepositorySettings',
  'GetReservedPrefixes',
  'ListAccessKeys',
  'ListAccounts',
  'ListConnections',
  'ListDeliveries',
  'ListEvents',
  'ListRolePolicies',
  'ListRoles',
  'ListRules',
  'ListUserPolicies',
  'ListUsers',
  'ListWebhooks',
  'PutRepositorySettings',
  'PutReservedPrefixes',
  'RefreshPackage',
  'ReplayDeliveries',
  'RevokeAccessKey',
  'RevokeRoleSessions',
  'TestWebhook',
  'UpdateConnection',
  'UpdateRole',
  'UpdateWebhook',
] as const

const STS = ['AssumeRole', 'GetCallerIdentity', 'GetServiceBearerToken', 'SetSourceIdentity', 'TagSession'] as const

export const ACTIONS = {
  codeartifact: CODEARTIFACT,
  granary: GRANARY,
  sts: STS,
} as const satisfies Record<string, readonly string[]>

const isOurs = (service: string): service is keyof typeof ACTIONS => Object.hasOwn(ACTIONS, service)

/** Longer than any action: what is longer was not misspelt, and comparing it would only take time. */
const MAX_MISSPELT = 64

/**
 * What is wrong with an action of a policy that is about to be put; null if nothing is. Actions of other services are
 * accepted, since documents that serve several exist, and match nothing here.
 *
 * @param text in the grammar of actions: `*`, `codeartifact:Read*`
 */
export function unknownAction(text: string): string | null {
  const [service = '', name = ''] = text.toLowerCase().split(':')
  if (!isOurs(service)) return null
  const pattern = compilePattern(name, { wildcards: true, variables: false })
  const known: readonly string[] = ACTIONS[service]
  if (known.some((action) => matches(pattern, action.toLowerCase(), new Map()))) return null
  const what = /[*?]/.test(name) ? 'matches no action' : 'is no action'
  const nearest = name.length <= MAX_MISSPELT ? nearestOf(known, name) : undefined
  const hint = nearest === undefined ? '' : `; did you mean ${service}:${nearest}?`
  return `${JSON.stringify(text)} ${what} of ${service}${hint}`
}

/** A third of the letters may differ: more is no longer the same word. */
function nearestOf(known: readonly string[], name: string): string | undefined {
  const [nearest] = known
    .map((action) => ({ action, distance: editDistance(action.toLowerCase(), name) }))
    .toSorted((a, b) => a.distance - b.distance)
  return nearest && nearest.distance <= nearest.action.length / 3 ? nearest.action : undefined
}

/** Levenshtein's, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + Number(a[i - 1] !== b[j - 1])
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
