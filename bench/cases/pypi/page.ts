import { ask } from '../../http.ts'
import { largeProject, smallProject, type MadeUpProject } from '../../made-up.ts'
import { pageHeaders, pagePath, readPage, type Form, type ReadPage } from '../../clients/pypi/page.ts'
import { authorization } from '../../peers/peer.ts'
import type { PypiNginx } from '../../peers/pypi/nginx.ts'
import { PYTHON_PEERS, type PypiPeer } from '../../peers/pypi/peer.ts'
import type { Pypiserver } from '../../peers/pypi/pypiserver.ts'
import { startPypiPeers } from '../../peers/pypi/start.ts'
import { ratioTo, ratioToBest, target, type Result } from '../../report.ts'
import { loadInTurn, type Asked } from '../in-turn.ts'
import { divide, takesPart, type PypiCase, type PypiSettings } from './pypi-case.ts'

/** What Granary's rate is to be, in multiples of nginx's and of the best Python peer's, by now and in the end. */
type Workload = {
  readonly project: () => MadeUpProject
  readonly form: Form | 'not modified'
  readonly connections: number
  readonly nginx: readonly [must: number, aim: number]
  readonly python?: readonly [must: number, aim: number]
}

const WORKLOADS: readonly Workload[] = [
  { project: smallProject, form: 'json', connections: 32, nginx: [0.25, 0.4], python: [10, 20] },
  { project: largeProject, form: 'json', connections: 8, nginx: [0.6, 0.85], python: [10, 20] },
  { project: smallProject, form: 'html', connections: 32, nginx: [0.25, 0.4], python: [10, 20] },
  { project: largeProject, form: 'html', connections: 8, nginx: [0.6, 0.85], python: [10, 20] },
  { project: smallProject, form: 'not modified', connections: 32, nginx: [0.2, 0.3] },
]

/** Throws where the peer does not list just what was made up. */
async function readWholePage(peer: PypiPeer, { name, files }: MadeUpProject, form: Form): Promise<ReadPage> {
  const page = await readPage(peer, name, form)
  const odd = files.filter(({ file, sha256 }) => page.files.get(file)?.sha256 !== sha256)
  if (odd.length > 0 || page.files.size !== files.length)
    throw new Error(`${peer.name} lists ${page.files.size} files of ${name}, not ${odd[0]?.file ?? 'what there is'}`)
  return page
}

/** What the peer is to be asked: first whether it has what nginx is to have, then everything else that is sent. */
async function prepare(peer: PypiPeer, { project, form }: Workload): Promise<Asked> {
  const wanted = form === 'not modified' ? 'json' : form
  const { answer } = await readWholePage(peer, project(), wanted)
  const path = pagePath(peer, project().name, wanted)
  const headers = pageHeaders(wanted)
  if (form !== 'not modified') return { path, headers, bodyBytes: answer.body.length }
  const conditional = { ...headers, 'if-none-match': answer.headers.etag ?? '' }
  const url = new URL(path, peer.registry).href
  const { status } = await ask(url, { headers: { ...conditional, ...authorization(peer) } })
  if (status !== 304) throw new Error(`${peer.name} answers ${status} where nothing has changed`)
  return { path, headers: conditional, bodyBytes: 0 }
}

async function measure(all: readonly PypiPeer[], settings: PypiSettings, workload: Workload): Promise<Result> {
  const { form, connections } = workload
  const project = workload.project()
  const { able: peers, leftOut } = divide(all, form === 'html' ? undefined : form)
  const asked = new Map<PypiPeer, Asked>()
  for (const peer of peers) asked.set(peer, await prepare(peer, workload))
  const { rounds, seconds } = settings
  const rows = await loadInTurn({ asked, connections, rounds, seconds, takesPart })
  for (const peer of peers) await readWholePage(peer, project, form === 'html' ? 'html' : 'json')
  const size = Math.round(([...asked].find(([{ name }]) => name === 'granary')?.[1].bodyBytes ?? 0) / 1024)
  const which = `project page of ${project.files.length.toLocaleString('en')} files`
  return {
    title:
      form === 'not modified'
        ? `${which}, JSON, not modified (304), ${connections} connections`
        : `warm ${which}, ${form.toUpperCase()}, ${size} KiB compressed, ${connections} connections`,
    unit: 'requests/s',
    rows,
    targets: [
      ...target('ratio to nginx', ratioTo('nginx', rows), 'least', ...workload.nginx),
      ...(workload.python
        ? target('ratio to the best of Python', ratioToBest(PYTHON_PEERS, rows, 'most'), 'least', ...workload.python)
        : []),
    ],
    leftOut,
  }
}

/** nginx has the bytes of Granary's answers; pypiserver has the files. */
async function giveEverything(peers: readonly PypiPeer[]): Promise<void> {
  const source = peers.find(({ name }) => name === 'granary')
  const nginx = peers.find((peer): peer is PypiNginx => peer.name === 'nginx')
  const pypiserver = peers.find((peer): peer is Pypiserver => peer.name === 'pypiserver')
  if (nginx && !source) throw new Error('nginx has nothing to serve unless Granary is measured beside it')
  for (const project of [smallProject(), largeProject()]) {
    for (const form of ['json', 'html'] as const) {
      if (nginx && source)
        await nginx.givePage(project.name, form, (await readWholePage(source, project, form)).answer.body)
    }
    for (const { file, bytes } of pypiserver ? project.files : []) await pypiserver?.giveFile(file, bytes)
  }
  await pypiserver?.restart()
}

/** Pages of two projects, in both forms, asked for again and again. */
export const page: PypiCase = async (settings) => {
  await using peers = await startPypiPeers(settings.peers, settings.mirror)
  await giveEverything(peers.all)
  const results: Result[] = []
  for (const workload of WORKLOADS) results.push(await measure(peers.all, settings, workload))
  return results
}
