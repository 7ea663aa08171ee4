import { createConnection } from '../../api/admin/connections.ts'
import type { InputOf } from '../../api/operation.ts'
import { planCreateConnection } from '../../registry/manage-connections.ts'
import { parseConnectionName } from '../../registry/names.ts'
import { handler } from '../handler.ts'
import { connectionJson } from './json-shapes.ts'

export const createConnectionHandler = handler(createConnection, async (input, { parts, manage }) => {
  const name = parseConnectionName(input.name)
  const { connection, changes } = planCreateConnection(manage, {
    name,
    format: input.format,
    url: input.url,
    fileOrigins: input.fileOrigins ?? [],
    credentials: input.credentials ? parts.sealer.seal(authorizationOf(input.credentials), `connection/${name}`) : null,
  })
  await parts.store.commit(changes)
  return connectionJson(connection)
})

type Credentials = NonNullable<InputOf<typeof createConnection>['credentials']>

/** The `Authorization` header that the other registry will be sent: nothing else of them is ever needed again. */
const authorizationOf = (credentials: Credentials): string =>
  credentials.type === 'bearer'
    ? `Bearer ${credentials.token}`
    : `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`
