import type { Usage } from '../server-process.ts'

export type PeerName = 'nginx' | 'granary' | 'verdaccio'

/** A registry under test, running on the loopback interface with an empty store of its own. */
export type Peer = AsyncDisposable & {
  readonly name: PeerName
  /** Ends in a slash; a package's document is at `<registry><name>`. */
  readonly registry: string
  /** Bearer token; nginx ignores it. */
  readonly token: string
  usage(): Usage
  /** A new process on the same store. */
  restart(): Promise<void>
}

export const authorization = (peer: Peer) => ({ authorization: `Bearer ${peer.token}` })
