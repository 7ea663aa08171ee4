import type { Change } from './changes.ts'
import { RegistryError } from './errors.ts'
import { announce, type ManageContext } from './manage.ts'
import type { Connection, Sealed } from './model.ts'
import type { ConnectionName, FormatId } from './names.ts'

const event = (context: ManageContext, type: string, { name, format, url, fileOrigins }: Connection): Change =>
  announce(context, type, { account: null, detail: { connection: name, packageFormat: format, url, fileOrigins } })

/** The URL ends in a slash afterwards, and origins are spelled as `URL` spells them. */
export function planCreateConnection(
  context: ManageContext,
  what: {
    readonly name: ConnectionName
    readonly format: FormatId
    readonly url: string
    readonly fileOrigins: readonly string[]
    readonly credentials: Sealed | null
  },
): { readonly connection: Connection; readonly changes: readonly Change[] } {
  const connection: Connection = {
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
