import { deleteConnection } from '../../api/admin/connections.ts'
import { planDeleteConnection } from '../../registry/manage-connections.ts'
import { handler } from '../handler.ts'
import { readConnection } from './read-connection.ts'

export const deleteConnectionHandler = handler(deleteConnection, async (input, { parts, manage }) => {
  const connection = await readConnection(parts.store, input.connection)
  await parts.store.commit(planDeleteConnection(manage, connection))
  return {}
})
