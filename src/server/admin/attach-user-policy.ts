import { attachUserPolicy } from '../../api/admin/identities.ts'
import { planAttachPolicy } from '../../auth/identities.ts'
import { checkPolicyDocument } from '../../registry/authorize.ts'
import { RegistryError } from '../../registry/errors.ts'
import { POLICY_PRESETS } from '../../registry/policy-presets.ts'
import { handler } from '../handler.ts'
import { readUser } from '../read-user.ts'
import { actOf } from './act.ts'

export const attachUserPolicyHandler = handler(
  attachUserPolicy,
  async (input, { parts, target: { account }, manage }) => {
    if ((input.document === undefined) === (input.preset === undefined)) {
      throw new RegistryError('invalid', 'Give either a document or the name of a preset')
    }
    const document = input.preset === undefined ? (input.document ?? '') : POLICY_PRESETS[input.preset]
    checkPolicyDocument(document, 'identity')
    const user = await readUser(parts.store, account, input.user)
    await parts.store.commit(planAttachPolicy(user, { name: input.policy, document }, actOf(manage)))
    return { name: input.policy, document }
  },
)
