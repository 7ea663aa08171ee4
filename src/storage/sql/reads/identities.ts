import type { Selectable } from 'kysely'
import type { AccessKey, Role, User } from '../../../registry/model.ts'
import type { IdentityReads } from '../../../registry/ports.ts'
import type { Database } from '../schema.ts'
import type { Source } from './source.ts'

export function identityReads({ executor, queries }: Source): IdentityReads {
  return {
    async findUser(account, name) {
      const [row] = await executor.all(
        queries.selectFrom('users').selectAll().where('account', '=', account).where('name', '=', name).compile(),
      )
      return row && userOf(row)
    },
    async listUsers(account) {
      const rows = await executor.all(
        queries.selectFrom('users').selectAll().where('account', '=', account).orderBy('name').compile(),
      )
      return rows.map(userOf)
    },
    async findAccessKey(id) {
      const [row] = await executor.all(queries.selectFrom('access_keys').selectAll().where('id', '=', id).compile())
      return row && accessKeyOf(row)
    },
    async listAccessKeys(account, userName) {
      const rows = await executor.all(
        queries
          .selectFrom('access_keys')
          .selectAll()
          .where('account', '=', account)
          .where('user_name', '=', userName)
          .orderBy('created_at')
          .orderBy('id')
          .compile(),
      )
      return rows.map(accessKeyOf)
    },
    async listIdentityPolicies(account, userName) {
      const rows = await executor.all(
        queries
          .selectFrom('identity_policies')
          .selectAll()
          .where('account', '=', account)
          .where('user_name', '=', userName)
          .orderBy('name')
          .compile(),
      )
      return rows.map((row) => ({
        account: row.account,
        userName: row.user_name,
        name: row.name,
        document: row.document,
      }))
    },
    async findRole(account, name) {
      const [row] = await executor.all(
        queries.selectFrom('roles').selectAll().where('account', '=', account).where('name', '=', name).compile(),
      )
      return row && roleOf(row)
    },
    async listRoles(account) {
      const rows = await executor.all(
        queries.selectFrom('roles').selectAll().where('account', '=', account).orderBy('name').compile(),
      )
      return rows.map(roleOf)
    },
    async listRolePolicies(account, roleName) {
      const rows = await executor.all(
        queries
          .selectFrom('role_policies')
          .selectAll()
          .where('account', '=', account)
          .where('role_name', '=', roleName)
          .orderBy('name')
          .compile(),
      )
      return rows.map((row) => ({
        account: row.account,
        roleName: row.role_name,
        name: row.name,
        document: row.document,
      }))
    },
    async listSigningKeys() {
      const rows = await executor.all(
        queries.selectFrom('signing_keys').selectAll().orderBy('created_at', 'desc').orderBy('id', 'desc').compile(),
      )
      return rows.map((row) => ({
        id: row.id,
        algorithm: row.algorithm,
        publicJwk: row.public_jwk,
        privateJwk: row.private_jwk,
        createdAt: row.created_at,
        retiredAt: row.retired_at,
      }))
    },
  }
}

const userOf = (row: Selectable<Database['users']>): User => ({
  account: row.account,
  name: row.name,
  id: row.id,
  createdAt: row.created_at,
})

const roleOf = (row: Selectable<Database['roles']>): Role => ({
  account: row.account,
  name: row.name,
  id: row.id,
  createdAt: row.created_at,
  trust: row.trust,
  trusted: JSON.parse(row.trusted),
  maxSessionSeconds: row.max_session_seconds,
  sessionsValidFrom: row.sessions_valid_from,
})

const accessKeyOf = (row: Selectable<Database['access_keys']>): AccessKey => ({
  id: row.id,
  account: row.account,
  userName: row.user_name,
  userId: row.user_id,
  secret: row.secret,
  createdAt: row.created_at,
  revokedAt: row.revoked_at,
})
