import type { Measured } from '../peer.ts'

export type PypiPeerName = 'nginx' | 'granary' | 'devpi' | 'proxpi' | 'pypiserver'

/** What Python's users would use instead. */
export const PYTHON_PEERS: readonly PypiPeerName[] = ['devpi', 'proxpi', 'pypiserver']

/** A Python package index under test: a project's page is at `<registry><name>/`. */
export type PypiPeer = Measured & { readonly name: PypiPeerName }
