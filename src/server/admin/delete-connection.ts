import { deleteConnection } from '../../api/admin/connections.ts'
import { RegistryError } from '../../registry/errors.ts'
import { planDeleteConnection } from '../../registry/manage-connections.ts'
import { parseConnectionName } from '../../registry/names.ts'
import { handler } from '../handler.ts'

export const deleteConnectionHandler = handler(deleteConnection, async (input, { parts, manage }) => {
  const name = parseConnectionName(input.connection)
  const connection = await parts.store.findConnection(name)
  if (!connection) throw new RegistryError('not_found', `Connection ${name} does not exist`, { resourceId: name })
  await parts.store.commit(planDeleteConnection(manage, connection))
  return {}
})
