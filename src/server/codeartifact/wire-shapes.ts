import type { Connection, Domain, Instant, Package, Repository } from '../../registry/model.ts'
import { arn, packageNameOfKey, type ConnectionName } from '../../registry/names.ts'

// The core's things in the members of CodeArtifact's results.

/** AWS's JSON protocols count seconds. */
export const epochSeconds = (at: Instant): number => at / 1000

export const summarizeDomain = (
  region: string,
  { name, owner, createdAt }: Domain,
  status: 'Active' | 'Deleted' = 'Active',
) => ({
  name,
  owner,
  arn: arn.domain(region, owner, name),
  status,
  createdTime: epochSeconds(createdAt),
})

export const summarizeRepository = (region: string, { owner }: Pick<Domain, 'owner'>, repository: Repository) => ({
  name: repository.name,
  administratorAccount: repository.administrator,
  domainName: repository.domain,
  domainOwner: owner,
  arn: arn.repository(region, owner, repository.domain, repository.name),
  ...(repository.description !== null && { description: repository.description }),
  createdTime: epochSeconds(repository.createdAt),
})

export const describeRepository = (
  region: string,
  domain: Pick<Domain, 'owner'>,
  connections: ReadonlyMap<ConnectionName, Connection>,
  repository: Repository,
) => ({
  ...summarizeRepository(region, domain, repository),
  upstreams: repository.upstreams.map((repositoryName) => ({ repositoryName })),
  externalConnections: repository.connections.flatMap((name) => {
    const connection = connections.get(name)
    return connection
      ? [{ externalConnectionName: name, packageFormat: connection.format, status: 'Available' as const }]
      : []
  }),
})

export function summarizePackage({ format, key, origin }: Package) {
  const { namespace, name } = packageNameOfKey(format, key)
  return {
    format,
    ...(namespace !== null && { namespace }),
    name,
    originConfiguration: { restrictions: origin },
  }
}
