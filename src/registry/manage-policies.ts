import type { Change } from './changes.ts'
import { RegistryError } from './errors.ts'
import { announce, type ManageContext } from './manage.ts'
import type { Domain, PinnedPrincipals, Repository, ResourcePolicy } from './model.ts'
import type { RepositoryName } from './names.ts'

/** What a policy stands on: a repository, or, where that is null, the domain itself. */
export type PolicyHolder = { readonly domain: Domain; readonly repository: Repository | null }

/** The one of a domain's policies that stands on this very thing. */
export function readResourcePolicy(policies: readonly ResourcePolicy[], holder: PolicyHolder): ResourcePolicy {
  const policy = findResourcePolicy(policies, holder.repository?.name ?? null)
  if (policy) return policy
  throw new RegistryError('not_found', `${nameOf(holder)} has no permissions policy`, resourceOf(holder))
}

const findResourcePolicy = (
  policies: readonly ResourcePolicy[],
  repository: RepositoryName | null,
): ResourcePolicy | undefined => policies.find((policy) => policy.repository === repository)

/**
 * Puts a document that was checked, with the principals that it means now. Refuses where `was` is given and is not the
 * revision of what stands there. The same document with the same meaning changes nothing, and keeps its revision.
 */
export function planPutResourcePolicy(
  context: ManageContext,
  holder: PolicyHolder,
  policies: readonly ResourcePolicy[],
  wish: { readonly document: string; readonly principals: PinnedPrincipals; readonly was: string | undefined },
): { readonly policy: ResourcePolicy; readonly changes: readonly Change[] } {
  const { domain, repository } = holder
  const { document, principals, was } = wish
  const present = findResourcePolicy(policies, repository?.name ?? null)
  refuseStale(holder, present, was)
  if (present && present.document === document && samePins(present.principals, principals)) {
    return { policy: present, changes: [] }
  }
  const policy: ResourcePolicy = {
    domain: domain.name,
    repository: repository?.name ?? null,
    document,
    principals,
    revision: context.id(),
  }
  return {
    policy,
    changes: [
      { change: 'put-resource-policy', policy, ...(was !== undefined && { was }) },
      event(context, holder, 'Put', policy),
    ],
  }
}

/** Refuses where there is no policy, or where `was` is given and is not its revision. */
export function planDeleteResourcePolicy(
  context: ManageContext,
  holder: PolicyHolder,
  policies: readonly ResourcePolicy[],
  was: string | undefined,
): { readonly policy: ResourcePolicy; readonly changes: readonly Change[] } {
  const policy = readResourcePolicy(policies, holder)
  refuseStale(holder, policy, was)
  const { domain, repository, revision } = policy
  return {
    policy,
    changes: [
      // What the answer and the event tell of is what must go.
      { change: 'delete-resource-policy', domain, repository, was: revision },
      event(context, holder, 'Deleted', policy),
    ],
  }
}

function refuseStale(holder: PolicyHolder, present: ResourcePolicy | undefined, was: string | undefined): void {
  if (was === undefined || was === present?.revision) return
  const now = present ? 'was changed since it had' : 'does not exist, so it does not have'
  throw new RegistryError(
    'conflict',
    `The permissions policy of ${nameOf(holder)} ${now} the revision ${JSON.stringify(was)}`,
    resourceOf(holder),
  )
}

const samePins = (one: PinnedPrincipals, other: PinnedPrincipals): boolean => {
  const arns = Object.keys(one)
  return arns.length === Object.keys(other).length && arns.every((arn) => one[arn] === other[arn])
}

const nameOf = ({ domain, repository }: PolicyHolder): string =>
  repository ? `Repository ${repository.name} of domain ${domain.name}` : `Domain ${domain.name}`

const resourceOf = ({ domain, repository }: PolicyHolder) =>
  repository
    ? ({ resourceType: 'repository', resourceId: repository.name } as const)
    : ({ resourceType: 'domain', resourceId: domain.name } as const)

/** The document stays out of it: whoever may hear of changes need not be one of those who may read policies. */
const event = (
  context: ManageContext,
  { domain, repository }: PolicyHolder,
  what: 'Put' | 'Deleted',
  { revision }: ResourcePolicy,
): Change =>
  announce(context, `${repository ? 'Repository' : 'Domain'} Policy ${what}`, {
    account: domain.owner,
    domain: domain.name,
    detail: {
      domainName: domain.name,
      domainOwner: domain.owner,
      ...(repository && { repositoryName: repository.name, repositoryAdministrator: repository.administrator }),
      policyRevision: revision,
    },
  })
