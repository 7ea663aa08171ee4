import { listConnections } from '../../api/admin/connections.ts'
import { handler } from '../handler.ts'
import { connectionJson } from './json-shapes.ts'

export const listConnectionsHandler = handler(listConnections, async (_input, { parts }) => ({
  connections: (await parts.store.listConnections()).map(connectionJson),
}))
