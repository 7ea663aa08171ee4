import { createUser } from '../../api/admin/identities.ts'
import { mintUserId } from '../../auth/identifiers.ts'
import { planCreateUser } from '../../auth/identities.ts'
import { refuseMore } from '../../auth/quotas.ts'
import { handler } from '../handler.ts'
import { actOf } from './act.ts'
import { userJson } from './json-shapes.ts'

export const createUserHandler = handler(createUser, async (input, { parts, target: { account }, manage }) => {
  refuseMore('users of an account', (await parts.store.listUsers(account)).length)
  const user = { account, name: input.user, id: mintUserId() }
  await parts.store.commit(planCreateUser(user, actOf(manage)))
  return userJson({ ...user, createdAt: manage.now })
})
