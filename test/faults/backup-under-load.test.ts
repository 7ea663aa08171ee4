import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { callerOf, type Caller } from '../support/caller.ts'
import { clientHome } from '../support/clients/home.ts'
import { eventsOf, readEvents } from '../support/event-log.ts'
import { startGranary } from '../support/granary.ts'
import { npmUpload, pypiUpload, type Upload } from '../support/publishing.ts'
import { seeded, type Seeded } from '../support/seeded.ts'

const PUBLISHERS = ['npm', 'npm', 'pypi'] as const
const BACKUPS = 3

type Acknowledged = { readonly upload: Upload; readonly at: number }

async function publishUntil(stop: AbortSignal, caller: Caller, random: Seeded, publisher: number) {
  const acknowledged: Acknowledged[] = []
  for (let count = 0; !stop.aborted; count++) {
    const payload = { 'payload.bin': random.bytes(random.below(200_000)) }
    const version = `1.0.${count}`
    const upload =
      PUBLISHERS[publisher] === 'npm'
        ? await npmUpload(`@backup/${publisher}`, version, payload)
        : await pypiUpload({ name: `backup-${publisher}`, version, files: payload })
    const answer = await caller.publish(upload)
    expect(answer.status, answer.body.toString()).toBeLessThan(300)
    acknowledged.push({ upload, at: Date.now() })
  }
  return acknowledged
}

describe('a backup that is made while packages are published', () => {
  it('has all that was acknowledged before its moment, and nothing by halves', { timeout: 200_000 }, async () => {
    const random = seeded('backups under load')
    await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: 'http://127.0.0.1:9/' } })
    await using home = await clientHome()
    const caller = await callerOf(granary)
    const stop = new AbortController()
    const publishing = PUBLISHERS.map((_, publisher) => publishUntil(stop.signal, caller, random, publisher))
    const backups: { readonly file: string; readonly begunAt: number }[] = []
    for (let count = 0; count < BACKUPS; count++) {
      await delay(500 + random.below(1_000))
      const begunAt = Date.now()
      const file = join(home.folder, `backup-${count}.tar`)
      const made = await granary.cli(home, 'backup', file)
      expect(made, made.stderr).toMatchObject({ code: 0 })
      backups.push({ file, begunAt })
    }
    await delay(300)
    stop.abort()
    const all = (await Promise.all(publishing)).flat()

    for (const { file, begunAt } of backups) {
      const data = await mkdtemp(join(tmpdir(), 'granary-restored-'))
      await using cleanUp = new AsyncDisposableStack()
      cleanUp.defer(() => rm(data, { recursive: true, force: true, maxRetries: 5 }))
      for (const secret of ['master.key', 'credentials']) await copyFile(join(granary.data, secret), join(data, secret))
      const { createdAt } = await granary.json<{ createdAt: string }>(home, 'restore', file, '--data', data)
      const mark = Date.parse(createdAt)
      expect(mark).toBeGreaterThanOrEqual(begunAt)
      const checked = await granary.cli(home, 'fsck', '--data', data)
      expect(checked, checked.stdout + checked.stderr).toMatchObject({ code: 0 })

      await using restored = await startGranary({ data, env: { GRANARY_UPSTREAM_NPMJS: 'http://127.0.0.1:9/' } })
      const reader = await callerOf(restored)
      const events = await readEvents(reader.api)
      const counts = { before: 0, whole: 0, absent: 0 }
      for (const { upload, at } of all) {
        const told = eventsOf(events, upload).length
        const listed =
          told > 0 ? (await reader.list(upload.format, upload.name)).find((one) => one.file === upload.file) : undefined
        const isWhole = listed !== undefined && (await reader.get(listed.url)).body.equals(upload.bytes)
        if (at < mark) {
          expect({ file: upload.file, isWhole, told }).toEqual({ file: upload.file, isWhole: true, told: 1 })
          counts.before += 1
        } else {
          expect({ file: upload.file, told }).toEqual({ file: upload.file, told: isWhole ? 1 : 0 })
          counts[isWhole ? 'whole' : 'absent'] += 1
        }
      }
      console.info(`backup of ${createdAt}`, counts)
      expect(counts.before).toBeGreaterThan(0)
    }
  })
})
