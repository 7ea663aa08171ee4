import { gunzipSync, gzipSync } from 'node:zlib'
import { ask } from '../http.ts'
import type { Nginx } from '../peers/nginx.ts'
import { authorization, type Peer } from '../peers/peer.ts'
import { startPeers } from '../peers/start.ts'
import { ratioTo, target } from '../report.ts'
import type { Case } from './bench-case.ts'
import { loadInTurn } from './in-turn.ts'

const NAME = 'express'
const HEADERS = { accept: 'application/vnd.npm.install-v1+json', 'accept-encoding': 'gzip' }
const CONNECTIONS = 32

/** What the peer answers an npm client, compressed. */
async function readPackument(peer: Peer): Promise<Buffer> {
  const { status, headers, body } = await ask(`${peer.registry}${NAME}`, {
    headers: { ...HEADERS, ...authorization(peer) },
  })
  if (status !== 200) throw new Error(`${peer.name} answered ${status} for ${NAME}: ${body.toString().slice(0, 200)}`)
  const compressed = headers['content-encoding'] === 'gzip' ? body : gzipSync(body)
  const { versions } = JSON.parse(gunzipSync(compressed).toString()) as { versions: Record<string, unknown> }
  if (Object.keys(versions).length < 100)
    throw new Error(`${peer.name} lists ${Object.keys(versions).length} versions of ${NAME}`)
  return compressed
}

/** The document that npm reads for each package that it installs, asked for again and again. nginx has the bytes of Granary's answer. */
export const packument: Case = async ({ mirror, peers: names, rounds, seconds }) => {
  await using peers = await startPeers(names, mirror)
  const answers = new Map<string, Buffer>()
  for (const peer of peers.all) if (peer.name !== 'nginx') answers.set(peer.name, await readPackument(peer))
  const bytes = answers.get('granary') ?? answers.get('verdaccio')
  const nginx = peers.all.find((peer): peer is Nginx => peer.name === 'nginx')
  if (nginx) {
    if (!bytes) throw new Error('nginx has nothing to serve unless Granary or Verdaccio is measured beside it')
    await nginx.give(NAME, bytes)
    await readPackument(nginx)
  }
  const rows = await loadInTurn(peers.all, { path: NAME, headers: HEADERS, connections: CONNECTIONS, rounds, seconds })
  return [
    {
      title: `warm abbreviated packument of ${NAME}, ${Math.round((bytes?.length ?? 0) / 1024)} KiB compressed, ${CONNECTIONS} connections`,
      unit: 'requests/s',
      rows,
      targets: [
        ...target('ratio to nginx', ratioTo('nginx', rows), 'least', 0.25, 0.4),
        ...target('ratio to Verdaccio', ratioTo('verdaccio', rows), 'least', 150, 250),
      ],
    },
  ]
}
