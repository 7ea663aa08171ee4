import { listUsers } from '../../api/admin/identities.ts'
import { handler } from '../handler.ts'
import { userJson } from './json-shapes.ts'

export const listUsersHandler = handler(listUsers, async (_input, { parts, target: { account } }) => ({
  users: (await parts.store.listUsers(account)).map(userJson),
}))
