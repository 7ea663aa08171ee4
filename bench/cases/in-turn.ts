import { load } from '../load.ts'
import { authorization, type Measured } from '../peers/peer.ts'
import { median, round, type Row } from '../report.ts'
import { untilIdle } from '../server-process.ts'

/** One request of a peer, to be repeated, and what its answer's body has. */
export type Asked = {
  /** Below its registry, or a whole URL. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly bodyBytes: number
}

export type InTurn = {
  /** What each peer is asked: the same in their own words. */
  readonly asked: ReadonlyMap<Measured, Asked>
  readonly connections: number
  readonly rounds: number
  readonly seconds: number
  /** Whether the peer takes part in this round, the first being 0. All do where left out. */
  readonly takesPart?: (peer: Measured, round: number) => boolean
}

const WARM_UP_SECONDS = 1
/** The head of an answer has at most so many bytes. */
const HEAD_BYTES = 2_000
/** wrk rounds what it read. */
const EXACT_TO = 0.02

/**
 * Loads the peers one after the other, round by round, so that a slow moment of the machine falls on all of them. Throws where a peer
 * answers anything else under load than what it answered before.
 */
export async function loadInTurn({
  asked,
  connections,
  rounds,
  seconds,
  takesPart = () => true,
}: InTurn): Promise<readonly Row[]> {
  const peers = [...asked.keys()]
  const samples = new Map(peers.map((peer) => [peer, [] as { rate: number; cpu: number; failed: number }[]]))
  const loadPeer = async (peer: Measured, duration: number) => {
    const { path, headers, bodyBytes } = asked.get(peer)!
    const loaded = await load({
      url: new URL(path, peer.registry).href,
      headers: { ...authorization(peer), ...headers },
      connections,
      seconds: duration,
    })
    const { requests, bytes, refused } = loaded
    const least = requests * bodyBytes * (1 - EXACT_TO)
    // What was on its way in the end was read, and is no request that was answered.
    const most = (requests + connections) * (bodyBytes + HEAD_BYTES) * (1 + EXACT_TO)
    if (refused > 0 || bytes < least || bytes > most)
      throw new Error(
        `${peer.name} answers ${path} otherwise under load: ${refused} refusals, ${bytes} bytes in ${requests} answers of ${bodyBytes} each`,
      )
    return loaded
  }
  // Who takes part once only is shown, not measured to the percent.
  for (const peer of peers.filter((one) => takesPart(one, 1))) {
    await loadPeer(peer, WARM_UP_SECONDS)
    await untilIdle(peer)
  }
  for (let each = 0; each < rounds; each += 1) {
    for (const peer of peers.filter((one) => takesPart(one, each))) {
      const before = peer.usage().cpuSeconds
      const { requestsPerSecond: rate, requests, failed } = await loadPeer(peer, seconds)
      samples.get(peer)?.push({ rate, failed, cpu: ((peer.usage().cpuSeconds - before) * 1e6) / Math.max(requests, 1) })
      await untilIdle(peer)
    }
  }
  return peers.map((peer) => {
    const taken = samples.get(peer) ?? []
    const failed = taken.reduce((sum, sample) => sum + sample.failed, 0)
    return {
      peer: peer.name,
      value: median(taken.map(({ rate }) => rate)),
      columns: {
        'CPU µs/request': round(median(taken.map(({ cpu }) => cpu))),
        'MiB resident': round(peer.usage().residentMiB),
        failed: String(failed),
      },
    }
  })
}
