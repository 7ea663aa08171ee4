import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { callerOf, type Caller } from '../support/caller.ts'
import { clientHome } from '../support/clients/home.ts'
import { eventsOf, readEvents, type LoggedEvent } from '../support/event-log.ts'
import { startGranary } from '../support/granary.ts'
import { npmUpload, pypiUpload, type Upload } from '../support/publishing.ts'
import { ask } from '../support/request.ts'
import { seeded, type Seeded } from '../support/seeded.ts'
import { storedFiles } from '../support/stored-files.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream } from '../support/upstream/pypi.ts'

const ROUNDS = Number(process.env.GRANARY_FAULT_ROUNDS ?? 60)
const LATEST_KILL_MS = 300
const LARGEST_FILE = 300_000
const PUBLISHERS = ['npm', 'npm', 'npm', 'pypi', 'pypi'] as const
/** Packages begin anew now and then, so that first publishes are among what is killed. */
const ROUNDS_PER_PACKAGE = 10

/** What a publisher remembers: what it sent, and whether it was told that it is done. */
type Sent = { readonly upload: Upload; isAcknowledged: boolean }

/** Publishes one version after another until the server is gone; npm's names have a scope, PyPI's versions two files. */
async function publishUntilKilled(
  caller: Caller,
  random: Seeded,
  round: number,
  publisher: number,
  onAcknowledged: () => void,
): Promise<Sent[]> {
  const format = PUBLISHERS[publisher] as Upload['format']
  const name = `${format === 'npm' ? '@kill/' : 'kill-'}${publisher}-${Math.floor(round / ROUNDS_PER_PACKAGE)}`
  const sent: Sent[] = []
  for (let count = 0; ; count++) {
    const version = `1.${round}.${format === 'npm' ? count : count >> 1}`
    const payload = { 'payload.bin': random.bytes(random.below(LARGEST_FILE)) }
    const upload =
      format === 'npm'
        ? await npmUpload(name, version, payload)
        : await pypiUpload({ name, version, files: payload }, count % 2 === 0 ? 'wheel' : 'sdist')
    const one: Sent = { upload, isAcknowledged: false }
    sent.push(one)
    try {
      const { status, body } = await caller.publish(upload)
      expect([200, 201], body.toString()).toContain(status)
      one.isAcknowledged = true
      onAcknowledged()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error
      return sent
    }
  }
}

/** What is there of an upload, by every door: 'whole', 'nothing', or a description of what is wrong. */
async function look(
  caller: Caller,
  events: readonly LoggedEvent[],
  all: readonly Sent[],
  upload: Upload,
): Promise<string> {
  const listed = (await caller.list(upload.format, upload.name)).find(({ file }) => file === upload.file)
  const expected = upload.format === 'npm' ? upload.integrity : upload.sha256
  const path =
    upload.format === 'npm' ? `${upload.path}/-/${upload.file}` : `packages/sha256/${upload.sha256}/${upload.file}`
  const { status, body } = await caller.get(listed?.url ?? caller.address(upload.format, path))
  const isRight = status === 200 && createHash('sha256').update(body).digest('hex') === upload.sha256
  // A version's events are counted against all of its files that are there.
  const siblings = all.filter(({ upload: { name, version } }) => name === upload.name && version === upload.version)
  const present = await caller.list(upload.format, upload.name)
  const files = siblings.filter((sibling) => present.some(({ file }) => file === sibling.upload.file)).length
  const told = eventsOf(events, upload).length
  if (told !== files) return `${told} events of ${files} files`
  if (listed?.digest === expected && isRight) return 'whole'
  if (!listed && status === 404) return 'nothing'
  return `listed as ${listed?.digest}, served with ${status}, bytes ${isRight ? 'right' : 'wrong'}`
}

function expectSequencesWithoutGaps(events: readonly LoggedEvent[]): void {
  const bySubject = Map.groupBy(events, ({ subject }) => subject)
  for (const [subject, own] of bySubject) {
    const sequences = own.map(({ sequence }) => sequence).toSorted((a, b) => a - b)
    expect(sequences, subject).toEqual(sequences.map((_, index) => index + 1))
  }
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length)
}

describe('a server that is killed while packages are published', () => {
  it(
    `keeps what it acknowledged, and of the rest all or nothing, over ${ROUNDS} kills`,
    { timeout: 60_000 + ROUNDS * 20_000 },
    async () => {
      const random = seeded('kills during publishes')
      await using npm = await startNpmUpstream()
      await using pypi = await startPypiUpstream()
      const env = { GRANARY_UPSTREAM_NPMJS: npm.url, GRANARY_UPSTREAM_PYPI: pypi.url, GRANARY_LOG_LEVEL: 'info' }
      await using granary = await startGranary({ env })
      await using home = await clientHome()
      const caller = await callerOf(granary)
      const stored = storedFiles(granary.data)
      const counts = { acknowledged: 0, whole: 0, nothing: 0 }
      let slowestStart = 0

      for (let round = 0; round < ROUNDS; round++) {
        const first = Promise.withResolvers<void>()
        const publishing = PUBLISHERS.map((_, publisher) =>
          publishUntilKilled(caller, random, round, publisher, first.resolve),
        )
        // Every other server is killed at its first work, the rest when they are warm: then more commits are under way.
        if (round % 2 === 1) await first.promise
        await delay(random.below(LATEST_KILL_MS))
        await granary.kill()
        const sent = (await Promise.all(publishing)).flat()

        const begun = performance.now()
        await granary.restart()
        expect((await ask(`${granary.url}/-/ready`)).status).toBe(200)
        slowestStart = Math.max(slowestStart, performance.now() - begun)

        expect(await stored.wrong(), `round ${round}`).toEqual([])
        expect(await stored.pending(), `round ${round}`).toEqual([])
        const events = await readEvents(caller.api)
        expectSequencesWithoutGaps(events)
        for (const { upload, isAcknowledged } of sent) {
          const found = await look(caller, events, sent, upload)
          const what = `${upload.file} of round ${round}, ${isAcknowledged ? '' : 'not '}acknowledged`
          expect(isAcknowledged ? ['whole'] : ['whole', 'nothing'], `${what}: ${found}`).toContain(found)
          counts[isAcknowledged ? 'acknowledged' : (found as 'whole' | 'nothing')] += 1
        }
        // A pipeline that saw its connection break tries again.
        for (const { upload } of sent.filter(({ isAcknowledged }) => !isAcknowledged)) {
          const again = await caller.publish(upload)
          expect([200, 201], again.body.toString()).toContain(again.status)
        }
        const after = await readEvents(caller.api)
        for (const { upload } of sent) expect(await look(caller, after, sent, upload), upload.file).toBe('whole')
      }

      console.info(`${ROUNDS} kills`, counts, `slowest start ${Math.round(slowestStart)} ms`)
      expect(slowestStart).toBeLessThan(10_000)
      expect(counts.acknowledged).toBeGreaterThan(0)
      const checked = await granary.cli(home, 'fsck')
      expect(checked, checked.stdout + checked.stderr).toMatchObject({ code: 0 })
    },
  )
})
