import type { AnyOperation, ResourceKind } from '../api/operation.ts'
import { RegistryError } from '../registry/errors.ts'
import {
  arn,
  parseAccountId,
  parseDomainName,
  parseFormatId,
  parseRepositoryName,
  type AccountId,
  type DomainName,
} from '../registry/names.ts'
import { readRepository, type DomainView } from '../registry/topology.ts'
import type { ManagementParts, Targets, UserCaller } from './handler.ts'
import { parsePackageName } from './package-names.ts'

type Input = Readonly<Record<string, string | undefined>>
type Subject = {
  readonly resource: string
  readonly owner: AccountId
  readonly domain: DomainName | null
  /** Made only after the permission was given, so that a refusal tells nobody what is there. */
  readonly target: () => Targets[ResourceKind]
}

/** What the operation is about, and whose it is. */
export async function findSubject(
  parts: ManagementParts,
  operation: AnyOperation,
  input: Input,
  caller: UserCaller,
  topology: number,
): Promise<Subject> {
  const kind = operation.resource
  switch (kind) {
    case 'caller':
      return { resource: '*', owner: caller.account, domain: null, target: () => null }
    case 'installation':
      return { resource: '*', owner: parts.config.operatorAccount, domain: null, target: () => null }
    case 'account':
    case 'user':
      return identitySubject(parts, kind, input, caller)
    case 'new-domain':
      return newDomainSubject(parts, input, caller)
    default:
      return domainSubject(parts, kind, input, caller, topology)
  }
}

/** An account's identities are its own business, and that of operators: for these, their own policies decide alone. */
function identitySubject(
  { config }: ManagementParts,
  kind: 'account' | 'user',
  input: Input,
  caller: UserCaller,
): Subject {
  const account = parseAccountId(input.account ?? caller.account)
  return {
    // As IAM has it: a listing of users, which names none, is asked of what all their ARNs begin with.
    resource: kind === 'account' ? `arn:aws:iam::${account}:root` : arn.user(account, input.user ?? ''),
    owner: caller.account === config.operatorAccount ? caller.account : account,
    domain: null,
    target: () => ({ account }),
  }
}

function newDomainSubject({ config }: ManagementParts, input: Input, caller: UserCaller): Subject {
  const name = parseDomainName(input.domain ?? '')
  return {
    // CodeArtifact asks for `*`; naming the domain lets a policy say which names may be made, and `*` covers it all the same.
    resource: arn.domain(config.region, caller.account, name),
    owner: caller.account,
    domain: name,
    target: () => ({ name, owner: caller.account }),
  }
}

type DomainKind = 'domain' | 'new-repository' | 'repository' | 'package'

async function domainSubject(
  parts: ManagementParts,
  kind: DomainKind,
  input: Input,
  caller: UserCaller,
  topology: number,
): Promise<Subject> {
  const domain = parseDomainName(input.domain ?? '')
  // Left out, it means the caller's own account; a domain of another owner is then as good as missing.
  const owner = parseAccountId(input.domainOwner ?? caller.account)
  const view = await parts.topology.find(domain, topology)
  const read = (): DomainView => {
    if (view?.domain.owner === owner) return view
    throw new RegistryError('not_found', `Domain not found. Domain name: ${domain}, owner account: ${owner}`, {
      resourceType: 'domain',
      resourceId: domain,
    })
  }
  const { region } = parts.config
  const about = { owner, domain }
  if (kind === 'domain') {
    return { ...about, resource: arn.domain(region, owner, domain), target: () => ({ view: read() }) }
  }
  const repository = parseRepositoryName(input.repository ?? '')
  const resource = arn.repository(region, owner, domain, repository)
  if (kind === 'new-repository') return { ...about, resource, target: () => ({ view: read(), name: repository }) }
  const inRepository = () => {
    const there = read()
    return { view: there, repository: readRepository(there, repository) }
  }
  if (kind === 'repository') return { ...about, resource, target: inRepository }
  const name = parsePackageName(
    parts.formats,
    parseFormatId(input.format ?? ''),
    input.package ?? '',
    input.namespace ?? null,
  )
  return {
    ...about,
    resource: arn.package(region, owner, domain, repository, name),
    target: () => ({ ...inRepository(), name }),
  }
}
