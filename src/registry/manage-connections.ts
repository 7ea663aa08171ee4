import type { Change } from './changes.ts'
import { RegistryError } from './errors.ts'
import { announce, type ManageContext } from './manage.ts'
import { UNLIMITED, type Connection, type Sealed } from './model.ts'
import type { ConnectionName, FormatId } from './names.ts'

/** INVARIANT: never the credentials, sealed or not. */
function event(context: ManageContext, type: string, connection: Connection): Change {
  const { name, format, url, fileOrigins, builtIn, enabled, timeoutMs, only, except } = connection
  const detail = {
    connection: name,
    packageFormat: format,
    url,
    fileOrigins,
    builtIn,
    enabled,
    timeoutMs,
    only,
    except,
  }
  return announce(context, type, { account: null, detail })
}

/** What it is asked for, when and how long. Left out: unlimited, or as it was. */
export type ConnectionLimits = Partial<Pick<Connection, 'enabled' | 'timeoutMs' | 'only' | 'except'>>

/** The URL ends in a slash afterwards, and origins are spelled as `URL` spells them. */
export function planCreateConnection(
  context: ManageContext,
  what: {
    readonly name: ConnectionName
    readonly format: FormatId
    readonly url: string
    readonly fileOrigins: readonly string[]
    readonly credentials: Sealed | null
  } & ConnectionLimits,
): { readonly connection: Connection; readonly changes: readonly Change[] } {
  const connection: Connection = {
    ...UNLIMITED,
    ...what,
    url: parseRoot(what.url),
    fileOrigins: [...new Set(what.fileOrigins.map(parseOrigin))],
    builtIn: false,
  }
  return {
    connection,
    changes: [{ change: 'create-connection', connection }, event(context, 'Connection Created', connection)],
  }
}

/** What is left out stays as it was; `credentials` null takes them away. */
export function planUpdateConnection(
  context: ManageContext,
  present: Connection,
  wanted: {
    readonly url?: string
    readonly fileOrigins?: readonly string[]
    readonly credentials?: Sealed | null
  } & ConnectionLimits,
  plannedAt: number,
): { readonly connection: Connection; readonly changes: readonly Change[] } {
  const { url, fileOrigins, ...rest } = wanted
  if (present.builtIn && (url !== undefined || fileOrigins !== undefined)) {
    throw new RegistryError('forbidden', `Where ${present.name} leads is for the configuration of the server to say`)
  }
  const connection: Connection = {
    ...present,
    ...rest,
    ...(url !== undefined && { url: parseRoot(url) }),
    ...(fileOrigins !== undefined && { fileOrigins: [...new Set(fileOrigins.map(parseOrigin))] }),
  }
  const isOtherHost = new URL(connection.url).origin !== new URL(present.url).origin
  if (isOtherHost && present.credentials !== null && wanted.credentials === undefined) {
    // Whoever may change an address must not have somebody else's secret sent there.
    throw new RegistryError(
      'invalid',
      `The credentials of ${present.name} are for another host: give them anew, or take them away`,
    )
  }
  return {
    connection,
    changes: [
      { change: 'set-connection', connection, leadsElsewhere: connection.url !== present.url, plannedAt },
      event(context, 'Connection Updated', connection),
    ],
  }
}

/** Refuses those that are built in. The store refuses one that a repository uses. */
export function planDeleteConnection(context: ManageContext, connection: Connection): readonly Change[] {
  if (connection.builtIn) {
    throw new RegistryError('forbidden', `Connection ${connection.name} is built in and cannot be deleted`)
  }
  return [
    { change: 'delete-connection', connection: connection.name },
    event(context, 'Connection Deleted', connection),
  ]
}

function parseHttp(raw: string): URL {
  const url = URL.parse(raw)
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new RegistryError('invalid', `${JSON.stringify(raw.slice(0, 120))} is not an http or https URL`)
  }
  // Parts that would be lost, or that would make every request carry a secret in its URL.
  if (url.username || url.password) {
    throw new RegistryError('invalid', 'A connection has its credentials apart from its URL: give them as credentials')
  }
  if (url.search || url.hash) throw new RegistryError('invalid', 'The URL of a connection has no query and no fragment')
  return url
}

function parseRoot(raw: string): string {
  const { href } = parseHttp(raw)
  return href.endsWith('/') ? href : `${href}/`
}

function parseOrigin(raw: string): string {
  const url = parseHttp(raw)
  if (url.pathname !== '/') throw new RegistryError('invalid', `${url.href} is no origin: it has a path`)
  return url.origin
}
