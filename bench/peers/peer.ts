import type { ServerProcess } from '../server-process.ts'

export type PeerName = 'nginx' | 'granary' | 'verdaccio'

/** A server under test, running on the loopback interface with an empty store of its own; `restart` leaves the store as it is. */
export type Measured = ServerProcess & {
  readonly name: string
  /** Ends in a slash; what it is asked for lies below it. */
  readonly registry: string
  /** What its clients are told to send, as a bearer token where no user is named. Empty where it asks nobody who they are. */
  readonly token: string
  /** With one the token is sent as its password (HTTP Basic), as Python's clients do. */
  readonly user?: string
  /** The folder in which it keeps everything. */
  readonly store: string
}

/** A package's document is at `<registry><name>`. nginx ignores the token. */
export type Peer = Measured & { readonly name: PeerName }

export function authorization({ user, token }: Measured): Readonly<Record<string, string>> {
  if (token === '') return {}
  if (user === undefined) return { authorization: `Bearer ${token}` }
  return { authorization: `Basic ${Buffer.from(`${user}:${token}`).toString('base64')}` }
}
