import { updateRole } from '../../api/admin/roles.ts'
import { planUpdateRole } from '../../auth/roles.ts'
import { RegistryError } from '../../registry/errors.ts'
import { readTopologyCounter } from '../../registry/topology.ts'
import { handler } from '../handler.ts'
import { readRole } from '../read-role.ts'
import { actOf } from './act.ts'
import { roleJson } from './role-json.ts'
import { readTrust } from './trust.ts'

export const updateRoleHandler = handler(updateRole, async (input, { parts, target: { account }, manage }) => {
  const { trust: document, maxSessionSeconds } = input
  if (document === undefined && maxSessionSeconds === undefined)
    throw new RegistryError('invalid', 'Give a trust policy, the longest session, or both')
  const topology = await readTopologyCounter(parts.store)
  const was = await readRole(parts.store, account, input.role)
  const trust = document === undefined ? undefined : await readTrust(parts, document)
  const { role, changes } = planUpdateRole(was, { trust, maxSessionSeconds }, topology, actOf(manage))
  await parts.store.commit(changes)
  return roleJson(parts.store, role)
})
