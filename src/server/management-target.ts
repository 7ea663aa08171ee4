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
import type { Caller, KnownCaller } from '../registry/model.ts'
import type { AccessQuestion } from '../registry/authorize.ts'
import { readRepository, type DomainView } from '../registry/topology.ts'
import type { ManagementParts, Targets } from './handler.ts'
import { parsePackageName } from './package-names.ts'

type Input = Readonly<Record<string, string | undefined>>
type Subject = {
  readonly resource: string
  readonly owner: AccountId
  readonly domain: DomainName | null
  readonly repository?: AccessQuestion['repository']
  /** Whatever stands under the domain's name is not what the request is about, so its policies are none of it. */
  readonly hasNoPolicy?: true
  /** Made only after the permission was given, so that a refusal tells nobody what is there. */
  readonly target: () => Targets[ResourceKind]
}

/** What the operation is about, and whose it is. */
export async function findSubject(
  parts: ManagementParts,
  operation: AnyOperation,
  input: Input,
  caller: KnownCaller,
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
    case 'role':
      return identitySubject(parts, kind, input, caller)
    case 'new-domain':
      return newDomainSubject(parts, input, caller)
    default:
      return domainSubject(parts, kind, input, caller, topology)
  }
}

/** An account's identities are its own business, and that of operators: for these, their own policies decide alone. */
export const identityOwner = (
  { operatorAccount }: ManagementParts['config'],
  caller: Caller,
  account: AccountId,
): AccountId => (caller.kind !== 'anonymous' && caller.account === operatorAccount ? operatorAccount : account)

function identitySubject(
  { config }: ManagementParts,
  kind: 'account' | 'user' | 'role',
  input: Input,
  caller: KnownCaller,
): Subject {
  const account = parseAccountId(input.account ?? caller.account)
  return {
    resource: identityArn(kind, account, input),
    owner: identityOwner(config, caller, account),
    domain: null,
    target: () => ({ account }),
  }
}

/** As IAM has it: a listing of users or roles, which names none, is asked of what all their ARNs begin with. */
function identityArn(kind: 'account' | 'user' | 'role', account: AccountId, input: Input): string {
  if (kind === 'account') return `arn:aws:iam::${account}:root`
  return kind === 'user' ? arn.user(account, input.user ?? '') : arn.role(account, input.role ?? '')
}

function newDomainSubject({ config }: ManagementParts, input: Input, caller: KnownCaller): Subject {
  const name = parseDomainName(input.domain ?? '')
  return {
    // CodeArtifact asks for `*`; naming the domain lets a policy say which names may be made, and `*` covers it all the same.
    resource: arn.domain(config.region, caller.account, name),
    owner: caller.account,
    domain: name,
    hasNoPolicy: true,
    target: () => ({ name, owner: caller.account }),
  }
}

type DomainKind = 'domain' | 'new-repository' | 'repository' | 'package'

async function domainSubject(
  parts: ManagementParts,
  kind: DomainKind,
  input: Input,
  caller: KnownCaller,
  topology: number,
): Promise<Subject> {
  const domain = parseDomainName(input.domain ?? '')
  // Left out, it means the caller's own account; a domain of another owner is then as good as missing.
  const owner = parseAccountId(input.domainOwner ?? caller.account)
  const view = await parts.topology.find(domain, topology)
  const isThere = view?.domain.owner === owner
  const read = (): DomainView => {
    if (view && isThere) return view
    throw new RegistryError('not_found', `Domain not found. Domain name: ${domain}, owner account: ${owner}`, {
      resourceType: 'domain',
      resourceId: domain,
    })
  }
  const { region } = parts.config
  const about = { owner, domain, ...(!isThere && ({ hasNoPolicy: true } as const)) }
  if (kind === 'domain') {
    return { ...about, resource: arn.domain(region, owner, domain), target: () => ({ view: read() }) }
  }
  const repository = parseRepositoryName(input.repository ?? '')
  const resource = arn.repository(region, owner, domain, repository)
  // Only the domain's policy can say who may make one.
  if (kind === 'new-repository') return { ...about, resource, target: () => ({ view: read(), name: repository }) }
  const inRepository = () => {
    const there = read()
    return { view: there, repository: readRepository(there, repository) }
  }
  const administrator = isThere ? (view.repositories.get(repository)?.administrator ?? null) : null
  const within = { ...about, repository: { name: repository, administrator } }
  if (kind === 'repository') return { ...within, resource, target: inRepository }
  const name = parsePackageName(
    parts.formats,
    parseFormatId(input.format ?? ''),
    input.package ?? '',
    input.namespace ?? null,
  )
  return {
    ...within,
    resource: arn.package(region, owner, domain, repository, name),
    target: () => ({ ...inRepository(), name }),
  }
}
