import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { callerOf } from '../support/caller.ts'
import { clientHome } from '../support/clients/home.ts'
import { eventsOf, readEvents } from '../support/event-log.ts'
import { startGranary } from '../support/granary.ts'
import { seeded } from '../support/seeded.ts'
import { storedFiles } from '../support/stored-files.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream } from '../support/upstream/pypi.ts'

const ROUNDS = Math.ceil(Number(process.env.GRANARY_FAULT_ROUNDS ?? 60) / 3)
const FILE_BYTES = 2_000_000
const LATEST_KILL_MS = 1_500

describe('a server that is killed while files arrive from upstream', () => {
  it(
    `serves no half of a file, and the right one at the next request, over ${ROUNDS} kills`,
    { timeout: 60_000 + ROUNDS * 20_000 },
    async () => {
      const random = seeded('kills during cold downloads')
      await using npm = await startNpmUpstream()
      await using pypi = await startPypiUpstream()
      await using granary = await startGranary({
        env: { GRANARY_UPSTREAM_NPMJS: npm.url, GRANARY_UPSTREAM_PYPI: pypi.url },
      })
      await using home = await clientHome()
      const caller = await callerOf(granary)
      const stored = storedFiles(granary.data)
      const counts = { finished: 0, brokenOff: 0, landed: 0 }

      for (let round = 0; round < ROUNDS; round++) {
        // A name of its own: the index of one that is known would not be asked about again so soon.
        const name = `cold-${round}`
        const version = '1.0.0'
        const tarball = await npm.publish({ name, version, tarballBytes: random.bytes(FILE_BYTES) })
        const [wheel] = await pypi.publish({ name, version, bytes: random.bytes(FILE_BYTES), metadata: false })
        if (!wheel) throw new Error('One wheel was published')
        for (const upstream of [npm, pypi])
          upstream.faults.on(/\.(tgz|whl)$/, { kind: 'slow', bytesPerSecond: FILE_BYTES * 2 })
        const wanted = [
          { bytes: tarball.bytes, url: caller.address('npm', `${name}/-/${tarball.file}`) },
          { bytes: wheel.bytes, url: caller.address('pypi', wheel.path.slice(1)) },
        ]

        const downloads = [...wanted, ...wanted].map(({ url, bytes }) =>
          caller.get(url).then(
            ({ status, body }) =>
              status === 200 && body.equals(bytes) ? 'finished' : `${status}, ${body.length} bytes`,
            () => 'brokenOff',
          ),
        )
        await delay(random.below(LATEST_KILL_MS))
        await granary.kill()
        for (const outcome of await Promise.all(downloads)) {
          expect(['finished', 'brokenOff'], `round ${round}`).toContain(outcome)
          counts[outcome as 'finished' | 'brokenOff'] += 1
        }

        for (const upstream of [npm, pypi]) upstream.faults.clear()
        await granary.restart()
        expect(await stored.wrong(), `round ${round}`).toEqual([])
        expect(await stored.pending(), `round ${round}`).toEqual([])
        const asked = npm.countOf(tarball.path) + pypi.countOf(wheel.path)
        for (const { url, bytes } of wanted) {
          const answer = await caller.get(url)
          expect(answer.status, answer.body.subarray(0, 200).toString()).toBe(200)
          expect(answer.body.equals(bytes), `round ${round}: ${url}`).toBe(true)
        }
        counts.landed += 2 - (npm.countOf(tarball.path) + pypi.countOf(wheel.path) - asked)
      }

      console.info(`${ROUNDS} kills`, counts)
      expect(counts.brokenOff).toBeGreaterThan(0)
      const events = await readEvents(caller.api)
      for (let round = 0; round < ROUNDS; round++) {
        // Retained in the repository that was asked and in the one with the connection, each once.
        for (const format of ['npm', 'pypi'])
          expect(eventsOf(events, { format, name: `cold-${round}`, version: '1.0.0' })).toHaveLength(2)
      }
      const checked = await granary.cli(home, 'fsck')
      expect(checked, checked.stdout + checked.stderr).toMatchObject({ code: 0 })
    },
  )
})
