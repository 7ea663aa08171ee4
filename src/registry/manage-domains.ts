import type { CurationRule, Rule } from '../policy/curation/rule.ts'
import type { Change } from './changes.ts'
import { RegistryError } from './errors.ts'
import { announce, type ManageContext } from './manage.ts'
import type { Domain, ReservedPrefix } from './model.ts'
import type { AccountId, DomainName, RepositoryName } from './names.ts'
import { readRepository, type DomainView } from './topology.ts'

const about = ({ name, owner }: Domain, detail: Readonly<Record<string, unknown>> = {}) => ({
  account: owner,
  domain: name,
  detail: { domainName: name, domainOwner: owner, ...detail },
})

export function planCreateDomain(
  context: ManageContext,
  { name, owner }: { readonly name: DomainName; readonly owner: AccountId },
): { readonly domain: Domain; readonly changes: readonly Change[] } {
  const domain: Domain = { name, owner, createdAt: context.now, reserved: [] }
  return {
    domain,
    changes: [{ change: 'create-domain', domain }, announce(context, 'Domain Created', about(domain))],
  }
}

/** Refuses a domain that still has repositories. */
export function planDeleteDomain(context: ManageContext, { domain, repositories }: DomainView): readonly Change[] {
  if (repositories.size > 0) {
    throw new RegistryError(
      'conflict',
      `Domain ${domain.name} still has ${repositories.size} ${repositories.size === 1 ? 'repository' : 'repositories'}; delete them first`,
      { resourceType: 'domain', resourceId: domain.name },
    )
  }
  return [{ change: 'delete-domain', domain: domain.name }, announce(context, 'Domain Deleted', about(domain))]
}

/** Replaces the prefixes. `reserved` holds normalised names' beginnings; one that is given twice counts once. */
export function planPutReservedPrefixes(
  context: ManageContext,
  { domain }: DomainView,
  reserved: readonly ReservedPrefix[],
): { readonly reserved: readonly ReservedPrefix[]; readonly changes: readonly Change[] } {
  const once = [...new Map(reserved.map((one) => [`${one.format} ${one.prefix}`, one])).values()]
  return {
    reserved: once,
    changes: [
      { change: 'set-reserved-prefixes', domain: domain.name, reserved: once },
      announce(context, 'Reserved Prefixes Changed', about(domain, { reserved: once })),
    ],
  }
}

export function planCreateRule(
  context: ManageContext,
  view: DomainView,
  { repository, rule }: { readonly repository: RepositoryName | null; readonly rule: Rule },
): { readonly rule: CurationRule; readonly changes: readonly Change[] } {
  if (repository !== null) readRepository(view, repository)
  const created: CurationRule = { id: context.id(), domain: view.domain.name, repository, rule }
  return {
    rule: created,
    changes: [
      { change: 'create-rule', rule: created },
      announce(context, 'Rule Created', about(view.domain, { rule: created })),
    ],
  }
}

export function planDeleteRule(context: ManageContext, { domain, rules }: DomainView, id: string): readonly Change[] {
  const rule = rules.find((candidate) => candidate.id === id)
  if (!rule) throw new RegistryError('not_found', `Domain ${domain.name} has no rule ${id}`, { resourceId: id })
  return [
    { change: 'delete-rule', domain: domain.name, id },
    announce(context, 'Rule Deleted', about(domain, { rule })),
  ]
}
