import { randomBytes, randomUUID } from 'node:crypto'
import type { Change } from '../../src/registry/changes.ts'
import type { Role, User } from '../../src/registry/model.ts'
import { parseAccountId, parseDomainName } from '../../src/registry/names.ts'
import { openSqlite } from '../../src/storage/sql/sqlite.ts'
import { createAuthenticator } from '../../src/auth/authenticate.ts'
import { accessKeyContext, mintAccessKeyId, mintRoleId, mintSecret, mintUserId } from '../../src/auth/identifiers.ts'
import { planCreateAccessKey, planCreateAccount, planCreateUser, type Act } from '../../src/auth/identities.ts'
import { createRoleSessions } from '../../src/auth/role-sessions.ts'
import { planCreateRole } from '../../src/auth/roles.ts'
import { createSealer } from '../../src/auth/secrets.ts'
import { createTokens } from '../../src/auth/tokens.ts'

// For tests only: an installation in memory with one account, a clock that stands still, and as many processes as wanted.

export const ACCOUNT = parseAccountId('111122223333')
export const DOMAIN = parseDomainName('local')

export async function startInstallation() {
  const clock = { time: Date.parse('2026-06-01T12:00:00Z'), now: () => clock.time }
  const store = await openSqlite(':memory:', { clock })
  const masterKey = randomBytes(32)
  const sealer = createSealer(masterKey)
  const act = (): Act => ({ actor: 'granary:system', now: clock.now(), eventId: randomUUID() })
  await store.commit(planCreateAccount(ACCOUNT, act()))

  /** What one process of the installation keeps in memory, over a store whose calls are counted. */
  const startProcess = () => {
    const calls: string[] = []
    const counted = new Proxy(store, {
      get(target, name, receiver) {
        const member: unknown = Reflect.get(target, name, receiver)
        if (typeof member !== 'function') return member
        return (...args: unknown[]): unknown => {
          calls.push(String(name))
          return Reflect.apply(member, target, args)
        }
      },
    })
    const parts = { store: counted, sealer: createSealer(masterKey), clock }
    const tokens = createTokens({ ...parts, issuer: 'installation-1' })
    const sessions = createRoleSessions({ ...parts, issuer: 'installation-1' })
    const authenticator = createAuthenticator({ ...parts, tokens, sessions, hosts: ['registry.example'] })
    return { calls, tokens, sessions, authenticator }
  }

  return {
    clock,
    store,
    sealer,
    act,
    startProcess,
    commit: (changes: readonly Change[]) => store.commit(changes),
    async topology(): Promise<number> {
      return (await store.readRevision({ domain: DOMAIN, format: 'npm', key: 'x' as never, index: null })).topology
    },
    async createUser(name: string): Promise<User> {
      await store.commit(planCreateUser({ account: ACCOUNT, name, id: mintUserId() }, act()))
      const user = await store.findUser(ACCOUNT, name)
      if (!user) throw new Error(`The user ${name} must exist now`)
      return user
    },
    async createKey(user: User): Promise<{ readonly id: string; readonly secret: string }> {
      const [id, secret] = [mintAccessKeyId(), mintSecret()]
      await store.commit(planCreateAccessKey(user, { id, secret: sealer.seal(secret, accessKeyContext(id)) }, act()))
      return { id, secret }
    },
    async createRole(name: string): Promise<Role> {
      const wish = { account: ACCOUNT, name, id: mintRoleId(), trust: '{}', trusted: {}, maxSessionSeconds: 3_600 }
      const { role, changes } = planCreateRole(wish, act())
      await store.commit(changes)
      return role
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

export type Installation = Awaited<ReturnType<typeof startInstallation>>
