import { ask } from '../../http.ts'
import { sha256, wheelOf, wheels, type MadeUpFile } from '../../made-up.ts'
import { readPage } from '../../clients/pypi/page.ts'
import { authorization } from '../../peers/peer.ts'
import type { PypiNginx } from '../../peers/pypi/nginx.ts'
import { PYTHON_PEERS, type PypiPeer } from '../../peers/pypi/peer.ts'
import type { Pypiserver } from '../../peers/pypi/pypiserver.ts'
import { startPypiPeers } from '../../peers/pypi/start.ts'
import { ratioTo, ratioToBest, target, type Result } from '../../report.ts'
import { loadInTurn } from '../in-turn.ts'
import { divide, takesPart, type PypiCase, type PypiSettings } from './pypi-case.ts'

type Workload = {
  readonly version: string
  readonly what: 'wheel' | 'metadata'
  readonly connections: number
  readonly nginx: readonly [must: number, aim: number]
  readonly python: readonly [must: number, aim: number]
}

const WORKLOADS: readonly Workload[] = [
  { version: '1.0.0', what: 'metadata', connections: 32, nginx: [0.2, 0.35], python: [4, 7] },
  { version: '1.0.0', what: 'wheel', connections: 32, nginx: [0.2, 0.35], python: [2, 4] },
  // proxpi and pypiserver leave large files to the kernel (sendfile), which Node.js has no way to.
  { version: '3.0.0', what: 'wheel', connections: 8, nginx: [1, 1.2], python: [0.5, 1] },
]

/** Where a client finds it: on the page, which has just been asked for. nginx needs none: it has the public index's paths. */
export async function findUrl(peer: PypiPeer, { path, file }: MadeUpFile): Promise<string> {
  if (peer.name === 'nginx') return new URL(`../${path}`, peer.registry).href
  const { files } = await readPage(peer, wheels().name, peer.name === 'pypiserver' ? 'html' : 'json')
  const url = files.get(file)?.url
  if (url === undefined) throw new Error(`${peer.name} does not list ${file}`)
  return url
}

/** Brings it into every store, and makes sure that all have the same. */
async function warm(urls: ReadonlyMap<PypiPeer, string>, wanted: Uint8Array): Promise<void> {
  for (const [peer, url] of urls) {
    const { status, body } = await ask(url, { headers: authorization(peer) })
    if (status !== 200 || sha256(body) !== sha256(wanted))
      throw new Error(`${peer.name} answers ${status} with other bytes for ${url}`)
  }
}

async function measure(all: readonly PypiPeer[], settings: PypiSettings, workload: Workload): Promise<Result> {
  const { version, what, connections } = workload
  const wheel = wheelOf(version)
  const wanted = what === 'wheel' ? wheel.bytes : wheel.metadata
  const { able, leftOut } = divide(all, what === 'wheel' ? undefined : what)
  const urls = new Map<PypiPeer, string>()
  for (const peer of able) urls.set(peer, `${await findUrl(peer, wheel)}${what === 'wheel' ? '' : '.metadata'}`)
  await warm(urls, wanted)
  const asked = new Map([...urls].map(([peer, path]) => [peer, { path, headers: {}, bodyBytes: wanted.length }]))
  const { rounds, seconds } = settings
  const rows = await loadInTurn({ asked, connections, rounds, seconds, takesPart })
  await warm(urls, wanted)
  const size = wanted.length < 1e6 ? `${Math.round(wanted.length / 1024)} KiB` : `${Math.round(wanted.length / 1e6)} MB`
  return {
    title: `warm ${what === 'wheel' ? 'wheel' : '.metadata'} of ${size}, ${connections} connections`,
    unit: 'requests/s',
    rows,
    targets: [
      ...target('ratio to nginx', ratioTo('nginx', rows), 'least', ...workload.nginx),
      ...target('ratio to the best of Python', ratioToBest(PYTHON_PEERS, rows, 'most'), 'least', ...workload.python),
    ],
    leftOut,
  }
}

/** Files as pip and uv ask for them, again and again. */
export const wheel: PypiCase = async (settings) => {
  await using peers = await startPypiPeers(settings.peers, settings.mirror)
  const nginx = peers.all.find((peer): peer is PypiNginx => peer.name === 'nginx')
  const pypiserver = peers.all.find((peer): peer is Pypiserver => peer.name === 'pypiserver')
  for (const { path, file, bytes, metadata } of wheels().files) {
    await nginx?.giveFile(path, bytes)
    await nginx?.giveFile(`${path}.metadata`, metadata)
    await pypiserver?.giveFile(file, bytes)
  }
  await pypiserver?.restart()
  const results: Result[] = []
  for (const workload of WORKLOADS) results.push(await measure(peers.all, settings, workload))
  return results
}
