import { createConnection } from '../../api/admin/connections.ts'
import { planCreateConnection } from '../../registry/manage-connections.ts'
import { parseConnectionName } from '../../registry/names.ts'
import { handler } from '../handler.ts'
import { limitsOf, sealCredentials } from './connection-input.ts'
import { connectionJson } from './json-shapes.ts'

export const createConnectionHandler = handler(createConnection, async (input, { parts, manage }) => {
  const name = parseConnectionName(input.name)
  const { connection, changes } = planCreateConnection(manage, {
    name,
    format: input.format,
    url: input.url,
    fileOrigins: input.fileOrigins ?? [],
    credentials: input.credentials ? sealCredentials(parts, name, input.credentials) : null,
    ...limitsOf(parts, input.format, input),
  })
  await parts.store.commit(changes)
  return connectionJson(connection)
})
