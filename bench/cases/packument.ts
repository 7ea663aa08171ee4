import { gunzipSync, gzipSync } from 'node:zlib'
import { ask, type HttpAnswer } from '../http.ts'
import type { Mirror } from '../../test/support/mirror/start.ts'
import type { Nginx } from '../peers/nginx.ts'
import { authorization, type Peer } from '../peers/peer.ts'
import { startPeers } from '../peers/start.ts'
import { ratioTo, target, type Result } from '../report.ts'
import type { Case, Settings } from './bench-case.ts'
import { loadInTurn, type Asked } from './in-turn.ts'

type Form = 'abbreviated' | 'full' | 'not modified'

/** `nginx` and `verdaccio`: what Granary's rate is to be, in multiples of theirs, by now and in the end. */
type Workload = {
  readonly name: string
  readonly form: Form
  readonly connections: number
  readonly nginx: readonly [must: number, aim: number]
  readonly verdaccio?: readonly [must: number, aim: number]
}

/** Large documents are asked for over fewer connections: a slow peer would answer none of 32 in time. */
const WORKLOADS: readonly Workload[] = [
  { name: 'express', form: 'abbreviated', connections: 32, nginx: [0.25, 0.4], verdaccio: [150, 250] },
  { name: 'typescript', form: 'abbreviated', connections: 8, nginx: [0.6, 0.85] },
  { name: 'next', form: 'abbreviated', connections: 8, nginx: [0.7, 1] },
  { name: '@types/node', form: 'abbreviated', connections: 8, nginx: [0.6, 0.85] },
  { name: 'express', form: 'full', connections: 32, nginx: [0.25, 0.4] },
  { name: 'typescript', form: 'full', connections: 8, nginx: [0.55, 0.8] },
  { name: 'next', form: 'full', connections: 8, nginx: [0.7, 1] },
  { name: 'express', form: 'not modified', connections: 32, nginx: [0.2, 0.3] },
]

const ACCEPT: Readonly<Record<Form, string>> = {
  abbreviated: 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*',
  full: 'application/json',
  'not modified': 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*',
}

/** nginx has each form at a place of its own. */
const pathAt = (peer: Peer, { name, form }: Workload): string =>
  peer.name === 'nginx' && form === 'full' ? `full/${name}` : name.replace('/', '%2f')

type Shasums = Readonly<Record<string, string>>

function shasumsOf(body: Buffer): Shasums {
  const { versions } = JSON.parse(body.toString()) as { versions: Record<string, { dist: { shasum: string } }> }
  return Object.fromEntries(Object.entries(versions).map(([version, { dist }]) => [version, dist.shasum]))
}

const plain = ({ headers, body }: HttpAnswer): Buffer =>
  headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body

/** What the peer answers an npm client. Throws where it does not list just what the upstream does. */
async function readPackument(peer: Peer, workload: Workload, wanted: Shasums): Promise<HttpAnswer> {
  const headers = { accept: ACCEPT[workload.form], 'accept-encoding': 'gzip', ...authorization(peer) }
  const answer = await ask(`${peer.registry}${pathAt(peer, workload)}`, { headers })
  const which = `${peer.name}, ${workload.name} (${workload.form})`
  if (answer.status !== 200) throw new Error(`${which}: ${answer.status} ${answer.body.toString().slice(0, 200)}`)
  const listed = shasumsOf(plain(answer))
  const differing = Object.keys({ ...wanted, ...listed }).filter((version) => wanted[version] !== listed[version])
  if (differing.length > 0)
    throw new Error(`${which}: differs from the upstream in ${differing.slice(0, 5).join(', ')}`)
  return answer
}

/** What the peer is to be asked: first whether it holds what nginx is to have, then everything else that is sent. */
async function prepare(peer: Peer, workload: Workload, wanted: Shasums): Promise<Asked> {
  const answer = await readPackument(peer, workload, wanted)
  const path = pathAt(peer, workload)
  const headers = { accept: ACCEPT[workload.form], 'accept-encoding': 'gzip' }
  if (workload.form !== 'not modified') return { path, headers, bodyBytes: answer.body.length }
  const conditional = { ...headers, 'if-none-match': answer.headers.etag ?? '' }
  const { status } = await ask(`${peer.registry}${path}`, { headers: { ...conditional, ...authorization(peer) } })
  if (status !== 304) throw new Error(`${peer.name} answers ${status} where nothing has changed`)
  return { path, headers: conditional, bodyBytes: 0 }
}

async function measure(
  peers: readonly Peer[],
  mirror: Mirror,
  { rounds, seconds }: Settings,
  workload: Workload,
): Promise<Result> {
  const { name, form, connections } = workload
  const wanted = shasumsOf((await ask(`${mirror.registry}${name.replace('/', '%2f')}`)).body)
  const source = peers.find((peer) => peer.name === 'granary') ?? peers.find((peer) => peer.name === 'verdaccio')
  if (!source) throw new Error('nginx has nothing to serve unless Granary or Verdaccio is measured beside it')
  const answer = await readPackument(source, workload, wanted)
  const gzip = answer.headers['content-encoding'] === 'gzip' ? answer.body : gzipSync(answer.body)
  const nginx = peers.find((peer): peer is Nginx => peer.name === 'nginx')
  await nginx?.give(form === 'full' ? `full/${name}` : name, gzip)
  const asked = new Map<Peer, Asked>()
  for (const peer of peers) asked.set(peer, await prepare(peer, workload, wanted))
  const rows = await loadInTurn({ asked, connections, rounds, seconds })
  for (const peer of peers) await readPackument(peer, workload, wanted)
  return {
    title:
      form === 'not modified'
        ? `abbreviated packument of ${name}, not modified (304), ${connections} connections`
        : `warm ${form} packument of ${name}, ${Math.round(gzip.length / 1024)} KiB compressed, ${connections} connections`,
    unit: 'requests/s',
    rows,
    targets: [
      ...target('ratio to nginx', ratioTo('nginx', rows), 'least', ...workload.nginx),
      ...(workload.verdaccio
        ? target('ratio to Verdaccio', ratioTo('verdaccio', rows), 'least', ...workload.verdaccio)
        : []),
    ],
  }
}

/** The documents that npm reads for each package, asked for again and again. nginx has the bytes of Granary's answers. */
export const packument: Case = async (settings) => {
  await using peers = await startPeers(settings.peers, settings.mirror)
  const results: Result[] = []
  for (const workload of WORKLOADS) results.push(await measure(peers.all, settings.mirror, settings, workload))
  return results
}
