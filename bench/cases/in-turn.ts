import { load } from '../load.ts'
import { authorization, type Peer } from '../peers/peer.ts'
import { median, round, type Row } from '../report.ts'

export type InTurn = {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly connections: number
  readonly rounds: number
  readonly seconds: number
}

const WARM_UP_SECONDS = 1

/** Loads the peers one after the other, round by round, so that a slow moment of the machine falls on all of them. */
export async function loadInTurn(
  peers: readonly Peer[],
  { path, headers, connections, rounds, seconds }: InTurn,
): Promise<readonly Row[]> {
  const samples = new Map(peers.map((peer) => [peer, [] as { rate: number; cpu: number; failed: number }[]]))
  const loadPeer = (peer: Peer, duration: number) =>
    load({
      url: `${peer.registry}${path}`,
      headers: { ...authorization(peer), ...headers },
      connections,
      seconds: duration,
    })
  for (const peer of peers) await loadPeer(peer, WARM_UP_SECONDS)
  for (let each = 0; each < rounds; each += 1) {
    for (const peer of peers) {
      const before = peer.usage().cpuSeconds
      const { requestsPerSecond: rate, requests, failed } = await loadPeer(peer, seconds)
      samples.get(peer)?.push({ rate, failed, cpu: ((peer.usage().cpuSeconds - before) * 1e6) / Math.max(requests, 1) })
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
