import { updateConnection } from '../../api/admin/connections.ts'
import { planUpdateConnection } from '../../registry/manage-connections.ts'
import { readTopologyCounter } from '../../registry/topology.ts'
import { handler } from '../handler.ts'
import { limitsOf, sealCredentials } from './connection-input.ts'
import { connectionJson } from './json-shapes.ts'
import { readConnection } from './read-connection.ts'

export const updateConnectionHandler = handler(updateConnection, async (input, { parts, manage }) => {
  // Before the connection is read: what changes in between refuses the commit.
  const plannedAt = await readTopologyCounter(parts.store)
  const present = await readConnection(parts.store, input.connection)
  const { url, fileOrigins, credentials } = input
  const wanted = {
    ...(url !== undefined && { url }),
    ...(fileOrigins !== undefined && { fileOrigins }),
    ...(credentials !== undefined && {
      credentials: credentials.type === 'none' ? null : sealCredentials(parts, present.name, credentials),
    }),
    ...limitsOf(parts, present.format, input),
  }
  const { connection, changes } = planUpdateConnection(manage, present, wanted, plannedAt)
  await parts.store.commit(changes)
  return connectionJson(connection)
})
