import { createRole } from '../../api/admin/roles.ts'
import { mintRoleId } from '../../auth/identifiers.ts'
import { refuseMore } from '../../auth/quotas.ts'
import { planCreateRole } from '../../auth/roles.ts'
import { handler } from '../handler.ts'
import { actOf } from './act.ts'
import { roleJson } from './role-json.ts'
import { readTrust } from './trust.ts'

const USUAL_SESSION_SECONDS = 3_600

export const createRoleHandler = handler(createRole, async (input, { parts, target: { account }, manage }) => {
  refuseMore('roles of an account', (await parts.store.listRoles(account)).length)
  const { role, changes } = planCreateRole(
    {
      account,
      name: input.role,
      id: mintRoleId(),
      maxSessionSeconds: input.maxSessionSeconds ?? USUAL_SESSION_SECONDS,
      ...(await readTrust(parts, input.trust)),
    },
    actOf(manage),
  )
  await parts.store.commit(changes)
  return roleJson(parts.store, role)
})
