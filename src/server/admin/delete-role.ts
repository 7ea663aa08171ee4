import { deleteRole } from '../../api/admin/roles.ts'
import { planDeleteRole } from '../../auth/roles.ts'
import { handler } from '../handler.ts'
import { readRole } from '../read-role.ts'
import { actOf } from './act.ts'

export const deleteRoleHandler = handler(deleteRole, async (input, { parts, target: { account }, manage }) => {
  const role = await readRole(parts.store, account, input.role)
  await parts.store.commit(planDeleteRole(role, actOf(manage)))
  return {}
})
