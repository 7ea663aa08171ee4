import type { ServerProcess } from '../server-process.ts'

export type PeerName = 'nginx' | 'granary' | 'verdaccio'

/** A registry under test, running on the loopback interface with an empty store of its own; `restart` leaves the store as it is. */
export type Peer = ServerProcess & {
  readonly name: PeerName
  /** Ends in a slash; a package's document is at `<registry><name>`. */
  readonly registry: string
  /** Bearer token; nginx ignores it. */
  readonly token: string
  /** The folder in which it keeps everything. */
  readonly store: string
}

export const authorization = (peer: Peer) => ({ authorization: `Bearer ${peer.token}` })
