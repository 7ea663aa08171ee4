import type { createConnection } from '../../api/admin/connections.ts'
import type { InputOf } from '../../api/operation.ts'
import type { ConnectionLimits } from '../../registry/manage-connections.ts'
import type { Sealed } from '../../registry/model.ts'
import type { ConnectionName, FormatId } from '../../registry/names.ts'
import type { ManagementParts } from '../handler.ts'
import { parseWrittenPattern } from '../package-names.ts'

type Given = InputOf<typeof createConnection>
type Credentials = NonNullable<Given['credentials']>

/** Names compare normalised: one that is spelled otherwise would keep nothing from being asked. */
export function limitsOf(
  { formats }: ManagementParts,
  format: FormatId,
  { enabled, timeoutMs, only, except }: Pick<Given, 'enabled' | 'timeoutMs' | 'only' | 'except'>,
): ConnectionLimits {
  const normalized = (patterns: readonly string[]) => [
    ...new Set(patterns.map((pattern) => parseWrittenPattern(formats, format, pattern))),
  ]
  return {
    ...(enabled !== undefined && { enabled }),
    ...(timeoutMs !== undefined && { timeoutMs: timeoutMs === 0 ? null : timeoutMs }),
    ...(only !== undefined && { only: normalized(only) }),
    ...(except !== undefined && { except: normalized(except) }),
  }
}

/** The `Authorization` header that the other registry will be sent: nothing else of them is ever needed again. */
export const sealCredentials = ({ sealer }: ManagementParts, name: ConnectionName, credentials: Credentials): Sealed =>
  sealer.seal(authorizationOf(credentials), `connection/${name}`)

const authorizationOf = (credentials: Credentials): string =>
  credentials.type === 'bearer'
    ? `Bearer ${credentials.token}`
    : `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`
