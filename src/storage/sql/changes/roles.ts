import { statement } from '../executor.ts'
import { exists, missing, type Plans } from './plan.ts'
import { topologyIsStill } from './topology.ts'

export const roleChanges: Plans<'create-role' | 'set-role' | 'delete-role' | 'put-role-policy' | 'delete-role-policy'> =
  {
    'create-role': {
      moves: 'topology',
      statements: (queries, { role }) => [
        statement(
          queries.insertInto('roles').values({
            account: role.account,
            name: role.name,
            id: role.id,
            created_at: role.createdAt,
            trust: role.trust,
            trusted: JSON.stringify(role.trusted),
            max_session_seconds: role.maxSessionSeconds,
            sessions_valid_from: role.sessionsValidFrom,
          }),
          { duplicate: exists('The role', role.name), reference: missing('The account', role.account) },
        ),
      ],
    },
    'set-role': {
      moves: 'topology',
      statements: (queries, { role, plannedAt }) => [
        ...(plannedAt === undefined ? [] : [topologyIsStill(queries, plannedAt)]),
        statement(
          queries
            .updateTable('roles')
            .set({
              trust: role.trust,
              trusted: JSON.stringify(role.trusted),
              max_session_seconds: role.maxSessionSeconds,
              sessions_valid_from: role.sessionsValidFrom,
            })
            .where('account', '=', role.account)
            .where('name', '=', role.name)
            // A role that was made anew under the name is another one.
            .where('id', '=', role.id),
          { none: missing('The role', role.name) },
        ),
      ],
    },
    'delete-role': {
      moves: 'topology',
      statements: (queries, { account, name }) => [
        statement(queries.deleteFrom('roles').where('account', '=', account).where('name', '=', name), {
          none: missing('The role', name),
        }),
      ],
    },
    'put-role-policy': {
      moves: 'topology',
      statements: (queries, { policy }) => [
        statement(
          queries
            .insertInto('role_policies')
            .values({
              account: policy.account,
              role_name: policy.roleName,
              name: policy.name,
              document: policy.document,
            })
            .onConflict((it) =>
              it
                .columns(['account', 'role_name', 'name'])
                .doUpdateSet((eb) => ({ document: eb.ref('excluded.document') })),
            ),
          { reference: missing('The role', policy.roleName) },
        ),
      ],
    },
    'delete-role-policy': {
      moves: 'topology',
      statements: (queries, { account, roleName, name }) => [
        statement(
          queries
            .deleteFrom('role_policies')
            .where('account', '=', account)
            .where('role_name', '=', roleName)
            .where('name', '=', name),
          { none: missing('The policy', name) },
        ),
      ],
    },
  }
