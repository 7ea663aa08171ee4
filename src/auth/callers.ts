import type { AccessKey, KnownCaller, Role, User, UserCaller } from '../registry/model.ts'
import { arn, type AccountId } from '../registry/names.ts'
import type { IdentityReads } from '../registry/ports.ts'
import { TopologyCache } from '../registry/topology-cache.ts'
import { toRoleCaller, type AssumedRole } from './role-sessions.ts'
import { TokenIsOver } from './token-is-over.ts'
import type { TokenClaims } from './tokens.ts'

const REMEMBERED = 10_000

type Reads = Pick<IdentityReads, 'findUser' | 'findAccessKey' | 'findRole'>

export type Callers = {
  /** A key that was not revoked, and its user. */
  findActiveKey(id: string, topology: number): Promise<{ readonly key: AccessKey; readonly user: User } | undefined>
  /** Why a role session, with the tokens made by it, ended before its time; null where it did not. Goes into a sentence. */
  whyEnded(assumed: AssumedRole, topology: number): Promise<string | null>
  /** Throws `TokenIsOver` where whom the token was made for is no longer who they were. */
  ofToken(claims: TokenClaims, topology: number): Promise<KnownCaller>
}

/** Who callers are as users, roles and keys stand at a value of the topology counter: what was revoked before it counts. */
export function createCallers(store: Reads): Callers {
  const users = new TopologyCache<User | undefined>(REMEMBERED)
  const keys = new TopologyCache<AccessKey | undefined>(REMEMBERED)
  const roles = new TopologyCache<Role | undefined>(REMEMBERED)

  /** A user made anew under an old name is somebody else. */
  const findUser = async (
    account: AccountId,
    name: string,
    id: string,
    topology: number,
  ): Promise<User | undefined> => {
    const user = await users.read(topology, `${account}/${name}`, () => store.findUser(account, name))
    return user?.id === id ? user : undefined
  }

  const findActiveKey: Callers['findActiveKey'] = async (id, topology) => {
    if (!/^\w{16,128}$/.test(id)) return undefined
    const key = await keys.read(topology, id, () => store.findAccessKey(id))
    if (!key || key.revokedAt !== null) return undefined
    const user = await findUser(key.account, key.userName, key.userId, topology)
    return user && { key, user }
  }

  const whyEnded: Callers['whyEnded'] = async ({ account, roleName, roleId, issuedAt, accessKeyId }, topology) => {
    const [role, root] = await Promise.all([
      roles.read(topology, `${account}/${roleName}`, () => store.findRole(account, roleName)),
      findActiveKey(accessKeyId, topology),
    ])
    if (role?.id !== roleId) return 'the role does not exist any more'
    if (issuedAt < role.sessionsValidFrom) return 'the sessions of the role were revoked'
    return root ? null : 'the access key that the role was assumed with was revoked'
  }

  const ofUserToken = async (claims: Extract<TokenClaims, { kind: 'user' }>, topology: number) => {
    const [user, made] = await Promise.all([
      findUser(claims.account, claims.userName, claims.userId, topology),
      findActiveKey(claims.accessKeyId, topology),
    ])
    if (!user) throw new TokenIsOver('The user whom the token was made for does not exist any more')
    if (made?.user.id !== user.id)
      throw new TokenIsOver('The access key that the token was made with was revoked; get a new token')
    return toUserCaller(user, { domain: claims.domain, credential: claims.id })
  }

  return {
    findActiveKey,
    whyEnded,
    async ofToken(claims, topology) {
      if (claims.kind === 'user') return ofUserToken(claims, topology)
      const ended = await whyEnded(claims.assumed, topology)
      if (ended !== null)
        throw new TokenIsOver(`The token was made by a role session that is over: ${ended}; get a new token`)
      return toRoleCaller(claims.assumed, {
        domain: claims.domain,
        credential: claims.id,
        expiresAt: claims.expiresAt,
      })
    },
  }
}

export const toUserCaller = (user: User, by: Pick<UserCaller, 'domain' | 'credential'>): UserCaller => ({
  kind: 'user',
  account: user.account,
  userName: user.name,
  userId: user.id,
  arn: arn.user(user.account, user.name),
  ...by,
})
