import { listUserPolicies } from '../../api/admin/identities.ts'
import { handler } from '../handler.ts'
import { readUser } from '../read-user.ts'

export const listUserPoliciesHandler = handler(listUserPolicies, async (input, { parts, target: { account } }) => {
  const user = await readUser(parts.store, account, input.user)
  const policies = await parts.store.listIdentityPolicies(account, user.name)
  return { policies: policies.map(({ name, document }) => ({ name, document })) }
})
