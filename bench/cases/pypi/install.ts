import { gzipSync } from 'node:zlib'
import { ask } from '../../http.ts'
import { requireSame } from '../../clients/install-from.ts'
import { installPypiFrom, type PypiClientName } from '../../clients/pypi/install-from.ts'
import { plain, readPage } from '../../clients/pypi/page.ts'
import type { Mirror } from '../../../test/support/mirror/start.ts'
import { authorization } from '../../peers/peer.ts'
import { startGranary } from '../../peers/pypi/granary.ts'
import { startNginx, type PypiNginx } from '../../peers/pypi/nginx.ts'
import { PYTHON_PEERS, type PypiPeer, type PypiPeerName } from '../../peers/pypi/peer.ts'
import { startPypiPeer } from '../../peers/pypi/start.ts'
import { ratioTo, ratioToBest, target, type Result, type Row, type Target } from '../../report.ts'
import { untilIdle } from '../../server-process.ts'
import { divideProxies, takesPart, type PypiCase, type PypiSettings } from './pypi-case.ts'
import { installRows, type Sample } from '../install-rows.ts'

type Limit = readonly [must: number, aim: number]

type Limits = {
  /** Seconds in multiples of nginx's, and of the best Python peer's. */
  readonly nginx: Limit
  readonly python: Limit
  /** CPU seconds of the server that a hundred packages may take. */
  readonly cpuPerHundred: Limit
  /** Resident at its highest. */
  readonly peakMiB: Limit
}

const CLIENTS: Readonly<Record<PypiClientName, { readonly warm: Limits; readonly cold: Limits }>> = {
  'uv pip install': {
    warm: { nginx: [1.3, 1.1], python: [0.9, 0.65], cpuPerHundred: [0.6, 0.3], peakMiB: [300, 200] },
    cold: { nginx: [2.5, 1.7], python: [0.9, 0.55], cpuPerHundred: [4, 2], peakMiB: [500, 300] },
  },
  'pip install': {
    warm: { nginx: [1.15, 1.05], python: [1, 0.9], cpuPerHundred: [0.6, 0.3], peakMiB: [300, 200] },
    cold: { nginx: [1.5, 1.15], python: [1, 0.85], cpuPerHundred: [4, 2], peakMiB: [500, 300] },
  },
}
const NAMES = Object.keys(CLIENTS) as readonly PypiClientName[]

const isPage = (path: string): boolean => path.startsWith('/simple/')
const isMetadata = (path: string): boolean => path.endsWith('.metadata')
const isWheel = (path: string): boolean => path.endsWith('.whl')

async function take(peer: PypiPeer, mirror: Mirror, name: PypiClientName): Promise<Sample> {
  await mirror.reset()
  const installed = await installPypiFrom(peer, name)
  const { residentMiB, peakMiB } = peer.usage()
  const asked = Object.entries(await mirror.counts())
  const sum = (is: (path: string) => boolean) =>
    asked.filter(([path]) => is(path)).reduce((all, [, count]) => all + count, 0)
  return { ...installed, residentMiB, peakMiB, asked: `${sum(isPage)} + ${sum(isMetadata)} + ${sum(isWheel)}` }
}

/** The mirror fetches what it lacks for whoever comes first: that one is sent before anybody is looked at. */
async function fillMirror(peer: PypiPeer, mirror: Mirror): Promise<readonly string[]> {
  await mirror.reset()
  for (const name of NAMES) await installPypiFrom(peer, name)
  return Object.keys(await mirror.counts())
}

async function readFrom(source: PypiPeer, url: string): Promise<Buffer> {
  const { status, body } = await ask(url, { headers: authorization(source) })
  if (status !== 200) throw new Error(`${source.name} answered ${status} for ${url}`)
  return body
}

/** Granary's pages, in its own name, all that was asked of the upstream, and the metadata that Granary offers beyond it. */
async function giveEverything(
  nginx: PypiNginx,
  source: PypiPeer,
  mirror: Mirror,
  paths: readonly string[],
): Promise<void> {
  const root = new URL('../', source.registry).href
  const give = async (path: string) => nginx.giveFile(path, await readFrom(source, `${root}${path.slice(1)}`))
  for (const path of paths.filter((each) => isWheel(each) || isMetadata(each))) await give(path)
  for (const name of paths.filter(isPage).map((path) => path.split('/')[2] ?? '')) {
    const page = plain((await readPage(source, name, 'json')).answer).toString()
    await nginx.givePage(name, 'json', gzipSync(page.replaceAll(root, nginx.root)))
    const theirs = new Set((await withMetadata(`${mirror.registry}${name}/`)).map(({ filename }) => filename))
    const beyond = (JSON.parse(page) as Page).files.filter(offersMetadata)
    for (const { filename, url } of beyond)
      if (!theirs.has(filename)) await give(`${url.slice(root.length - 1)}.metadata`)
  }
}

