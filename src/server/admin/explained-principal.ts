import { toUserCaller } from '../../auth/callers.ts'
import { toRoleCaller } from '../../auth/role-sessions.ts'
import { RegistryError } from '../../registry/errors.ts'
import { ANONYMOUS, type Caller } from '../../registry/model.ts'
import { parseAccountId, type AccountId } from '../../registry/names.ts'
import type { Clock, IdentityReads } from '../../registry/ports.ts'
import { readRole } from '../read-role.ts'
import { readUser } from '../read-user.ts'

/** Who is asked about, as written; nothing says yet that there is such a user or role. */
export type WrittenPrincipal =
  | { readonly kind: 'anonymous'; readonly account: null }
  | { readonly kind: 'user'; readonly account: AccountId; readonly name: string }
  | { readonly kind: 'role'; readonly account: AccountId; readonly name: string; readonly session: string }

/** What stands for the session of a role where only the role is named. */
const SOME_SESSION = 'explained'

const NAME = String.raw`([\w+=,.@-]{1,64})`
const IDENTITY = new RegExp(`^arn:aws:iam::(\\d{12}):(user|role)/${NAME}$`)
const SESSION = new RegExp(`^arn:aws:sts::(\\d{12}):assumed-role/${NAME}/${NAME}$`)

/** Throws `invalid` for what is neither `anonymous` nor the ARN of a user, a role or a session of a role. */
export function parsePrincipal(text: string): WrittenPrincipal {
  if (text === 'anonymous') return { kind: 'anonymous', account: null }
  const [, account, kind, name] = IDENTITY.exec(text) ?? []
  if (account !== undefined && name !== undefined) {
    const of = { account: parseAccountId(account), name }
    return kind === 'user' ? { kind, ...of } : { kind: 'role', ...of, session: SOME_SESSION }
  }
  const [, ofRole, role, session] = SESSION.exec(text) ?? []
  if (ofRole !== undefined && role !== undefined && session !== undefined) {
    return { kind: 'role', account: parseAccountId(ofRole), name: role, session }
  }
  throw new RegistryError(
    'invalid',
    `${JSON.stringify(text.slice(0, 200))} is no principal: give \`anonymous\`, or the ARN of a user, a role or a session of a role`,
  )
}

/** The caller that this principal would be, had it logged in now. Throws `not_found` for a user or role that does not exist. */
export async function readPrincipal(
  { store, clock }: { readonly store: Pick<IdentityReads, 'findUser' | 'findRole'>; readonly clock: Clock },
  written: WrittenPrincipal,
  sessionPolicy: string | null,
): Promise<Caller> {
  if (sessionPolicy !== null && written.kind !== 'role') {
    throw new RegistryError('invalid', 'Only the session of a role has a session policy')
  }
  if (written.kind === 'anonymous') return ANONYMOUS
  const { account, name } = written
  const by = { domain: null, credential: 'none' }
  if (written.kind === 'user') return toUserCaller(await readUser(store, account, name), by)
  const role = await readRole(store, account, name)
  const now = clock.now()
  const assumed = {
    account,
    roleName: name,
    roleId: role.id,
    sessionName: written.session,
    sessionPolicy,
    issuedAt: now,
    accessKeyId: '',
  }
  return toRoleCaller(assumed, { ...by, expiresAt: now + role.maxSessionSeconds * 1000 })
}
