import { allOperations } from '../../api/index.ts'
import type { AccessQuestion } from '../../registry/authorize.ts'
import { RegistryError } from '../../registry/errors.ts'
import type { Caller } from '../../registry/model.ts'
import {
  arn,
  parseAccountId,
  parseDomainName,
  parseFormatId,
  parseRepositoryName,
  type AccountId,
  type DomainName,
  type RepositoryName,
} from '../../registry/names.ts'
import type { ManagementParts } from '../handler.ts'
import { identityOwner } from '../management-target.ts'
import { parsePackageName } from '../package-names.ts'

type Parts = Pick<ManagementParts, 'store' | 'topology' | 'config' | 'formats'>

/** What is asked about, and whose it is; it need not exist. */
export type Subject = {
  /** As real requests write it: `*`, or an ARN with this installation's region and names in their normal form. */
  readonly resource: string
  /** null: what is nobody's in particular is the caller's own, or the installation's. */
  readonly account: AccountId | null
  readonly domain: DomainName | null
  readonly repository: RepositoryName | null
}

const ARN = /^arn:aws:(codeartifact|iam|sts):([a-z0-9-]*):([0-9]{12}):([^:]+)$/
const THING = /^(?:domain\/([^/]+)|repository\/([^/]+)\/([^/]+)|package\/([^/]+)\/([^/]+)\/([^/]+)\/([^/]*)\/([^/]+))$/

/** Throws `invalid` for what is neither `*` nor an ARN of this installation, whose region may be left empty. */
export function parseSubject({ config, formats }: Parts, text: string): Subject {
  if (text === '*') return { resource: text, account: null, domain: null, repository: null }
  const [, service, region, accountText, thing = ''] = ARN.exec(text) ?? []
  if (accountText === undefined) throw notAnArn(text)
  const account = parseAccountId(accountText)
  if (service !== 'codeartifact') return { resource: text, account, domain: null, repository: null }
  if (region !== '' && region !== config.region) {
    throw new RegistryError('invalid', `The ARNs of this installation have the region ${config.region}`)
  }
  const [, onlyDomain, ofRepository, onlyRepository, ofPackage, inRepository, format, namespace, name] =
    THING.exec(thing) ?? []
  const domainText = onlyDomain ?? ofRepository ?? ofPackage
  if (domainText === undefined) throw notAnArn(text)
  const domain = parseDomainName(domainText)
  if (onlyDomain !== undefined) {
    return { resource: arn.domain(config.region, account, domain), account, domain, repository: null }
  }
  const repository = parseRepositoryName(onlyRepository ?? inRepository ?? '')
  const at = [config.region, account, domain, repository] as const
  if (format === undefined) return { resource: arn.repository(...at), account, domain, repository }
  const found = parsePackageName(formats, parseFormatId(format), name ?? '', namespace || null)
  return { resource: arn.package(...at, found), account, domain, repository }
}

const notAnArn = (text: string): RegistryError =>
  new RegistryError(
    'invalid',
    `${JSON.stringify(text.slice(0, 200))} is neither \`*\` nor the ARN of a domain, a repository, a package, a user or a role`,
  )

/** The question that a request for this would ask. */
export async function questionAbout(
  { topology, config, store }: Parts,
  { resource, account, domain, repository }: Subject,
  asked: { readonly caller: Caller; readonly action: string; readonly topology: number },
): Promise<AccessQuestion> {
  const { caller, action } = asked
  const operation = allOperations.find((one) => one.action === action)
  const question = { ...asked, resource, domain }
  if (account === null) {
    const own = caller.kind === 'anonymous' ? config.operatorAccount : caller.account
    return { ...question, owner: operation?.resource === 'installation' ? config.operatorAccount : own }
  }
  if (action === 'sts:AssumeRole') return { ...question, owner: account, ...(await trustOf(store, resource)) }
  if (domain === null) return { ...question, owner: identityOwner(config, caller, account) }
  const view = await topology.find(domain, asked.topology)
  const there = view?.domain.owner === account ? view : undefined
  const administrator = repository && (there?.repositories.get(repository)?.administrator ?? null)
  return {
    ...question,
    owner: account,
    identityPoliciesOnly:
      there === undefined || operation?.resource === 'new-domain' || operation?.ignoresResourcePolicies === true,
    // Only the domain's policy can say who may make a repository.
    ...(repository &&
      operation?.resource !== 'new-repository' && {
        repository: { name: repository, administrator: administrator ?? null },
      }),
  }
}

const ROLE = /^arn:aws:iam::([0-9]{12}):role\/([^/]+)$/

/** Where there is no such role, nobody trusts anybody: only the caller's own policies can say something. */
async function trustOf(store: Parts['store'], resource: string) {
  const [, account, name] = ROLE.exec(resource) ?? []
  if (account === undefined || name === undefined) {
    throw new RegistryError('invalid', 'Only a role can be assumed: its ARN is the resource')
  }
  const trust = await store.findRole(parseAccountId(account), name)
  return trust ? { trust } : { identityPoliciesOnly: true }
}
