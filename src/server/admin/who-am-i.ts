import { whoAmI } from '../../api/admin/identities.ts'
import { handler } from '../handler.ts'

export const whoAmIHandler = handler(whoAmI, async (_input, { caller }) => ({
  account: caller.account,
  user: caller.kind === 'user' ? caller.userName : null,
  role: caller.kind === 'role' ? caller.roleName : null,
  session: caller.kind === 'role' ? caller.sessionName : null,
  id: caller.userId,
  arn: caller.arn,
  domain: caller.domain,
}))
