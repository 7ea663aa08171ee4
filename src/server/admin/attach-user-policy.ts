import { attachUserPolicy } from '../../api/admin/identities.ts'
import { planAttachPolicy } from '../../auth/identities.ts'
import { refuseMore } from '../../auth/quotas.ts'
import { handler } from '../handler.ts'
import { readUser } from '../read-user.ts'
import { actOf } from './act.ts'
import { readAttachedDocument } from './attached-document.ts'

export const attachUserPolicyHandler = handler(
  attachUserPolicy,
  async (input, { parts, target: { account }, manage }) => {
    const document = readAttachedDocument(input)
    const user = await readUser(parts.store, account, input.user)
    const others = (await parts.store.listIdentityPolicies(account, user.name)).filter(
      ({ name }) => name !== input.policy,
    )
    refuseMore('policies of a user or role', others.length)
    await parts.store.commit(planAttachPolicy(user, { name: input.policy, document }, actOf(manage)))
    return { name: input.policy, document }
  },
)
