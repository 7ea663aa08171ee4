import { listRoles } from '../../api/admin/roles.ts'
import { handler } from '../handler.ts'
import { roleJson } from './role-json.ts'

export const listRolesHandler = handler(listRoles, async (_input, { parts, target: { account } }) => ({
  roles: await Promise.all((await parts.store.listRoles(account)).map((role) => roleJson(parts.store, role))),
}))
