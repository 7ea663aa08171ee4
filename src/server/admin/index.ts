import type { Handler } from '../handler.ts'
import { attachRolePolicyHandler } from './attach-role-policy.ts'
import { attachUserPolicyHandler } from './attach-user-policy.ts'
import { createAccessKeyHandler } from './create-access-key.ts'
import { createAccountHandler } from './create-account.ts'
import { createConnectionHandler } from './create-connection.ts'
import { createRoleHandler } from './create-role.ts'
import { createRuleHandler } from './create-rule.ts'
import { createUserHandler } from './create-user.ts'
import { createWebhookHandler } from './create-webhook.ts'
import { deleteConnectionHandler } from './delete-connection.ts'
import { deleteRoleHandler } from './delete-role.ts'
import { deleteRuleHandler } from './delete-rule.ts'
import { deleteUserHandler } from './delete-user.ts'
import { deleteWebhookHandler } from './delete-webhook.ts'
import { describeConnectionsHandler } from './describe-connections.ts'
import { describeDeliveryHandler } from './describe-delivery.ts'
import { describeEventHandler } from './describe-event.ts'
import { describeWebhookHandler } from './describe-webhook.ts'
import { detachRolePolicyHandler } from './detach-role-policy.ts'
import { detachUserPolicyHandler } from './detach-user-policy.ts'
import { disableWebhookHandler } from './disable-webhook.ts'
import { enableWebhookHandler } from './enable-webhook.ts'
import { explainPolicyHandler } from './explain-policy.ts'
import { getPackageMergeHandler } from './get-package-merge.ts'
import { getRepositorySettingsHandler } from './get-repository-settings.ts'
import { getReservedPrefixesHandler } from './get-reserved-prefixes.ts'
import { listAccessKeysHandler } from './list-access-keys.ts'
import { listAccountsHandler } from './list-accounts.ts'
import { listConnectionsHandler } from './list-connections.ts'
import { listDeliveriesHandler } from './list-deliveries.ts'
import { listEventsHandler } from './list-events.ts'
import { listRolePoliciesHandler } from './list-role-policies.ts'
import { listRolesHandler } from './list-roles.ts'
import { listRulesHandler } from './list-rules.ts'
import { listUserPoliciesHandler } from './list-user-policies.ts'
import { listUsersHandler } from './list-users.ts'
import { listWebhooksHandler } from './list-webhooks.ts'
import { putPackageMergeHandler } from './put-package-merge.ts'
import { putRepositorySettingsHandler } from './put-repository-settings.ts'
import { putReservedPrefixesHandler } from './put-reserved-prefixes.ts'
import { refreshPackageHandler } from './refresh-package.ts'
import { replayDeliveriesHandler } from './replay-deliveries.ts'
import { replayDeliveryHandler } from './replay-delivery.ts'
import { revokeAccessKeyHandler } from './revoke-access-key.ts'
import { revokeRoleSessionsHandler } from './revoke-role-sessions.ts'
import { rotateWebhookSecretHandler } from './rotate-webhook-secret.ts'
import { testEventPatternHandler } from './test-event-pattern.ts'
import { testWebhookHandler } from './test-webhook.ts'
import { updateConnectionHandler } from './update-connection.ts'
import { updateRoleHandler } from './update-role.ts'
import { updateWebhookHandler } from './update-webhook.ts'
import { whoAmIHandler } from './who-am-i.ts'

/** What AWS has no operation for, one file each. */
export const adminHandlers: readonly Handler[] = [
  attachRolePolicyHandler,
  attachUserPolicyHandler,
  createAccessKeyHandler,
  createAccountHandler,
  createConnectionHandler,
  createRoleHandler,
  createRuleHandler,
  createUserHandler,
  createWebhookHandler,
  deleteConnectionHandler,
  deleteRoleHandler,
  deleteRuleHandler,
  deleteUserHandler,
  deleteWebhookHandler,
  describeConnectionsHandler,
  describeDeliveryHandler,
  describeEventHandler,
  describeWebhookHandler,
  detachRolePolicyHandler,
  detachUserPolicyHandler,
  disableWebhookHandler,
  enableWebhookHandler,
  explainPolicyHandler,
  getReservedPrefixesHandler,
  listAccessKeysHandler,
  listAccountsHandler,
  listConnectionsHandler,
  listDeliveriesHandler,
  listEventsHandler,
  listRolePoliciesHandler,
  listRolesHandler,
  listRulesHandler,
  listUserPoliciesHandler,
  listUsersHandler,
  listWebhooksHandler,
  putReservedPrefixesHandler,
  getPackageMergeHandler,
  putPackageMergeHandler,
  getRepositorySettingsHandler,
  putRepositorySettingsHandler,
  refreshPackageHandler,
  replayDeliveriesHandler,
  replayDeliveryHandler,
  revokeAccessKeyHandler,
  revokeRoleSessionsHandler,
  rotateWebhookSecretHandler,
  testEventPatternHandler,
  testWebhookHandler,
  updateConnectionHandler,
  updateRoleHandler,
  updateWebhookHandler,
  whoAmIHandler,
]
