import { request as httpRequest } from 'node:http'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { callerOf, type Caller } from '../support/caller.ts'
import { eventsOf, readEvents } from '../support/event-log.ts'
import { startGranary, type Granary } from '../support/granary.ts'
import { npmUpload, pypiUpload, type Upload } from '../support/publishing.ts'
import { seeded } from '../support/seeded.ts'
import { storedFiles } from '../support/stored-files.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'

const BIG = 20_000_000
const DOWNLOADERS = 50
const SLOW_READERS = 60

const unexpected = ({ log }: Granary) => log.filter(({ msg }) => msg === 'a request failed unexpectedly')

/** Reads so many bytes and hangs up. */
async function readAndLeave(caller: Caller, url: string, bytes: number): Promise<void> {
  const answer = await caller.open(url)
  let read = 0
  answer.on('error', () => {})
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    read += chunk.length
    if (read >= bytes) break
  }
  answer.destroy()
}

/** Sends the head and a part of the body, and hangs up. */
async function publishAndLeave(caller: Caller, { format, path, request }: Upload, part: number): Promise<void> {
  const body = Buffer.from(request.body)
  const sent = Promise.withResolvers<void>()
  const asked = httpRequest(caller.address(format, path), {
    method: request.method,
    agent: false,
    headers: { ...request.headers, authorization: `Bearer ${caller.token}`, 'content-length': body.length },
  })
  asked.on('error', () => {})
  asked.write(body.subarray(0, Math.floor(body.length * part)), () => sent.resolve())
  await sent.promise
  await delay(100)
  asked.destroy()
}

async function residentBytes({ pid }: Granary): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}

describe('a client that hangs up', () => {
  it('in the middle of a cold download costs the others nothing: one request upstream, right bytes, and the file is kept', async () => {
    const random = seeded('hang-up in a cold download')
    await using npm = await startNpmUpstream()
    await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: npm.url } })
    const caller = await callerOf(granary)
    const tarball = await npm.publish({ name: 'big', version: '1.0.0', tarballBytes: random.bytes(BIG) })
    npm.faults.on(tarball.path, { kind: 'slow', bytesPerSecond: BIG })
    await caller.list('npm', 'big')
    const url = caller.address('npm', `big/-/${tarball.file}`)

    const first = readAndLeave(caller, url, BIG / 10)
    const others = Array.from({ length: DOWNLOADERS - 1 }, () => caller.get(url))
    await first
    for (const { status, body } of await Promise.all(others)) {
      expect(status).toBe(200)
      expect(body.equals(tarball.bytes)).toBe(true)
    }
    expect(npm.countOf(tarball.path)).toBe(1)
    await npm.down()
    const again = await caller.get(url)
    expect(again.body.equals(tarball.bytes)).toBe(true)
    expect(unexpected(granary)).toEqual([])
  })

  it('alone in a cold download leaves it to go on: the file is here for the next', async () => {
    const random = seeded('lone hang-up')
    await using npm = await startNpmUpstream()
    await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: npm.url } })
    const caller = await callerOf(granary)
    const tarball = await npm.publish({ name: 'lone', version: '1.0.0', tarballBytes: random.bytes(BIG) })
    npm.faults.on(tarball.path, { kind: 'slow', bytesPerSecond: BIG })
    const url = caller.address('npm', `lone/-/${tarball.file}`)
    await readAndLeave(caller, url, BIG / 10)
    await expect
      .poll(async () => eventsOf(await readEvents(caller.api), { format: 'npm', name: 'lone', version: '1.0.0' }), {
        timeout: 20_000,
      })
      .toHaveLength(2)
    await npm.down()
    expect((await caller.get(url)).body.equals(tarball.bytes)).toBe(true)
  })

  it.each([0.01, 0.5, 0.999])('at %d of a publish leaves nothing of it', async (part) => {
    const random = seeded(`hang-up at ${part} of a publish`)
    await using npm = await startNpmUpstream()
    await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: npm.url } })
    const caller = await callerOf(granary)
    const stored = storedFiles(granary.data)
    const payload = { 'payload.bin': random.bytes(2_000_000) }
    const uploads = [
      await npmUpload('@left/half', '1.0.0', payload),
      await pypiUpload({ name: 'left-half', version: '1.0.0', files: payload }),
    ]
    for (const upload of uploads) await publishAndLeave(caller, upload, part)
    await expect.poll(() => stored.pending(), { timeout: 5_000 }).toEqual([])
    expect(await stored.count()).toBe(0)
    const events = await readEvents(caller.api)
    for (const upload of uploads) {
      expect(await caller.list(upload.format, upload.name)).toEqual([])
      expect(eventsOf(events, upload)).toEqual([])
      // And stands in nobody's way.
      expect((await caller.publish(upload)).status).toBeLessThan(300)
    }
    expect(unexpected(granary)).toEqual([])
  })
})

describe.runIf(process.platform === 'linux')('clients that read slowly', () => {
  it.each(['kept here', 'still arriving'])(
    'a file that is %s hold a chunk of memory each, and no file',
    async (state) => {
      const random = seeded('slow readers')
      await using npm = await startNpmUpstream()
      await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: npm.url } })
      const caller = await callerOf(granary)
      const tarball = await npm.publish({ name: 'slowly', version: '1.0.0', tarballBytes: random.bytes(BIG) })
      const url = caller.address('npm', `slowly/-/${tarball.file}`)
      await caller.list('npm', 'slowly')
      if (state === 'kept here') await caller.get(url)
      const before = await residentBytes(granary)

      const readers = await Promise.all(Array.from({ length: SLOW_READERS }, () => caller.open(url)))
      for (const reader of readers) reader.on('error', () => {})
      let most = 0
      for (let look = 0; look < 20; look++) {
        await delay(100)
        most = Math.max(most, await residentBytes(granary))
      }
      console.info(`${SLOW_READERS} slow readers of a file ${state}: ${Math.round((most - before) / 1e6)} MB more`)
      // Each has a chunk under way, and the file itself would be 1.2 GB for all of them.
      expect(most - before).toBeLessThan(150_000_000)
      expect((await caller.get(url)).body.equals(tarball.bytes)).toBe(true)
      for (const reader of readers) reader.destroy()
      expect(unexpected(granary)).toEqual([])
    },
  )
})
