import { names } from '../policy/curation/packages.ts'
import type { CurationRule } from '../policy/curation/rule.ts'
import { RegistryError } from './errors.ts'
import type { Connection, Domain, MergeMode, MergeSetting, Repository } from './model.ts'
import type { ConnectionName, DomainName, FormatId, RepositoryName, PackageKey, PackageName } from './names.ts'
import type { PackageReads, TopologyReads } from './ports.ts'
import { TopologyCache } from './topology-cache.ts'

/** CodeArtifact's limits. */
const MAX_DIRECT_UPSTREAMS = 10
const MAX_SEARCHED_REPOSITORIES = 25

/** Everything about one domain that requests need, as it stood at one value of the topology counter. */
export type DomainView = {
  /** The topology counter as of which this is true. */
  readonly counter: number
  readonly domain: Domain
  readonly repositories: ReadonlyMap<RepositoryName, Repository>
  readonly connections: ReadonlyMap<ConnectionName, Connection>
  readonly rules: readonly CurationRule[]
  /** By format and key of the name; left out where no repository says anything. */
  readonly merges?: ReadonlyMap<string, ReadonlyMap<RepositoryName, MergeMode>>
}

export type Topology = {
  /** The domain as of `counter` (the topology counter that the request read); undefined where there is none. */
  find(domain: DomainName, counter: number): Promise<DomainView | undefined>
}

const MAX_DOMAINS = 1_000

/** Keeps views of domains for as long as the topology counter stands still. */
export function createTopology(store: TopologyReads): Topology {
  const views = new TopologyCache<DomainView | undefined>(MAX_DOMAINS)
  return { find: (domain, counter) => views.read(counter, domain, () => loadView(store, domain, counter)) }
}

async function loadView(store: TopologyReads, name: DomainName, counter: number): Promise<DomainView | undefined> {
  const domain = await store.findDomain(name)
  if (!domain) return undefined
  const [repositories, connections, rules, merges] = await Promise.all([
    store.listRepositories(name),
    store.listConnections(),
    store.listRules(name),
    store.listMerges(name),
  ])
  return {
    counter,
    domain,
    repositories: new Map(repositories.map((repository) => [repository.name, repository])),
    connections: new Map(connections.map((connection) => [connection.name, connection])),
    rules,
    ...(merges.length > 0 && { merges: byName(merges) }),
  }
}

function byName(settings: readonly MergeSetting[]): NonNullable<DomainView['merges']> {
  const named = Map.groupBy(settings, nameOf)
  return new Map(
    [...named].map(([name, said]) => [name, new Map(said.map(({ repository, mode }) => [repository, mode]))]),
  )
}

const nameOf = ({ format, key }: Pick<PackageName, 'format' | 'key'>): string => `${format} ${key}`

/** Whether any repository of the domain says anything about the name's sources. */
export const saysMerge = ({ merges }: DomainView, name: Pick<PackageName, 'format' | 'key'>): boolean =>
  merges?.has(nameOf(name)) ?? false

/** How the sources of a name come together for a request that searches `along`, and which repository says so: the first that says anything. */
export function findMerge(
  { merges }: DomainView,
  along: readonly Repository[],
  name: Pick<PackageName, 'format' | 'key'>,
): { readonly mode: MergeMode; readonly repository: Repository } | undefined {
  const said = merges?.get(nameOf(name))
  const repository = said && along.find((one) => said.has(one.name))
  const mode = repository && said.get(repository.name)
  return mode && { mode, repository }
}

/** The counter stands in the one row that every revision begins with, so any package's will do. */
export async function readTopologyCounter(store: Pick<PackageReads, 'readRevision'>): Promise<number> {
  const { topology } = await store.readRevision({
    domain: '' as DomainName,
    format: 'npm',
    key: '' as PackageKey,
    index: null,
  })
  return topology
}

export function readRepository(view: DomainView, name: RepositoryName): Repository {
  const repository = view.repositories.get(name)
  if (!repository) {
    throw new RegistryError('not_found', `Repository ${name} does not exist in domain ${view.domain.name}`, {
      resourceType: 'repository',
      resourceId: name,
    })
  }
  return repository
}

/** The repositories that a request at `start` searches: itself, then each upstream with all of its own, depth first, each once, 25 at most. */
export function searchPath(view: DomainView, start: RepositoryName): readonly Repository[] {
  const path: Repository[] = []
  const seen = new Set<RepositoryName>()
  const visit = (name: RepositoryName) => {
    const repository = view.repositories.get(name)
    if (!repository || seen.has(name) || path.length >= MAX_SEARCHED_REPOSITORIES) return
    seen.add(name)
    path.push(repository)
    for (const upstream of repository.upstreams) visit(upstream)
  }
  visit(start)
  return path
}

/** Connections along a search path that may be asked for the name, in order, each with the repository that holds it. */
export function connectionsAlong(
  view: DomainView,
  path: readonly Repository[],
  name: Pick<PackageName, 'format' | 'key'>,
): readonly { readonly connection: Connection; readonly repository: Repository }[] {
  return connectionsOfFormat(view, path, name.format).filter(({ connection }) => mayBeAsked(connection, name.key))
}

/** Connections of one format along a search path, whatever names they may be asked for. */
export const connectionsOfFormat = (
  view: DomainView,
  path: readonly Repository[],
  format: FormatId,
): readonly { readonly connection: Connection; readonly repository: Repository }[] =>
  path.flatMap((repository) =>
    repository.connections.flatMap((held) => {
      const connection = view.connections.get(held)
      return connection?.format === format ? [{ connection, repository }] : []
    }),
  )

/** By what it is for. One that is disabled still owns its names: that nobody else is asked for them in its place is the point. */
export function mayBeAsked({ only, except }: Connection, key: PackageKey): boolean {
  const isMeant = (pattern: string) => names(pattern, key)
  return (only.length === 0 || only.some(isMeant)) && !except.some(isMeant)
}

/** Refuses upstreams that do not exist, repeat, are too many, or lead back to the repository. */
export function checkUpstreams(view: DomainView, name: RepositoryName, upstreams: readonly RepositoryName[]): void {
  if (upstreams.length > MAX_DIRECT_UPSTREAMS) {
    throw new RegistryError(
      'quota',
      `A repository has at most ${MAX_DIRECT_UPSTREAMS} upstreams; ${upstreams.length} were given`,
    )
  }
  if (new Set(upstreams).size !== upstreams.length)
    throw new RegistryError('invalid', 'An upstream repository is named twice')
  const leadsBack = (at: RepositoryName, trail: readonly RepositoryName[]): readonly RepositoryName[] | null => {
    if (at === name) return [...trail, at]
    if (trail.includes(at)) return null
    for (const next of view.repositories.get(at)?.upstreams ?? []) {
      const cycle = leadsBack(next, [...trail, at])
      if (cycle) return cycle
    }
    return null
  }
  for (const upstream of upstreams) {
    if (upstream !== name) readRepository(view, upstream)
    const cycle = leadsBack(upstream, [name])
    if (cycle) throw new RegistryError('invalid', `Upstreams may not form a cycle: ${cycle.join(' -> ')}`)
  }
}
