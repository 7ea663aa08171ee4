import { deleteUser } from '../../api/admin/identities.ts'
import { planDeleteUser } from '../../auth/identities.ts'
import { handler } from '../handler.ts'
import { readUser } from '../read-user.ts'
import { actOf } from './act.ts'

export const deleteUserHandler = handler(deleteUser, async (input, { parts, target: { account }, manage }) => {
  const user = await readUser(parts.store, account, input.user)
  await parts.store.commit(planDeleteUser(user, actOf(manage)))
  return {}
})
