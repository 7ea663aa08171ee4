import { revokeRoleSessions } from '../../api/admin/roles.ts'
import { planRevokeSessions } from '../../auth/roles.ts'
import { readTopologyCounter } from '../../registry/topology.ts'
import { handler } from '../handler.ts'
import { readRole } from '../read-role.ts'
import { actOf } from './act.ts'
import { roleJson } from './role-json.ts'

export const revokeRoleSessionsHandler = handler(
  revokeRoleSessions,
  async (input, { parts, target: { account }, manage }) => {
    const topology = await readTopologyCounter(parts.store)
    const was = await readRole(parts.store, account, input.role)
    const { role, changes } = planRevokeSessions(was, topology, actOf(manage))
    await parts.store.commit(changes)
    return roleJson(parts.store, role)
  },
)
