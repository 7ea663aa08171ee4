import { ask } from '../../http.ts'
import { pageHeaders, pagePath, readPage } from '../../clients/pypi/page.ts'
import {
  largeProject,
  sha256,
  smallProject,
  wheelOf,
  wheels,
  type MadeUpFile,
  type MadeUpProject,
} from '../../made-up.ts'
import type { Mirror } from '../../../test/support/mirror/start.ts'
import { authorization } from '../../peers/peer.ts'
import type { PypiPeer, PypiPeerName } from '../../peers/pypi/peer.ts'
import { startPypiPeer } from '../../peers/pypi/start.ts'
import type { Result } from '../../report.ts'
import { crowd, stormResult, UPSTREAM_DELAY_MS, type Sample, type Storm } from '../storm.ts'
import { divideProxies, takesPart, type PypiCase, type PypiSettings } from './pypi-case.ts'
import { findUrl } from './wheel.ts'

/** What everybody asks for. */
type Asked = {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** The path by which the upstream counts it. */
  readonly counted: string
  /** How many bytes the answer has, now that it is there. Throws where it is not what the upstream has. */
  checkedSize(): Promise<number>
}

export type StormOn = {
  readonly what: string
  readonly aimSeconds: number
  ask(peer: PypiPeer): Promise<Asked>
}

const pageOf = (what: string, project: () => MadeUpProject, aimSeconds: number): StormOn => ({
  what,
  aimSeconds,
  ask: async (peer) => ({
    path: pagePath(peer, project().name, 'json'),
    headers: pageHeaders('json'),
    counted: `/simple/${project().name}/`,
    async checkedSize() {
      const { answer, files } = await readPage(peer, project().name, 'json')
      if (project().files.some(({ file, sha256: digest }) => files.get(file)?.sha256 !== digest))
        throw new Error(`${peer.name} lists other files of ${project().name} than the upstream`)
      return answer.body.length
    },
  }),
})

const fileOf = (what: string, find: () => MadeUpFile, aimSeconds: number): StormOn => ({
  what,
  aimSeconds,
  async ask(peer) {
    const { path, bytes } = find()
    // A client knows of a file because it has read the project's page.
    const url = await findUrl(peer, find())
    return {
      path: url,
      headers: {},
      counted: `/${path}`,
      async checkedSize() {
        const { status, body } = await ask(url, { headers: authorization(peer) })
        if (status !== 200 || sha256(body) !== sha256(bytes))
          throw new Error(`${peer.name} has another ${path} (${status})`)
        return body.length
      },
    }
  },
})

export const STORMS = {
  small: pageOf('page of 150 files', smallProject, 0.7),
  large: pageOf('page of 3,000 files', largeProject, 1.5),
  wheel: fileOf('12 MB wheel', () => wheelOf('2.0.0'), 2.5),
} as const satisfies Readonly<Record<string, StormOn>>

/** What the mirror itself has to take apart first is not to be measured. */
export async function warmMirror(mirror: Mirror): Promise<void> {
  for (const { name } of [smallProject(), largeProject(), wheels()])
    await ask(`${mirror.registry}${name}/`, { headers: pageHeaders('json') })
}

/** All at once. A client fails that is refused, gets nothing in time, or gets another answer than the one checked afterwards. */
export async function storm(peer: PypiPeer, mirror: Mirror, on: StormOn): Promise<Storm> {
  const { path, headers, counted, checkedSize } = await on.ask(peer)
  await mirror.reset({ delay: UPSTREAM_DELAY_MS })
  const { seconds, arrivals } = await crowd(peer, path, headers)
  const counts = await mirror.counts()
  await mirror.reset()
  const size = await checkedSize()
  return {
    seconds,
    upstreamRequests: counts[counted] ?? 0,
    failed: arrivals.filter((answer) => answer.status !== 200 || answer.size !== size).length,
  }
}

async function measure({ mirror, peers, rounds }: PypiSettings, on: StormOn): Promise<Result> {
  const { able, leftOut } = divideProxies(peers)
  const samples = new Map<PypiPeerName, Sample[]>()
  for (let each = 0; each < rounds; each += 1) {
    for (const name of able.filter((one) => takesPart({ name: one }, each))) {
      await using peer = await startPypiPeer(name, mirror)
      const one = { ...(await storm(peer, mirror, on)), peakMiB: peer.usage().peakMiB }
      samples.set(name, [...(samples.get(name) ?? []), one])
    }
  }
  return { ...stormResult(on, samples), leftOut }
}

/** Everybody asks for the same thing at once, and nobody asked before. The figure is when the last one had it. */
export const coldStorm: PypiCase = async (settings) => {
  await warmMirror(settings.mirror)
  const results: Result[] = []
  for (const on of Object.values(STORMS)) results.push(await measure(settings, on))
  return results
}
