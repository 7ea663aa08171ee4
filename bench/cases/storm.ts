import { createHash } from 'node:crypto'
import { Agent } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { ask, askForArrival, type HttpAnswer } from '../http.ts'
import type { Mirror } from '../../test/support/mirror/start.ts'
import { authorization, type Measured, type Peer, type PeerName } from '../peers/peer.ts'
import { startPeer } from '../peers/start.ts'
import { median, round, target, type Result, type Row } from '../report.ts'
import type { Case, Settings } from './bench-case.ts'
import { LARGE_TARBALL } from './tarball.ts'

const CLIENTS = 200
/** Time that the upstream takes to answer, as one on the internet would. */
export const UPSTREAM_DELAY_MS = 100
/** How long a slow upstream takes to send the tarball. */
const UPSTREAM_SENDING_MS = 1_000
/** Who has no answer by then has failed. */
const PATIENCE_MS = 60_000

export type Path = {
  readonly path: string
  readonly what: string
  readonly headers: Readonly<Record<string, string>>
  readonly aimSeconds: number
}

const DOCUMENT = { accept: 'application/vnd.npm.install-v1+json', 'accept-encoding': 'gzip' }

export const STORMS = {
  small: { path: 'express', what: 'packument of express', headers: DOCUMENT, aimSeconds: 0.7 },
  large: { path: 'typescript', what: 'packument of typescript', headers: DOCUMENT, aimSeconds: 1.5 },
  tarball: { path: LARGE_TARBALL, what: '12 MB tarball', headers: {}, aimSeconds: 2.5 },
} as const satisfies Readonly<Record<string, Path>>

export type Storm = { readonly seconds: number; readonly upstreamRequests: number; readonly failed: number }

/** What the mirror itself has to fetch or to take apart first is not to be measured. */
export async function warmMirror(mirror: Mirror, { path }: Path): Promise<void> {
  const { name, version } = partsOf(path)
  for (const each of [path, name, ...(version === undefined ? [] : [`${name}/${version}`])])
    await ask(`${mirror.registry}${each}`)
}

const partsOf = (path: string): { name: string; version: string | undefined } => {
  const [name = '', file] = path.split('/-/')
  const prefix = `${name.slice(name.lastIndexOf('/') + 1)}-`
  return { name, version: file?.slice(prefix.length, -'.tgz'.length) }
}

/** A client knows of a file because it has read the package's document. */
async function readDocumentFirst(peer: Peer, { path }: Path): Promise<void> {
  const { name, version } = partsOf(path)
  if (version !== undefined) await ask(`${peer.registry}${name}`, { headers: authorization(peer) })
}

/** All at once. A client fails that is refused, gets nothing in time, or gets another answer than the one checked afterwards. */
export async function storm(peer: Peer, mirror: Mirror, asked: Path): Promise<Storm> {
  await readDocumentFirst(peer, asked)
  await mirror.reset({ delay: UPSTREAM_DELAY_MS })
  const { seconds, arrivals } = await crowd(peer, asked.path, asked.headers)
  const counts = await mirror.counts()
  await mirror.reset()
  const size = await checkedSize(peer, mirror, asked)
  return {
    seconds,
    upstreamRequests: counts[`/${asked.path}`] ?? 0,
    failed: arrivals.filter((answer) => answer.status !== 200 || answer.size !== size).length,
  }
}

/** Everybody at once for what lies there, below its registry or by its whole URL; who gets nothing in time has status 0. */
export async function crowd(peer: Measured, path: string, headers: Readonly<Record<string, string>>) {
  const agent = new Agent({ maxSockets: CLIENTS })
  const signal = AbortSignal.timeout(PATIENCE_MS)
  const request = { headers: { ...headers, ...authorization(peer) }, agent, signal }
  const url = new URL(path, peer.registry).href
  const began = performance.now()
  const arrivals = await Promise.all(
    Array.from({ length: CLIENTS }, () => askForArrival(url, request).catch(() => ({ status: 0, size: 0 }))),
  )
  const seconds = (performance.now() - began) / 1000
  agent.destroy()
  return { seconds, arrivals }
}

/** Throws where the peer has something else than the mirror. */
async function checkedSize(peer: Peer, mirror: Mirror, { path, headers }: Path): Promise<number> {
  const answer = await ask(`${peer.registry}${path}`, { headers: { ...headers, ...authorization(peer) } })
  const wanted = await ask(`${mirror.registry}${path}`)
  if (answer.status !== 200 || contentOf(path, answer) !== contentOf(path, wanted))
    throw new Error(`${peer.name} serves ${path} otherwise than the upstream (${answer.status})`)
  return answer.body.length
}

