import { Agent } from 'node:http'
import { ask, askForSize } from '../http.ts'
import type { Mirror } from '../../test/support/mirror/start.ts'
import { authorization, type Peer, type PeerName } from '../peers/peer.ts'
import { startPeer } from '../peers/start.ts'
import { round, target, type Result, type Row } from '../report.ts'
import type { Case } from './bench-case.ts'
import { LARGE_TARBALL } from './tarball.ts'

const CLIENTS = 200
/** Time that the upstream takes to answer, as one on the internet would. */
const UPSTREAM_DELAY_MS = 100
/** Who has no answer by then has failed. */
const PATIENCE_MS = 60_000

type Path = {
  readonly path: string
  readonly what: string
  readonly headers: Readonly<Record<string, string>>
  readonly mustSeconds: number
}

const PATHS: readonly Path[] = [
  {
    path: 'express',
    what: 'packument of express',
    headers: { accept: 'application/vnd.npm.install-v1+json', 'accept-encoding': 'gzip' },
    mustSeconds: 0.7,
  },
  { path: LARGE_TARBALL, what: '12 MB tarball', headers: {}, mustSeconds: 2.5 },
]

type Storm = { readonly row: Row; readonly upstreamRequests: number; readonly failed: number }

async function storm(peer: Peer, mirror: Mirror, { path, headers }: Path): Promise<Storm> {
  // A client knows of a file because it has read the package's document.
  const [name, file] = path.split('/-/')
  if (file !== undefined) await ask(`${peer.registry}${name}`, { headers: authorization(peer) })
  await mirror.reset(UPSTREAM_DELAY_MS)
  const agent = new Agent({ maxSockets: CLIENTS })
  const began = performance.now()
  const asked = {
    headers: { ...headers, ...authorization(peer) },
    agent,
    signal: AbortSignal.timeout(PATIENCE_MS),
  }
  const answers = await Promise.all(
    Array.from({ length: CLIENTS }, () =>
      askForSize(`${peer.registry}${path}`, asked).catch(() => ({ status: 0, size: 0 })),
    ),
  )
  const seconds = (performance.now() - began) / 1000
  agent.destroy()
  const size = Math.max(...answers.map((answer) => answer.size))
  const failed = answers.filter((answer) => answer.status !== 200 || answer.size !== size).length
  const upstreamRequests = await mirror.countOf(`/${path}`)
  await mirror.reset()
  return {
    upstreamRequests,
    failed,
    row: {
      peer: peer.name,
      value: seconds,
      columns: {
        'asked upstream': String(upstreamRequests),
        failed: String(failed),
        'peak MiB': round(peer.usage().peakMiB),
      },
    },
  }
}

/** Everybody asks for the same thing at once, and nobody asked before. The figure is when the last one had it. */
export const coldStorm: Case = async ({ mirror, peers }) => {
  const results: Result[] = []
  for (const path of PATHS) {
    // What the mirror itself has to fetch first is not to be measured.
    await ask(`${mirror.registry}${path.path}`)
    await ask(`${mirror.registry}${path.path.split('/-/')[0]}`)
    const storms: Storm[] = []
    for (const name of peers.filter((each: PeerName) => each !== 'nginx')) {
      await using peer = await startPeer(name, mirror)
      storms.push(await storm(peer, mirror, path))
    }
    const granary = storms.find(({ row }) => row.peer === 'granary')
    results.push({
      title: `storm: ${CLIENTS} clients at once, cold, ${path.what}`,
      unit: 's',
      rows: storms.map(({ row }) => row),
      targets: [
        ...target('requests upstream', granary?.upstreamRequests, 'most', 1),
        ...target('failures', granary?.failed, 'most', 0),
        ...target('seconds', granary?.row.value, 'most', path.mustSeconds * 2, path.mustSeconds),
      ],
    })
  }
  return results
}
