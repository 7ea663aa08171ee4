import { startInstallation } from '../granary.ts'
import type { PypiPeer } from './peer.ts'

/** With the mirror in place of Python's public index. Its token goes where pip and uv put it. */
export async function startGranary(simple: string): Promise<PypiPeer> {
  const { origin, ...installation } = await startInstallation({ GRANARY_UPSTREAM_PYPI: simple })
  return { name: 'granary', registry: `${origin}/pypi/local/main/simple/`, user: 'aws', ...installation }
}
