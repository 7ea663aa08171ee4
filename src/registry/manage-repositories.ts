import type { Change } from './changes.ts'
import { RegistryError } from './errors.ts'
import { packageDetail } from './events.ts'
import { announce, type ManageContext } from './manage.ts'
import type { OriginControls, Repository, Withdrawn } from './model.ts'
import { displayName, type AccountId, type ConnectionName, type PackageName, type RepositoryName } from './names.ts'
import { checkUpstreams, type DomainView } from './topology.ts'

/** CodeArtifact's limit: all of them are read anew whenever one changes. */
const MAX_REPOSITORIES = 1_000

type Planned = { readonly repository: Repository; readonly changes: readonly Change[] }

const event = (context: ManageContext, { domain }: DomainView, type: string, repository: Repository): Change =>
  announce(context, type, {
    account: domain.owner,
    domain: domain.name,
    detail: {
      domainName: domain.name,
      domainOwner: domain.owner,
      repositoryName: repository.name,
      repositoryAdministrator: repository.administrator,
      upstreams: repository.upstreams,
      connections: repository.connections,
    },
  })

export function planCreateRepository(
  context: ManageContext,
  view: DomainView,
  what: {
    readonly name: RepositoryName
    readonly administrator: AccountId
    readonly description: string | null
    readonly upstreams: readonly RepositoryName[]
  },
): Planned {
  if (view.repositories.has(what.name)) {
    throw new RegistryError('conflict', `Repository ${what.name} exists already in domain ${view.domain.name}`, {
      resourceType: 'repository',
      resourceId: what.name,
    })
  }
  if (view.repositories.size >= MAX_REPOSITORIES) {
    const message = `Domain ${view.domain.name} has ${view.repositories.size} repositories; it may have ${MAX_REPOSITORIES}`
    throw new RegistryError('quota', message, { resourceType: 'domain', resourceId: view.domain.name })
  }
  checkUpstreams(view, what.name, what.upstreams)
  const repository: Repository = { ...what, domain: view.domain.name, createdAt: context.now, connections: [] }
  return {
    repository,
    changes: [{ change: 'create-repository', repository }, event(context, view, 'Repository Created', repository)],
  }
}

/** What is left out stays as it is; `upstreams` replaces the whole list. */
export function planUpdateRepository(
  context: ManageContext,
  view: DomainView,
  was: Repository,
  wish: { readonly description?: string | undefined; readonly upstreams?: readonly RepositoryName[] | undefined },
): Planned {
  if (wish.upstreams) checkUpstreams(view, was.name, wish.upstreams)
  return replace(context, view, {
    ...was,
    description: wish.description ?? was.description,
    upstreams: wish.upstreams ?? was.upstreams,
  })
}

export function planAssociateConnection(
  context: ManageContext,
  view: DomainView,
  was: Repository,
  connection: ConnectionName,
): Planned {
  if (!view.connections.has(connection)) {
    throw new RegistryError('not_found', `Connection ${connection} does not exist`, { resourceId: connection })
  }
  if (was.connections.includes(connection)) {
    throw new RegistryError('conflict', `Repository ${was.name} already has the connection ${connection}`, {
      resourceType: 'repository',
      resourceId: was.name,
    })
  }
  return replace(context, view, { ...was, connections: [...was.connections, connection] })
}

export function planDisassociateConnection(
  context: ManageContext,
  view: DomainView,
  was: Repository,
  connection: ConnectionName,
): Planned {
  if (!was.connections.includes(connection)) {
    throw new RegistryError('not_found', `Repository ${was.name} does not have the connection ${connection}`, {
      resourceType: 'repository',
      resourceId: was.name,
    })
  }
  return replace(context, view, { ...was, connections: was.connections.filter((name) => name !== connection) })
}

// INVARIANT: all of the repository is written, so nothing may have changed since it was read.
const replace = (context: ManageContext, view: DomainView, repository: Repository): Planned => ({
  repository,
  changes: [
    { change: 'set-repository', repository, plannedAt: view.counter },
    event(context, view, 'Repository Updated', repository),
  ],
})

export const planPutRepositorySettings = (
  context: ManageContext,
  { domain }: DomainView,
  { name, administrator }: Repository,
  withdrawn: Withdrawn,
): readonly Change[] => [
  { change: 'set-repository-settings', domain: domain.name, repository: name, withdrawn },
  announce(context, 'Repository Settings Changed', {
    account: domain.owner,
    domain: domain.name,
    detail: {
      domainName: domain.name,
      domainOwner: domain.owner,
      repositoryName: name,
      repositoryAdministrator: administrator,
      withdrawn,
    },
  }),
]

/** Refuses a repository that another one has as upstream. */
export function planDeleteRepository(
  context: ManageContext,
  view: DomainView,
  repository: Repository,
): readonly Change[] {
  const downstream = [...view.repositories.values()].filter(({ upstreams }) => upstreams.includes(repository.name))
  if (downstream.length > 0) {
    const names = downstream.map(({ name }) => name).join(', ')
    throw new RegistryError('conflict', `Repository ${repository.name} is an upstream of ${names}`, {
      resourceType: 'repository',
      resourceId: repository.name,
    })
  }
  return [
    { change: 'delete-repository', domain: view.domain.name, repository: repository.name },
    event(context, view, 'Repository Deleted', repository),
  ]
}

/** The package need not be there: it is made, without versions, so that a name is decided about before it is used. */
export function planSetOrigin(
  context: ManageContext,
  { domain }: DomainView,
  repository: Repository,
  name: PackageName,
  origin: OriginControls,
): readonly Change[] {
  const at = { domain: domain.name, repository: repository.name, format: name.format, key: name.key }
  return [
    { change: 'set-origin', at, origin },
    announce(context, 'Package Origin Configuration Changed', {
      account: domain.owner,
      domain: domain.name,
      detail: {
        ...packageDetail(domain, repository.name, name),
        displayName: displayName(name),
        restrictions: origin,
      },
    }),
  ]
}
