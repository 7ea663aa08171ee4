import { setTimeout as sleep } from 'node:timers/promises'
import { installFrom } from '../clients/install-from.ts'
import { readLock } from '../clients/project.ts'
import type { Peer, PeerName } from '../peers/peer.ts'
import { startPeer } from '../peers/start.ts'
import { median, ratioTo, round, target, type Result, type Row } from '../report.ts'
import type { Case } from './bench-case.ts'

/** What is left over from starting is gone by then. */
const SETTLED_AFTER_MS = 3_000

type Sample = { readonly seconds: number; readonly idleMiB: number; readonly peakMiB: number }

async function take(peer: Peer): Promise<Sample> {
  await sleep(SETTLED_AFTER_MS)
  const { residentMiB, peakMiB } = peer.usage()
  return { seconds: peer.startSeconds(), idleMiB: residentMiB, peakMiB }
}

function rowOf(peer: string, taken: readonly Sample[]): Row {
  const middle = (of: (sample: Sample) => number) => median(taken.map(of))
  return {
    peer,
    value: middle(({ seconds }) => seconds),
    columns: {
      'idle MiB': round(middle(({ idleMiB }) => idleMiB)),
      'peak MiB': round(middle(({ peakMiB }) => peakMiB)),
    },
  }
}

const resultOf = (title: string, rows: readonly Row[]): Result => {
  const idleOf = (name: PeerName) => Number(rows.find(({ peer }) => peer === name)?.columns['idle MiB'] ?? NaN)
  const [granary, verdaccio] = [idleOf('granary'), idleOf('verdaccio')]
  const known = (value: number) => (Number.isNaN(value) ? undefined : value)
  return {
    title,
    unit: 's',
    rows,
    targets: [
      ...target('seconds', rows.find(({ peer }) => peer === 'granary')?.value, 'most', 1, 0.2),
      ...target('seconds, ratio to Verdaccio', ratioTo('verdaccio', rows), 'most', 1.2, 0.5),
      ...target('idle MiB', known(granary), 'most', 150, 100),
      ...target('idle memory, ratio to Verdaccio', known(granary / verdaccio), 'most', 0.75, 0.33),
    ],
  }
}

/** From spawning to the first answer, and the memory of a server that nobody asks for anything. */
export const start: Case = async ({ mirror, peers: names, rounds, folder }) => {
  const lock = await readLock(folder, mirror)
  const [empty, full]: [Row[], Row[]] = [[], []]
  for (const name of names) {
    await using peer = await startPeer(name, mirror)
    const restarted = async () => {
      const taken: Sample[] = []
      for (let each = 0; each < rounds; each += 1) {
        await peer.restart()
        taken.push(await take(peer))
      }
      return taken
    }
    empty.push(rowOf(name, await restarted()))
    if (name === 'nginx') continue
    await installFrom(peer, 'npm install', lock)
    full.push(rowOf(name, await restarted()))
  }
  return [
    resultOf('start to the first answer, empty store', empty),
    resultOf('start to the first answer, a store with several hundred packages', full),
  ]
}