type PageFile = { readonly filename: string; readonly url: string; readonly 'core-metadata'?: unknown }
type Page = { readonly files: readonly PageFile[] }

const offersMetadata = (file: PageFile): boolean => Boolean(file['core-metadata'])

async function withMetadata(url: string): Promise<readonly PageFile[]> {
  const { status, body } = await ask(url, { headers: { accept: 'application/vnd.pypi.simple.v1+json' } })
  if (status !== 200) throw new Error(`${url} answered ${status}`)
  return (JSON.parse(body.toString()) as Page).files.filter(offersMetadata)
}

type Samples = Map<PypiPeerName, readonly Sample[]>

const add = (samples: Samples, name: PypiPeerName, sample: Sample) =>
  samples.set(name, [...(samples.get(name) ?? []), sample])

/** Each index begins with nothing; when it has everything it is started anew, so that what filling it took is another figure. */
async function measureInTurn(
  { mirror, peers, rounds }: PypiSettings,
  nginx: PypiNginx | undefined,
  name: PypiClientName,
) {
  const [cold, warm]: [Samples, Samples] = [new Map(), new Map()]
  const { able } = divideProxies(peers)
  for (let number = 0; number < rounds; number += 1) {
    if (nginx) add(warm, 'nginx', await take(nginx, mirror, name))
    for (const one of able.filter((each) => takesPart({ name: each }, number))) {
      await using peer = await startPypiPeer(one, mirror)
      add(cold, one, await take(peer, mirror, name))
      // What it writes down behind its answers is to be there when it is started anew.
      await untilIdle(peer)
      await peer.restart()
      add(warm, one, await take(peer, mirror, name))
    }
  }
  return { cold, warm }
}

function targetsOf(rows: readonly Row[], limits: Limits, packages: number): readonly Target[] {
  const granary = rows.find(({ peer }) => peer === 'granary')
  const column = (title: string) => granary && Number(granary.columns[title])
  const cpu = column('server CPU s')
  return [
    ...target('seconds, ratio to nginx', ratioTo('nginx', rows), 'most', ...limits.nginx),
    ...target(
      'seconds, ratio to the best of Python',
      ratioToBest(PYTHON_PEERS, rows, 'least'),
      'most',
      ...limits.python,
    ),
    ...target('CPU s per 100 packages', cpu && (cpu * 100) / packages, 'most', ...limits.cpuPerHundred),
    ...target('peak MiB', column('peak MiB'), 'most', ...limits.peakMiB),
  ]
}

async function measure(settings: PypiSettings, nginx: PypiNginx | undefined, name: PypiClientName): Promise<Result[]> {
  const { cold, warm } = await measureInTurn(settings, nginx, name)
  const all = [...warm.values(), ...cold.values()].flat()
  requireSame(name, all)
  const packages = all[0]?.packages.length ?? 0
  const floor = warm.get('nginx')
  const warmRows = installRows(warm)
  const coldRows = installRows(new Map([...(floor ? [['nginx', floor] as const] : []), ...cold]))
  const { leftOut } = divideProxies(settings.peers)
  return [
    {
      title: `${name}, ${packages} packages, warm index, empty client cache`,
      unit: 's',
      rows: warmRows,
      targets: targetsOf(warmRows, CLIENTS[name].warm, packages),
      leftOut,
    },
    {
      title: `${name}, ${packages} packages, empty index, warm upstream (nginx: warm)`,
      unit: 's',
      rows: coldRows,
      targets: targetsOf(coldRows, CLIENTS[name].cold, packages),
      leftOut,
    },
  ]
}

/** Real installs of an application of a hundred packages; nginx, serving the same pages and files, is the floor. */
export const install: PypiCase = async (settings) => {
  await using started = new AsyncDisposableStack()
  const nginx = settings.peers.includes('nginx') ? started.use(await startNginx()) : undefined
  {
    await using source = await startGranary(settings.mirror.registry)
    const paths = await fillMirror(source, settings.mirror)
    if (nginx) await giveEverything(nginx, source, settings.mirror, paths)
  }
  const results: Result[] = []
  for (const name of NAMES) results.push(...(await measure(settings, nginx, name)))
  return results
}
