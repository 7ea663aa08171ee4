import { whoAmI } from '../../api/admin/identities.ts'
import { handler } from '../handler.ts'

export const whoAmIHandler = handler(whoAmI, async (_input, { caller }) => ({
  account: caller.account,
  user: caller.userName,
  id: caller.userId,
  arn: caller.arn,
  domain: caller.domain,
}))
