import { installPypiFrom } from '../../clients/pypi/install-from.ts'
import { startGranary } from '../../peers/pypi/granary.ts'
import { untilIdle } from '../../server-process.ts'
import { courseResult, INSTALLS } from '../soak.ts'
import type { PypiCase } from './pypi-case.ts'
import { storm, STORMS, warmMirror } from './storm.ts'

/** Whether memory stays where it is, install after install, and after a crowd. What its peers take is seen beside their installs. */
export const soak: PypiCase = async ({ mirror }) => {
  await warmMirror(mirror)
  await using peer = await startGranary(mirror.registry)
  const installs: number[] = []
  for (let each = 0; each < INSTALLS; each += 1) {
    await installPypiFrom(peer, 'uv pip install')
    installs.push(peer.usage().residentMiB)
  }
  for (const on of [STORMS.large, STORMS.wheel]) {
    await storm(peer, mirror, on)
    await untilIdle(peer)
  }
  const what = `${INSTALLS} times uv pip install, and after storms on a page of 3,000 files and a 12 MB wheel`
  return [courseResult(`resident after ${what}`, [{ peer: 'granary', installs, afterStorm: peer.usage().residentMiB }])]
}
