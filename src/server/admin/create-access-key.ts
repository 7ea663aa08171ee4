import { createAccessKey } from '../../api/admin/identities.ts'
import { accessKeyContext, mintAccessKeyId, mintSecret } from '../../auth/identifiers.ts'
import { planCreateAccessKey } from '../../auth/identities.ts'
import { refuseMore } from '../../auth/quotas.ts'
import { handler } from '../handler.ts'
import { readUser } from '../read-user.ts'
import { actOf } from './act.ts'
import { timestamp } from './json-shapes.ts'

export const createAccessKeyHandler = handler(
  createAccessKey,
  async (input, { parts, target: { account }, manage }) => {
    const user = await readUser(parts.store, account, input.user)
    const good = (await parts.store.listAccessKeys(account, user.name)).filter(({ revokedAt }) => revokedAt === null)
    refuseMore('access keys of a user', good.length)
    const [id, secret] = [mintAccessKeyId(), mintSecret()]
    const sealed = parts.sealer.seal(secret, accessKeyContext(id))
    await parts.store.commit(planCreateAccessKey(user, { id, secret: sealed }, actOf(manage)))
    const key = { account, user: user.name, createdAt: timestamp(manage.now), revokedAt: null }
    return { ...key, accessKeyId: id, secretAccessKey: secret }
  },
)
