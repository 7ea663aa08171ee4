import { detachUserPolicy } from '../../api/admin/identities.ts'
import { planDetachPolicy } from '../../auth/identities.ts'
import { handler } from '../handler.ts'
import { readUser } from '../read-user.ts'
import { actOf } from './act.ts'

export const detachUserPolicyHandler = handler(
  detachUserPolicy,
  async (input, { parts, target: { account }, manage }) => {
    const user = await readUser(parts.store, account, input.user)
    await parts.store.commit(planDetachPolicy(user, input.policy, actOf(manage)))
    return {}
  },
)
