import { BadPattern } from './match.ts'
import type { Policy, PrincipalPattern, Statement } from './policy.ts'

export type Principal = {
  /** A user's, or a role session's: `arn:aws:sts::111122223333:assumed-role/build/run-7`. */
  readonly arn: string
  readonly account: string
  /** The user's unique id, or that of the session's role. */
  readonly id: string
  /** The ARN of the role that was assumed; null for a user. */
  readonly role: string | null
}

/** ARNs of users, roles and role sessions to the unique ids that they had when the policy was put. */
export type Pins = Readonly<Record<string, string>>

/**
 * By which of the caller's names a statement means them, the most telling first. `caller`: the user or the very session.
 * `role`: the role, whoever assumed it. `account`: everybody in it, which is for the account itself to share out.
 */
const NAMES = ['caller', 'role', 'everyone', 'account'] as const
export type NamedAs = (typeof NAMES)[number]

const ACCOUNT = /^(?:arn:aws:iam::)?([0-9]{12})(?::root)?$/
const ARN =
  /^arn:aws:(?:iam::([0-9]{12}):(?:user|role)|sts::([0-9]{12}):assumed-role\/[\w+=,.@-]+)\/[\w+=,.@-][\w+=,.@/-]*$/

/** Throws `BadPattern`. */
export function parsePrincipal(text: string): PrincipalPattern {
  if (text === '*') return { kind: 'everyone' }
  const account = ACCOUNT.exec(text)
  if (account?.[1] && text.startsWith('arn:') === text.endsWith(':root'))
    return { kind: 'account', account: account[1] }
  if (ARN.test(text)) return { kind: 'arn', arn: text }
  const hint = text.includes('*') || text.includes('?') ? '; a wildcard stands alone or not at all' : ''
  throw new BadPattern(
    `${JSON.stringify(text)} is not a principal${hint}: "*", an account id, or the ARN of a user or role`,
  )
}

/** By what name the statement of a resource or trust policy means the principal (null: nobody is logged in); null if it does not. */
export function namedBy(statement: Statement, principal: Principal | null, pins: Pins): NamedAs | null {
  const { principals, effect } = statement
  if (!principals) return null
  const found = new Set(principals.listed.map((listed) => nameIn(listed, principal, pins)))
  if (!principals.negated) return NAMES.find((name) => found.has(name)) ?? null
  if (effect === 'Allow') return NAMES.some((name) => found.has(name)) ? null : 'everyone'
  return isExempt(found, principal) ? null : 'everyone'
}

/**
 * IAM holds a Deny with NotPrincipal against the account, then the role, then the session: whoever is to be left out has to be
 * listed by all these names, and a list of the account alone leaves out none of its users.
 */
function isExempt(found: ReadonlySet<NamedAs | null>, principal: Principal | null): boolean {
  if (found.has('everyone')) return true
  if (principal === null || !found.has('account') || !found.has('caller')) return false
  return principal.role === null || found.has('role')
}

function nameIn(listed: PrincipalPattern, principal: Principal | null, pins: Pins): NamedAs | null {
  if (listed.kind === 'everyone') return 'everyone'
  if (principal === null) return null
  if (listed.kind === 'account') return listed.account === principal.account ? 'account' : null
  // Whoever was made anew under the name of one who is gone is somebody else.
  const pinned = pins[listed.arn]
  if (pinned !== undefined && pinned !== principal.id) return null
  if (listed.arn === principal.arn) return 'caller'
  return listed.arn === principal.role ? 'role' : null
}

/** The ARNs of users, roles and role sessions that a policy names, each once. */
export const principalArns = (policy: Policy): readonly string[] =>
  listedOf(policy, (listed) => (listed.kind === 'arn' ? listed.arn : undefined))

/** The accounts that a policy names as a whole, each once. */
export const principalAccounts = (policy: Policy): readonly string[] =>
  listedOf(policy, (listed) => (listed.kind === 'account' ? listed.account : undefined))

const listedOf = (policy: Policy, read: (listed: PrincipalPattern) => string | undefined): readonly string[] => [
  ...new Set(
    policy.statements.flatMap(({ principals }) => (principals?.listed ?? []).flatMap((listed) => read(listed) ?? [])),
  ),
]
