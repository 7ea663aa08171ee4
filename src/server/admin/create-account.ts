import { createAccount } from '../../api/admin/identities.ts'
import { planCreateAccount } from '../../auth/identities.ts'
import { parseAccountId } from '../../registry/names.ts'
import { handler } from '../handler.ts'
import { actOf } from './act.ts'
import { accountJson } from './json-shapes.ts'

export const createAccountHandler = handler(createAccount, async (input, { parts, manage }) => {
  const id = parseAccountId(input.id)
  await parts.store.commit(planCreateAccount(id, actOf(manage)))
  return accountJson({ id, createdAt: manage.now })
})
