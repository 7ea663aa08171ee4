import { createHash } from 'node:crypto'
import { ask } from '../http.ts'
import type { Mirror } from '../../test/support/mirror/start.ts'
import { authorization, type Peer } from '../peers/peer.ts'
import { startPeers } from '../peers/start.ts'
import { ratioTo, target, type Result } from '../report.ts'
import type { Case, Settings } from './bench-case.ts'
import { loadInTurn } from './in-turn.ts'

export const LARGE_TARBALL = 'next/-/next-13.4.0.tgz'
const SMALL_TARBALL = 'cookie/-/cookie-0.5.0.tgz'

async function digestOf(
  registry: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ sha256: string; size: number }> {
  const { status, body } = await ask(`${registry}${path}`, { headers })
  if (status !== 200) throw new Error(`${registry}${path} answered ${status}: ${body.toString().slice(0, 200)}`)
  return { sha256: createHash('sha256').update(body).digest('hex'), size: body.length }
}

/** Brings the file into every store, and makes sure that all have the same. */
async function warm(peers: readonly Peer[], mirror: Mirror, path: string): Promise<number> {
  const wanted = await digestOf(mirror.registry, path)
  for (const peer of peers) {
    const { sha256 } = await digestOf(peer.registry, path, authorization(peer))
    if (sha256 !== wanted.sha256) throw new Error(`${peer.name} serves other bytes for ${path}`)
  }
  return wanted.size
}

async function measure(
  peers: readonly Peer[],
  { mirror, rounds, seconds }: Settings,
  path: string,
  connections: number,
) {
  const size = await warm(peers, mirror, path)
  const rows = await loadInTurn(peers, { path, headers: {}, connections, rounds, seconds })
  return { size, rows, title: (unit: string) => `warm tarball of ${unit}, ${connections} connections` }
}

export const tarball: Case = async (settings) => {
  await using peers = await startPeers(settings.peers, settings.mirror)
  const small = await measure(peers.all, settings, SMALL_TARBALL, 32)
  const large = await measure(peers.all, settings, LARGE_TARBALL, 8)
  return [
    {
      title: small.title(`${Math.round(small.size / 1024)} KiB`),
      unit: 'requests/s',
      rows: small.rows,
      targets: [
        ...target('ratio to nginx', ratioTo('nginx', small.rows), 'least', 0.1, 0.35),
        ...target('ratio to Verdaccio', ratioTo('verdaccio', small.rows), 'least', 2, 7),
      ],
    },
    {
      title: large.title(`${(large.size / 1e6).toFixed(1)} MB`),
      unit: 'requests/s',
      rows: large.rows,
      targets: [
        ...target('ratio to nginx', ratioTo('nginx', large.rows), 'least', 1, 1.2),
        ...target('ratio to Verdaccio', ratioTo('verdaccio', large.rows), 'least', 2, 3),
      ],
    },
  ] satisfies readonly Result[]
}
