import { revokeAccessKey } from '../../api/admin/identities.ts'
import { planRevokeAccessKey } from '../../auth/identities.ts'
import { RegistryError } from '../../registry/errors.ts'
import { handler } from '../handler.ts'
import { actOf } from './act.ts'
import { accessKeyJson } from './json-shapes.ts'

export const revokeAccessKeyHandler = handler(
  revokeAccessKey,
  async (input, { parts, target: { account }, manage }) => {
    const key = await parts.store.findAccessKey(input.key)
    // The permission was asked for this user: a key of another one is as good as missing.
    if (key?.account !== account || key.userName !== input.user) {
      throw new RegistryError('not_found', `User ${input.user} of account ${account} has no access key ${input.key}`, {
        resourceId: input.key,
      })
    }
    await parts.store.commit(planRevokeAccessKey(key, actOf(manage)))
    return accessKeyJson({ ...key, revokedAt: key.revokedAt ?? manage.now })
  },
)
