import { listRolePolicies } from '../../api/admin/roles.ts'
import { handler } from '../handler.ts'
import { readRole } from '../read-role.ts'

export const listRolePoliciesHandler = handler(listRolePolicies, async (input, { parts, target: { account } }) => {
  const role = await readRole(parts.store, account, input.role)
  const policies = await parts.store.listRolePolicies(account, role.name)
  return { policies: policies.map(({ name, document }) => ({ name, document })) }
})
