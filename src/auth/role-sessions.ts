import type { Instant, RoleCaller } from '../registry/model.ts'
import { arn, parseAccountId } from '../registry/names.ts'
import { mintSecret, mintSessionKeyId } from './identifiers.ts'
import type { Sealer } from './secrets.ts'

// A role session is stored nowhere: all that there is to know of it travels sealed in its session token, which its holder
// sends with each request beside a signature made with the session's own secret. What ends it early stands in the database:
// the access key at its root, the role, and the moment from which the role's sessions count.

/** What a role session and the tokens made by it know of how the role was assumed. */
export type AssumedRole = Pick<
  RoleCaller,
  'account' | 'roleName' | 'roleId' | 'sessionName' | 'sessionPolicy' | 'issuedAt' | 'accessKeyId'
>

export type RoleSession = {
  readonly assumed: AssumedRole
  /** What its requests are signed with. */
  readonly secret: string
  readonly expiresAt: Instant
}

export type SessionCredentials = {
  /** `ASIA` and 16 letters or digits. */
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
  readonly expiresAt: Instant
}

export type RoleSessions = {
  issue(session: Omit<RoleSession, 'secret'>): SessionCredentials
  /** undefined where the token is not one of this installation for this very key. It may have expired. */
  open(accessKeyId: string, sessionToken: string): RoleSession | undefined
}

/** The longest session policy, of characters that take two bytes each, stays below it; so does the limit of Node.js for all headers. */
export const MAX_SESSION_TOKEN_LENGTH = 8_192

const FORM = 1

/** As it is sealed: short names, because it is sent with each request. */
type Sealed = {
  readonly v: typeof FORM
  readonly secret: string
  readonly account: string
  readonly role: string
  readonly id: string
  readonly name: string
  readonly policy: string | null
  readonly key: string
  readonly from: Instant
  readonly to: Instant
}

/** @param issuer the installation's id: sessions of another installation are refused even if it shares the master key. */
export function createRoleSessions({ sealer, issuer }: { sealer: Sealer; issuer: string }): RoleSessions {
  // The key's id is authenticated with it: a session token does not open beside the id of another session.
  const contextOf = (accessKeyId: string) => `role-session/${issuer}/${accessKeyId}`
  return {
    issue({ assumed, expiresAt }) {
      const [accessKeyId, secretAccessKey] = [mintSessionKeyId(), mintSecret()]
      const sealed: Sealed = {
        v: FORM,
        secret: secretAccessKey,
        account: assumed.account,
        role: assumed.roleName,
        id: assumed.roleId,
        name: assumed.sessionName,
        policy: assumed.sessionPolicy,
        key: assumed.accessKeyId,
        from: assumed.issuedAt,
        to: expiresAt,
      }
      const sessionToken = sealer.seal(JSON.stringify(sealed), contextOf(accessKeyId))
      return { accessKeyId, secretAccessKey, sessionToken, expiresAt }
    },

    open(accessKeyId, sessionToken) {
      if (!/^ASIA\w{16}$/.test(accessKeyId) || sessionToken.length > MAX_SESSION_TOKEN_LENGTH) return undefined
      const text = openOrNothing(sealer, sessionToken, contextOf(accessKeyId))
      return text === undefined ? undefined : readSession(JSON.parse(text) as Sealed)
    },
  }
}

/** What a client sends is no sealed text of ours until it opens: why it does not is nothing to log as a fault. */
function openOrNothing(sealer: Sealer, sealed: string, context: string): string | undefined {
  try {
    return sealer.open(sealed, context).toString()
  } catch {
    return undefined
  }
}

/** It opened, so it is what `issue` wrote, by this version of the program or by another. */
function readSession(sealed: Sealed): RoleSession | undefined {
  if (sealed.v !== FORM) return undefined
  return {
    assumed: {
      account: parseAccountId(sealed.account),
      roleName: sealed.role,
      roleId: sealed.id,
      sessionName: sealed.name,
      sessionPolicy: sealed.policy,
      issuedAt: sealed.from,
      accessKeyId: sealed.key,
    },
    secret: sealed.secret,
    expiresAt: sealed.to,
  }
}

export const toRoleCaller = (
  assumed: AssumedRole,
  by: Pick<RoleCaller, 'domain' | 'credential' | 'expiresAt'>,
): RoleCaller => ({
  kind: 'role',
  ...assumed,
  arn: arn.roleSession(assumed.account, assumed.roleName, assumed.sessionName),
  roleArn: arn.role(assumed.account, assumed.roleName),
  userId: `${assumed.roleId}:${assumed.sessionName}`,
  ...by,
})
