import { detachRolePolicy } from '../../api/admin/roles.ts'
import { planDetachRolePolicy } from '../../auth/roles.ts'
import { handler } from '../handler.ts'
import { readRole } from '../read-role.ts'
import { actOf } from './act.ts'

export const detachRolePolicyHandler = handler(
  detachRolePolicy,
  async (input, { parts, target: { account }, manage }) => {
    const role = await readRole(parts.store, account, input.role)
    await parts.store.commit(planDetachRolePolicy(role, input.policy, actOf(manage)))
    return {}
  },
)
