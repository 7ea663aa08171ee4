import type { PolicyKind } from '../policy/access/policy.ts'
import { principalAccounts, principalArns } from '../policy/access/principals.ts'
import { RegistryError } from './errors.ts'
import type { PinnedPrincipals } from './model.ts'
import type { AccountId } from './names.ts'
import type { IdentityReads, TopologyReads } from './ports.ts'
import { checkPolicyDocument } from './stored-policies.ts'

export type PrincipalReads = Pick<IdentityReads, 'findUser' | 'findRole'> & Pick<TopologyReads, 'findAccount'>

const NAMED = /^arn:aws:(?:iam|sts)::([0-9]{12}):(user|role|assumed-role)\/(.+)$/

/**
 * The unique ids of everybody whom a policy that is about to be put names. Throws `invalid` for a document that is no policy
 * of its kind, and for principals that do not exist: as IAM, since a name that is free now is anybody's later.
 */
export async function pinPrincipals(
  store: PrincipalReads,
  document: string,
  kind: PolicyKind,
): Promise<PinnedPrincipals> {
  const policy = checkPolicyDocument(document, kind)
  const ids = await Promise.all(principalArns(policy).map(async (arn) => [arn, await findId(store, arn)] as const))
  const accounts = await Promise.all(
    principalAccounts(policy).map(async (id) => [id, await store.findAccount(id as AccountId)] as const),
  )
  const missing = [...ids, ...accounts].filter(([, found]) => found === undefined).map(([name]) => name)
  if (missing.length > 0) {
    const list = missing.map((name) => `"AWS": ${JSON.stringify(name)}`).join(', ')
    throw new RegistryError('invalid', `Invalid principal in policy: ${list}`, { awsCode: 'ValidationException' })
  }
  return Object.fromEntries(ids.flatMap(([arn, id]) => (id === undefined ? [] : [[arn, id]])))
}

/** The user's id, or the role's, also where the ARN is that of a session. */
async function findId(store: PrincipalReads, arn: string): Promise<string | undefined> {
  const [, account, kind, rest = ''] = NAMED.exec(arn) ?? []
  if (account === undefined) return undefined
  if (kind === 'user') return (await store.findUser(account as AccountId, rest))?.id
  const [role = ''] = kind === 'assumed-role' ? rest.split('/') : [rest]
  return (await store.findRole(account as AccountId, role))?.id
}
