import { Agent } from 'node:http'
import { npmUpload, type Upload } from '../../test/support/publishing.ts'
import { ask } from '../http.ts'
import type { Peer } from '../peers/peer.ts'
import { startPeers } from '../peers/start.ts'
import { startFloor, type Floor } from '../publish/start-floor.ts'
import { median, ratioTo, round, target, type Result, type Row } from '../report.ts'
import type { Case } from './bench-case.ts'

const PACKAGES = 200
const WARM_UP = 20

type Publisher = Peer | Floor

type Limit = readonly [must: number, aim: number]

/** One after another, or several at a time; what the rate and the median are to be. */
type Way = { readonly atATime: number; readonly floor: Limit; readonly verdaccio: Limit; readonly milliseconds?: Limit }

const WAYS: readonly Way[] = [
  { atATime: 1, floor: [0.2, 0.58], verdaccio: [10, 35], milliseconds: [10, 2] },
  { atATime: 8, floor: [0.2, 0.58], verdaccio: [3, 15] },
]

/** A function and its tests, as teams publish them: some kilobytes. */
const files = {
  'README.md': Buffer.from('# What it does\n'.repeat(40)),
  'lib/main.js': Buffer.from('export const value = 1\n'.repeat(100)),
}

const uploadsFor = (prefix: string, count: number): Promise<readonly Upload[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => npmUpload(`${prefix}-${at}`, '1.0.0', files)))

type Published = { readonly rate: number; readonly milliseconds: number; readonly cpu: number }

async function publishAll(to: Publisher, uploads: readonly Upload[], atATime: number): Promise<Published> {
  const agent = new Agent({ keepAlive: true, maxSockets: atATime })
  const took: number[] = []
  const waiting = uploads.values()
  const before = to.usage().cpuSeconds
  const began = performance.now()
  // The iterator is shared: each takes the next one as soon as it is done.
  const keepPublishing = async () => {
    for (const { path, request, name } of waiting) {
      const sentAt = performance.now()
      const headers = { ...(request.headers as Record<string, string>), authorization: `Bearer ${to.token}` }
      const sent = { method: request.method, headers, body: request.body as string, agent }
      const { status, body } = await ask(`${to.registry}${path}`, sent)
      if (status !== 200 && status !== 201) throw new Error(`${to.name} refuses ${name}: ${status} ${body.toString()}`)
      took.push(performance.now() - sentAt)
    }
  }
  await Promise.all(Array.from({ length: atATime }, keepPublishing)).finally(() => agent.destroy())
  const seconds = (performance.now() - began) / 1000
  const cpu = ((to.usage().cpuSeconds - before) * 1000) / uploads.length
  return { rate: uploads.length / seconds, milliseconds: median(took), cpu }
}

/** What was acknowledged can be had, byte for byte. */
async function requireThere(from: Publisher, uploads: readonly Upload[]): Promise<void> {
  for (const { name, file, bytes } of [uploads[0]!, uploads.at(-1)!]) {
    const { status, body } = await ask(`${from.registry}${name}/-/${file}`, {
      headers: { authorization: `Bearer ${from.token}` },
    })
    if (status !== 200 || !body.equals(bytes)) throw new Error(`${from.name} lost ${file} (${status})`)
  }
}

async function measure(all: readonly Publisher[], rounds: number, way: Way): Promise<Result> {
  const { atATime } = way
  const samples = new Map(all.map((each) => [each, [] as Published[]]))
  for (const each of all) await publishAll(each, await uploadsFor(`warm-up-${atATime}`, WARM_UP), atATime)
  for (let number = 0; number < rounds; number += 1) {
    const uploads = await uploadsFor(`small-${atATime}-${number}`, PACKAGES)
    for (const each of all) {
      samples.get(each)?.push(await publishAll(each, uploads, atATime))
      await requireThere(each, uploads)
    }
  }
  const rows = [...samples].map(([{ name }, taken]): Row => ({
    peer: name,
    value: median(taken.map(({ rate }) => rate)),
    columns: {
      'p50 ms': round(median(taken.map(({ milliseconds }) => milliseconds))),
      'CPU ms/publish': round(median(taken.map(({ cpu }) => cpu))),
    },
  }))
  const p50 = rows.find(({ peer }) => peer === 'granary')?.columns['p50 ms']
  return {
    title: `${PACKAGES} small packages published, ${atATime === 1 ? 'one after another' : `${atATime} at a time`}`,
    unit: 'publishes/s',
    rows,
    targets: [
      ...target('ratio to the floor', ratioTo('floor', rows), 'least', ...way.floor),
      ...target('ratio to Verdaccio', ratioTo('verdaccio', rows), 'least', ...way.verdaccio),
      ...(way.milliseconds
        ? target('p50 ms', p50 === undefined ? undefined : Number(p50), 'most', ...way.milliseconds)
        : []),
    ],
  }
}

/** As `npm publish` does it, with bodies that were made beforehand. */
export const publish: Case = async ({ mirror, peers: names, rounds }) => {
  await using floor = await startFloor()
  await using peers = await startPeers(
    names.filter((name) => name !== 'nginx'),
    mirror,
  )
  const all = [floor, ...peers.all]
  const results: Result[] = []
  for (const way of WAYS) results.push(await measure(all, rounds, way))
  return results
}
