import type { Mirror } from '../../test/support/mirror/start.ts'
import type { PeerName } from '../peers/peer.ts'
import type { Result } from '../report.ts'

export type Settings = {
  readonly mirror: Mirror
  readonly peers: readonly PeerName[]
  readonly rounds: number
  /** How long one peer is loaded in one round. */
  readonly seconds: number
  /** Where things lie that are made once: the mirror's copies, the lock file. */
  readonly folder: string
}

export type Case = (settings: Settings) => Promise<readonly Result[]>