function contentOf(path: string, { headers, body }: HttpAnswer): string {
  const plain = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
  if (path.includes('/-/')) return createHash('sha256').update(plain).digest('hex')
  return Object.keys((JSON.parse(plain.toString()) as { versions: object }).versions)
    .toSorted()
    .join(' ')
}

/** Verdaccio takes a minute for one of them, and is asked in the first round only. */
const takesPart = (name: PeerName, roundNumber: number): boolean =>
  name === 'granary' || (name === 'verdaccio' && roundNumber === 0)

async function measure({ mirror, peers, rounds }: Settings, asked: Path): Promise<Result> {
  await warmMirror(mirror, asked)
  const samples = new Map<PeerName, Sample[]>()
  for (let each = 0; each < rounds; each += 1) {
    for (const name of peers.filter((peer) => takesPart(peer, each))) {
      await using peer = await startPeer(name, mirror)
      const one = { ...(await storm(peer, mirror, asked)), peakMiB: peer.usage().peakMiB }
      samples.set(name, [...(samples.get(name) ?? []), one])
    }
  }
  return stormResult(asked, samples)
}

export type Sample = Storm & { readonly peakMiB: number }

export function stormResult(
  { what, aimSeconds }: Pick<Path, 'what' | 'aimSeconds'>,
  samples: ReadonlyMap<string, readonly Sample[]>,
): Result {
  const rows = [...samples].map(([peer, taken]): Row => ({
    peer,
    value: median(taken.map(({ seconds }) => seconds)),
    columns: {
      'asked upstream': String(Math.max(...taken.map(({ upstreamRequests }) => upstreamRequests))),
      failed: String(Math.max(...taken.map(({ failed }) => failed))),
      'peak MiB': round(Math.max(...taken.map(({ peakMiB }) => peakMiB))),
    },
  }))
  const granary = rows.find(({ peer }) => peer === 'granary')
  return {
    title: `storm: ${CLIENTS} clients at once, cold, ${what}`,
    unit: 's',
    rows,
    targets: [
      ...target('requests upstream', countOf(granary, 'asked upstream'), 'most', 1),
      ...target('failures', countOf(granary, 'failed'), 'most', 0),
      ...target('seconds', granary?.value, 'most', aimSeconds * 2, aimSeconds),
    ],
  }
}

const countOf = (row: Row | undefined, column: string): number | undefined => row && Number(row.columns[column])

/** Whether a client waits for the end of what the upstream sends until it sees its beginning. */
async function measureFirstByte({ mirror, peers, rounds }: Settings): Promise<Result> {
  const asked = STORMS.tarball
  const taken = new Map<PeerName, { first: number; all: number }[]>()
  for (let each = 0; each < rounds; each += 1) {
    for (const name of peers.filter((peer) => peer !== 'nginx')) {
      await using peer = await startPeer(name, mirror)
      await readDocumentFirst(peer, asked)
      await mirror.reset({ delay: UPSTREAM_DELAY_MS, sending: UPSTREAM_SENDING_MS })
      const began = performance.now()
      const { firstByteAt, size } = await askForArrival(`${peer.registry}${asked.path}`, {
        headers: authorization(peer),
      })
      const one = { first: (firstByteAt - began) / 1000, all: (performance.now() - began) / 1000 }
      await mirror.reset()
      if (size !== (await checkedSize(peer, mirror, asked)))
        throw new Error(`${name} sent ${size} bytes of a cold file`)
      taken.set(name, [...(taken.get(name) ?? []), one])
    }
  }
  const rows = [...taken].map(([peer, all]): Row => ({
    peer,
    value: median(all.map(({ first }) => first)),
    columns: { 'all of it, s': round(median(all.map((each) => each.all))) },
  }))
  const granary = rows.find(({ peer }) => peer === 'granary')
  return {
    title: `first byte of the cold 12 MB tarball, which the upstream takes ${(UPSTREAM_DELAY_MS + UPSTREAM_SENDING_MS) / 1000} s to send`,
    unit: 's',
    rows,
    // Half of it: long before the upstream ended.
    targets: target('seconds', granary?.value, 'most', (UPSTREAM_DELAY_MS + UPSTREAM_SENDING_MS) / 2000),
  }
}

/** Everybody asks for the same thing at once, and nobody asked before. The figure is when the last one had it. */
export const coldStorm: Case = async (settings) => {
  const results: Result[] = []
  for (const asked of Object.values(STORMS)) results.push(await measure(settings, asked))
  return [...results, await measureFirstByte(settings)]
}
