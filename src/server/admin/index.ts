import type { Handler } from '../handler.ts'
import { attachUserPolicyHandler } from './attach-user-policy.ts'
import { createAccessKeyHandler } from './create-access-key.ts'
import { createAccountHandler } from './create-account.ts'
import { createConnectionHandler } from './create-connection.ts'
import { createRuleHandler } from './create-rule.ts'
import { createUserHandler } from './create-user.ts'
import { deleteConnectionHandler } from './delete-connection.ts'
import { deleteRuleHandler } from './delete-rule.ts'
import { deleteUserHandler } from './delete-user.ts'
import { detachUserPolicyHandler } from './detach-user-policy.ts'
import { getReservedPrefixesHandler } from './get-reserved-prefixes.ts'
import { listAccessKeysHandler } from './list-access-keys.ts'
import { listAccountsHandler } from './list-accounts.ts'
import { listConnectionsHandler } from './list-connections.ts'
import { listEventsHandler } from './list-events.ts'
import { listRulesHandler } from './list-rules.ts'
import { listUserPoliciesHandler } from './list-user-policies.ts'
import { listUsersHandler } from './list-users.ts'
import { putReservedPrefixesHandler } from './put-reserved-prefixes.ts'
import { revokeAccessKeyHandler } from './revoke-access-key.ts'
import { whoAmIHandler } from './who-am-i.ts'

/** What AWS has no operation for, one file each. */
export const adminHandlers: readonly Handler[] = [
  attachUserPolicyHandler,
  createAccessKeyHandler,
  createAccountHandler,
  createConnectionHandler,
  createRuleHandler,
  createUserHandler,
  deleteConnectionHandler,
  deleteRuleHandler,
  deleteUserHandler,
  detachUserPolicyHandler,
  getReservedPrefixesHandler,
  listAccessKeysHandler,
  listAccountsHandler,
  listConnectionsHandler,
  listEventsHandler,
  listRulesHandler,
  listUserPoliciesHandler,
  listUsersHandler,
  putReservedPrefixesHandler,
  revokeAccessKeyHandler,
  whoAmIHandler,
]
