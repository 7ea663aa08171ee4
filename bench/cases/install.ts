import { gunzipSync, gzipSync } from 'node:zlib'
import { ask } from '../http.ts'
import { installFrom, requireSame, type ClientName } from '../clients/install-from.ts'
import { readLock } from '../clients/project.ts'
import { isDocument, isTarball, type Mirror } from '../../test/support/mirror/start.ts'
import type { Nginx } from '../peers/nginx.ts'
import { authorization, type Peer, type PeerName } from '../peers/peer.ts'
import { startPeer, startPeers } from '../peers/start.ts'
import { ratioTo, target, type Result, type Row, type Target } from '../report.ts'
import type { Case, Settings } from './bench-case.ts'
import { installRows, type Sample } from './install-rows.ts'

type Limits = {
  /** Seconds in multiples of nginx's, by now and in the end. */
  readonly nginx: readonly [must: number, aim: number]
  readonly verdaccio: readonly [must: number, aim: number]
  /** CPU seconds of the server that a thousand packages may take. */
  readonly cpuPerThousand?: readonly [must: number, aim: number]
  /** Resident at its highest. */
  readonly peakMiB?: readonly [must: number, aim: number]
}

const CLIENTS: Readonly<Record<ClientName, { readonly warm: Limits; readonly cold: Limits }>> = {
  'npm ci': {
    warm: { nginx: [1.15, 1.05], verdaccio: [1, 1], cpuPerThousand: [1.2, 0.6] },
    cold: { nginx: [1.5, 1.15], verdaccio: [1, 1], cpuPerThousand: [8, 3.8] },
  },
  'npm install': {
    warm: { nginx: [1.25, 1.05], verdaccio: [0.9, 0.65], cpuPerThousand: [1.6, 0.75] },
    cold: { nginx: [1.8, 1.25], verdaccio: [0.9, 0.55] },
  },
  'pnpm install': {
    warm: { nginx: [1.3, 1.1], verdaccio: [0.9, 0.65], cpuPerThousand: [1.7, 0.85], peakMiB: [300, 200] },
    cold: { nginx: [2.5, 1.7], verdaccio: [0.9, 0.55], cpuPerThousand: [12, 6.8], peakMiB: [500, 300] },
  },
}
const NAMES = Object.keys(CLIENTS) as readonly ClientName[]

async function take(peer: Peer, mirror: Mirror, name: ClientName, lock: string): Promise<Sample> {
  await mirror.reset()
  const installed = await installFrom(peer, name, lock)
  const { residentMiB, peakMiB } = peer.usage()
  const paths = Object.keys(await mirror.counts())
  const [documents, files] = [paths.filter(isDocument).length, paths.filter(isTarball).length]
  return { ...installed, residentMiB, peakMiB, asked: `${documents} + ${paths.length - documents - files} + ${files}` }
}

/** The mirror fetches and unpacks what it lacks for whoever comes first: that one is sent before anybody is looked at. */
async function fillMirror(peer: Peer, mirror: Mirror, lock: string): Promise<readonly string[]> {
  await mirror.reset()
  for (const name of NAMES) await installFrom(peer, name, lock)
  return Object.keys(await mirror.counts()).flatMap((path) => (isDocument(path) ? [path.slice(1)] : []))
}

