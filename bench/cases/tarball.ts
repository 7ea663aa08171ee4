import { createHash } from 'node:crypto'
import { ask } from '../http.ts'
import type { Mirror } from '../../test/support/mirror/start.ts'
import { authorization, type Peer } from '../peers/peer.ts'
import { startPeers } from '../peers/start.ts'
import { ratioTo, target, type Result } from '../report.ts'
import type { Case, Settings } from './bench-case.ts'
import { loadInTurn } from './in-turn.ts'

export const LARGE_TARBALL = 'next/-/next-13.4.0.tgz'

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

type Workload = {
  readonly path: string
  readonly connections: number
  readonly nginx: readonly [must: number, aim: number]
  readonly verdaccio: readonly [must: number, aim: number]
}

const WORKLOADS: readonly Workload[] = [
  { path: 'cookie/-/cookie-0.5.0.tgz', connections: 32, nginx: [0.2, 0.35], verdaccio: [4, 7] },
  { path: 'express/-/express-4.19.2.tgz', connections: 32, nginx: [0.2, 0.35], verdaccio: [2, 4] },
  { path: LARGE_TARBALL, connections: 8, nginx: [1, 1.2], verdaccio: [2, 3] },
]

async function measure(
  peers: readonly Peer[],
  { mirror, rounds, seconds }: Settings,
  { path, connections, ...limits }: Workload,
): Promise<Result> {
  const size = await warm(peers, mirror, path)
  const asked = new Map(peers.map((peer) => [peer, { path, headers: {}, bodyBytes: size }]))
  const rows = await loadInTurn({ asked, connections, rounds, seconds })
  await warm(peers, mirror, path)
  const shown = size < 1e6 ? `${Math.round(size / 1024)} KiB` : `${(size / 1e6).toFixed(1)} MB`
  return {
    title: `warm tarball of ${shown}, ${connections} connections`,
    unit: 'requests/s',
    rows,
    targets: [
      ...target('ratio to nginx', ratioTo('nginx', rows), 'least', ...limits.nginx),
      ...target('ratio to Verdaccio', ratioTo('verdaccio', rows), 'least', ...limits.verdaccio),
    ],
  }
}

export const tarball: Case = async (settings) => {
  await using peers = await startPeers(settings.peers, settings.mirror)
  const results: Result[] = []
  for (const workload of WORKLOADS) results.push(await measure(peers.all, settings, workload))
  return results
}
