import { statement } from '../executor.ts'
import { exists, missing, type Plans } from './plan.ts'

export const installationChanges: Plans<'create-setting' | 'create-signing-key' | 'retire-signing-key'> = {
  'create-setting': {
    moves: 'none',
    statements: (queries, { key, value }) => [
      statement(queries.insertInto('settings').values({ key, value }), { duplicate: exists('The setting', key) }),
    ],
  },
  'create-signing-key': {
    moves: 'none',
    statements: (queries, { key }) => [
      statement(
        queries.insertInto('signing_keys').values({
          id: key.id,
          algorithm: key.algorithm,
          public_jwk: key.publicJwk,
          private_jwk: key.privateJwk,
          created_at: key.createdAt,
          retired_at: key.retiredAt,
        }),
        { duplicate: exists('The signing key', key.id) },
      ),
    ],
  },
  'retire-signing-key': {
    moves: 'none',
    statements: (queries, { id, at }) => [
      statement(
        queries
          .updateTable('signing_keys')
          .set((eb) => ({ retired_at: eb.fn.coalesce('retired_at', eb.val(at)) }))
          .where('id', '=', id),
        { none: missing('The signing key', id) },
      ),
    ],
  },
}

export const identityChanges: Plans<
  | 'create-account'
  | 'create-user'
  | 'delete-user'
  | 'put-identity-policy'
  | 'delete-identity-policy'
  | 'create-access-key'
  | 'revoke-access-key'
> = {
  'create-account': {
    moves: 'topology',
    statements: (queries, { account }) => [
      statement(queries.insertInto('accounts').values({ id: account.id, created_at: account.createdAt }), {
        duplicate: exists('The account', account.id),
      }),
    ],
  },
  'create-user': {
    moves: 'topology',
    statements: (queries, { user }) => [
      statement(
        queries
          .insertInto('users')
          .values({ account: user.account, name: user.name, id: user.id, created_at: user.createdAt }),
        { duplicate: exists('The user', user.name), reference: missing('The account', user.account) },
      ),
    ],
  },
  'delete-user': {
    moves: 'topology',
    statements: (queries, { account, name }) => [
      statement(queries.deleteFrom('users').where('account', '=', account).where('name', '=', name), {
        none: missing('The user', name),
      }),
    ],
  },
  'put-identity-policy': {
    moves: 'topology',
    statements: (queries, { policy }) => [
      statement(
        queries
          .insertInto('identity_policies')
          .values({
            account: policy.account,
            user_name: policy.userName,
            name: policy.name,
            document: policy.document,
          })
          .onConflict((it) =>
            it
              .columns(['account', 'user_name', 'name'])
              .doUpdateSet((eb) => ({ document: eb.ref('excluded.document') })),
          ),
        { reference: missing('The user', policy.userName) },
      ),
    ],
  },
  'delete-identity-policy': {
    moves: 'topology',
    statements: (queries, { account, userName, name }) => [
      statement(
        queries
          .deleteFrom('identity_policies')
          .where('account', '=', account)
          .where('user_name', '=', userName)
          .where('name', '=', name),
        { none: missing('The policy', name) },
      ),
    ],
  },
  'create-access-key': {
    moves: 'topology',
    statements: (queries, { key }) => [
      statement(
        queries.insertInto('access_keys').values({
          id: key.id,
          account: key.account,
          user_name: key.userName,
          user_id: key.userId,
          secret: key.secret,
          created_at: key.createdAt,
          revoked_at: key.revokedAt,
        }),
        { duplicate: exists('The access key', key.id), reference: missing('The user', key.userName) },
      ),
    ],
  },
  'revoke-access-key': {
    moves: 'topology',
    statements: (queries, { id, at }) => [
      statement(
        queries
          .updateTable('access_keys')
          .set((eb) => ({ revoked_at: eb.fn.coalesce('revoked_at', eb.val(at)) }))
          .where('id', '=', id),
        { none: missing('The access key', id) },
      ),
    ],
  },
}
