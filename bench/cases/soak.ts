import { installFrom } from '../clients/install-from.ts'
import { readLock } from '../clients/project.ts'
import type { Mirror } from '../../test/support/mirror/start.ts'
import type { PeerName } from '../peers/peer.ts'
import { startPeer } from '../peers/start.ts'
import { round, target, type Result, type Row } from '../report.ts'
import { untilIdle } from '../server-process.ts'
import type { Case } from './bench-case.ts'
import { storm, STORMS, warmMirror } from './storm.ts'

export const INSTALLS = 10
/** The first two still fill caches that are meant to fill. */
const FROM = 3

/** Resident MiB after each install, and after the storms. */
export type Course = { readonly peer: string; readonly installs: readonly number[]; readonly afterStorm: number }

async function follow(peerName: PeerName, mirror: Mirror, lock: string): Promise<Course> {
  await using peer = await startPeer(peerName, mirror)
  const installs: number[] = []
  for (let each = 0; each < INSTALLS; each += 1) {
    await installFrom(peer, 'npm ci', lock)
    installs.push(peer.usage().residentMiB)
  }
  for (const asked of [STORMS.large, STORMS.tarball]) {
    await storm(peer, mirror, asked)
    await untilIdle(peer)
  }
  return { peer: peerName, installs, afterStorm: peer.usage().residentMiB }
}

/** MiB that an install adds, by least squares. */
function slopeOf(values: readonly number[]): number {
  const [middle, mean] = [(values.length - 1) / 2, values.reduce((sum, value) => sum + value, 0) / values.length]
  const sums = values.reduce(
    ({ both, own }, value, at) => ({ both: both + (at - middle) * (value - mean), own: own + (at - middle) ** 2 }),
    { both: 0, own: 0 },
  )
  return sums.both / sums.own
}

export function courseResult(title: string, courses: readonly Course[]): Result {
  const rows = courses.map(({ peer, installs, afterStorm }): Row => ({
    peer,
    value: installs.at(-1) ?? 0,
    columns: {
      'after each': installs.map(Math.round).join(' '),
      [`slope from the ${FROM}rd on`]: `${slopeOf(installs.slice(FROM - 1)).toFixed(1)} MiB`,
      'after the storms': round(afterStorm),
    },
  }))
  const granary = courses.find(({ peer }) => peer === 'granary')
  const [third, lastOne] = [granary?.installs[FROM - 1], granary?.installs.at(-1)]
  return {
    title,
    unit: 'MiB',
    rows,
    targets: [
      ...target('last install, ratio to the third', lastOne && third && lastOne / third, 'most', 1.25, 1.1),
      ...target('MiB after the installs', lastOne, 'most', 300, 200),
      ...target('MiB after the storms', granary?.afterStorm, 'most', 500, 350),
    ],
  }
}

/** Whether memory stays where it is, install after install, and after a crowd. */
export const soak: Case = async ({ mirror, peers, folder }) => {
  const lock = await readLock(folder, mirror)
  for (const asked of [STORMS.large, STORMS.tarball]) await warmMirror(mirror, asked)
  const courses: Course[] = []
  for (const name of peers.filter((each) => each !== 'nginx')) courses.push(await follow(name, mirror, lock))
  const what = `${INSTALLS} times npm ci, and after storms on a packument of typescript and a 12 MB tarball`
  return [courseResult(`resident after ${what}`, courses)]
}
