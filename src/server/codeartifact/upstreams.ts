import { arn, parseRepositoryName, type RepositoryName } from '../../registry/names.ts'
import type { DomainView } from '../../registry/topology.ts'
import type { HandlerContext } from '../handler.ts'

export const parseUpstreams = (upstreams: readonly { readonly repositoryName: string }[]): readonly RepositoryName[] =>
  upstreams.map(({ repositoryName }) => parseRepositoryName(repositoryName))

/** Whoever draws from a repository reads what is in it, so its own policies have a say. */
export async function requireUpstreams(
  { parts, require }: Pick<HandlerContext, 'parts' | 'require'>,
  { domain, repositories }: DomainView,
  upstreams: readonly RepositoryName[],
): Promise<void> {
  for (const upstream of upstreams) {
    await require({
      action: 'codeartifact:AssociateWithDownstreamRepository',
      resource: arn.repository(parts.config.region, domain.owner, domain.name, upstream),
      owner: domain.owner,
      domain: domain.name,
      repository: { name: upstream, administrator: repositories.get(upstream)?.administrator ?? null },
    })
  }
}