/** nginx has the documents that a registry would answer, in its own name. */
async function giveDocuments(nginx: Nginx, source: Peer, names: readonly string[]): Promise<void> {
  const accept = { accept: 'application/vnd.npm.install-v1+json', 'accept-encoding': 'gzip', ...authorization(source) }
  for (const name of names) {
    const { status, headers, body } = await ask(`${source.registry}${name.replace('/', '%2f')}`, { headers: accept })
    if (status === 404) continue
    if (status !== 200) throw new Error(`${source.name} answered ${status} for ${name}`)
    const text = (headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString()
    await nginx.give(name, gzipSync(text.replaceAll(source.registry, nginx.registry)))
  }
}

async function measureWarm(
  { mirror, rounds }: Settings,
  peers: readonly Peer[],
  name: ClientName,
  lock: string,
): Promise<ReadonlyMap<PeerName, readonly Sample[]>> {
  const samples = new Map<PeerName, Sample[]>(peers.map((peer) => [peer.name, []]))
  for (const peer of peers) {
    await installFrom(peer, name, lock)
    // What filling the store took is another figure: from here on it is a server that has everything.
    await peer.restart()
  }
  for (let each = 0; each < rounds; each += 1) {
    for (const peer of peers) samples.get(peer.name)?.push(await take(peer, mirror, name, lock))
  }
  return samples
}

async function measureCold(
  { mirror, peers, rounds }: Settings,
  name: ClientName,
  lock: string,
): Promise<ReadonlyMap<PeerName, readonly Sample[]>> {
  const samples = new Map<PeerName, Sample[]>()
  for (let each = 0; each < rounds; each += 1) {
    for (const peerName of peers.filter((peer) => peer !== 'nginx')) {
      await using peer = await startPeer(peerName, mirror)
      samples.set(peerName, [...(samples.get(peerName) ?? []), await take(peer, mirror, name, lock)])
    }
  }
  return samples
}

function targetsOf(rows: readonly Row[], limits: Limits, packages: number): readonly Target[] {
  const granary = rows.find(({ peer }) => peer === 'granary')
  const { nginx, verdaccio, cpuPerThousand, peakMiB } = limits
  const column = (title: string) => granary && Number(granary.columns[title])
  const cpu = column('server CPU s')
  return [
    ...target('seconds, ratio to nginx', ratioTo('nginx', rows), 'most', ...nginx),
    ...target('seconds, ratio to Verdaccio', ratioTo('verdaccio', rows), 'most', ...verdaccio),
    ...(cpuPerThousand
      ? target('CPU s per 1,000 packages', cpu && (cpu * 1000) / packages, 'most', ...cpuPerThousand)
      : []),
    ...(peakMiB ? target('peak MiB', column('peak MiB'), 'most', ...peakMiB) : []),
  ]
}

async function measure(settings: Settings, peers: readonly Peer[], name: ClientName, lock: string): Promise<Result[]> {
  const warm = await measureWarm(settings, peers, name, lock)
  const cold = await measureCold(settings, name, lock)
  requireSame(name, [...warm.values(), ...cold.values()].flat())
  const packages = [...warm.values()][0]?.[0]?.packages.length ?? 0
  const floor = warm.get('nginx')
  const beside = new Map([...(floor ? [['nginx', floor] as const] : []), ...cold])
  const warmRows = installRows(warm)
  const coldRows = installRows(beside)
  return [
    {
      title: `${name}, ${packages} packages, warm registry, empty client cache`,
      unit: 's',
      rows: warmRows,
      targets: targetsOf(warmRows, CLIENTS[name].warm, packages),
    },
    {
      title: `${name}, ${packages} packages, empty registry, warm upstream (nginx: warm)`,
      unit: 's',
      rows: coldRows,
      targets: targetsOf(coldRows, CLIENTS[name].cold, packages),
    },
  ]
}

/** Real installs of a project of several hundred packages; nginx, serving the same documents and files, is the floor. */
export const install: Case = async (settings) => {
  const { mirror, folder } = settings
  const lock = await readLock(folder, mirror)
  await using peers = await startPeers(settings.peers, mirror)
  const nginx = peers.all.find((peer): peer is Nginx => peer.name === 'nginx')
  const source = peers.all.find((peer) => peer.name === 'granary') ?? peers.all.find((peer) => peer.name !== 'nginx')
  if (!source) throw new Error('nginx has nothing to serve unless Granary or Verdaccio is measured beside it')
  const names = await fillMirror(source, mirror, lock)
  if (nginx) await giveDocuments(nginx, source, names)
  const results: Result[] = []
  for (const name of NAMES) results.push(...(await measure(settings, peers.all, name, lock)))
  return results
}
