import { attachRolePolicy } from '../../api/admin/roles.ts'
import { refuseMore } from '../../auth/quotas.ts'
import { planAttachRolePolicy } from '../../auth/roles.ts'
import { handler } from '../handler.ts'
import { readRole } from '../read-role.ts'
import { actOf } from './act.ts'
import { readAttachedDocument } from './attached-document.ts'

export const attachRolePolicyHandler = handler(
  attachRolePolicy,
  async (input, { parts, target: { account }, manage }) => {
    const document = readAttachedDocument(input)
    const role = await readRole(parts.store, account, input.role)
    const others = (await parts.store.listRolePolicies(account, role.name)).filter(({ name }) => name !== input.policy)
    refuseMore('policies of a user or role', others.length)
    await parts.store.commit(planAttachRolePolicy(role, { name: input.policy, document }, actOf(manage)))
    return { name: input.policy, document }
  },
)
