import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { ageIndexes } from '../support/aged-indexes.ts'
import { callerOf, type Caller } from '../support/caller.ts'
import { clientHome } from '../support/clients/home.ts'
import { eventsOf, readEvents } from '../support/event-log.ts'
import { startGranary, type Granary } from '../support/granary.ts'
import { npmUpload, pypiUpload, type Upload } from '../support/publishing.ts'
import type { Received } from '../support/request.ts'
import { seeded, type Seeded } from '../support/seeded.ts'
import { smallDisk, type SmallDisk } from '../support/small-disk.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'

const DISK_BYTES = 100_000_000
const FILE_BYTES = 2_000_000

/** What of an installation is on the small disk, and how much room is left there while it is asked to write. */
const DISKS: readonly { readonly holds: 'everything' | 'files' | 'database'; readonly rooms: readonly number[] }[] = [
  {
    holds: 'everything',
    rooms: [0, 50_000, FILE_BYTES / 2, FILE_BYTES + 20_000, FILE_BYTES + 100_000, FILE_BYTES + 600_000],
  },
  { holds: 'files', rooms: [0, 4_096, 300_000, FILE_BYTES - 1] },
  { holds: 'database', rooms: [0, 4_096, 12_288, 40_960] },
]

type Scene = {
  readonly disk: SmallDisk
  readonly granary: Granary
  readonly caller: Caller
  readonly npm: NpmUpstream
  readonly pypi: PypiUpstream
  readonly random: Seeded
}

const unexpected = ({ granary }: Scene) => granary.log.filter(({ msg }) => msg === 'a request failed unexpectedly')

const uploadsOf = async ({ random }: Scene, version: string): Promise<readonly Upload[]> => [
  await npmUpload('@full/hosted', version, { 'payload.bin': random.bytes(FILE_BYTES) }),
  await pypiUpload({ name: 'full-hosted', version, files: { 'payload.bin': random.bytes(FILE_BYTES) } }),
]

function expectNoRoom(format: 'npm' | 'pypi', answer: Received): void {
  expect([503, 507], answer.body.toString()).toContain(answer.status)
  const said = JSON.parse(answer.body.toString()) as Record<string, unknown>
  const words = /disk/i
  if (format === 'npm') expect(said['error']).toMatch(words)
  else {
    expect(answer.reason).toMatch(words)
    expect(said['detail']).toMatch(words)
  }
}

/** Refused in the client's own words and not there at all, or there as a whole. */
async function publishWhileFull({ caller }: Scene, upload: Upload): Promise<'refused' | 'published'> {
  const answer = await caller.publish(upload)
  const events = eventsOf(await readEvents(caller.api), upload)
  const listed = (await caller.list(upload.format, upload.name)).find(({ file }) => file === upload.file)
  if (answer.status < 300) {
    expect(events).toHaveLength(1)
    const served = await caller.get(listed?.url ?? '')
    expect(served.body.equals(upload.bytes)).toBe(true)
    return 'published'
  }
  expectNoRoom(upload.format, answer)
  expect(listed).toBeUndefined()
  expect(events).toEqual([])
  return 'refused'
}

type Cold = { readonly format: 'npm' | 'pypi'; readonly bytes: Uint8Array; readonly url: string; readonly name: string }

/** Files that are not here yet, whose index is. */
async function offerCold({ caller, npm, pypi, random }: Scene, name: string): Promise<readonly Cold[]> {
  const tarball = await npm.publish({ name, version: '1.0.0', tarballBytes: random.bytes(FILE_BYTES) })
  const [wheel] = await pypi.publish({ name, version: '1.0.0', bytes: random.bytes(FILE_BYTES), metadata: false })
  if (!wheel) throw new Error('One wheel was published')
  await caller.list('npm', name)
  await caller.list('pypi', name)
  return [
    { format: 'npm', name, bytes: tarball.bytes, url: caller.address('npm', `${name}/-/${tarball.file}`) },
    { format: 'pypi', name, bytes: wheel.bytes, url: caller.address('pypi', wheel.path.slice(1)) },
  ]
}

async function downloadWhileFull({ caller }: Scene, cold: Cold): Promise<'refused' | 'broken off' | 'served'> {
  let answer: Received
  try {
    answer = await caller.get(cold.url)
  } catch (error) {
    expect(error).toHaveProperty('code', 'ECONNRESET')
    return 'broken off'
  }
  if (answer.status === 200) {
    expect(answer.body.equals(cold.bytes)).toBe(true)
    return 'served'
  }
  expectNoRoom(cold.format, answer)
  return 'refused'
}

async function expectReadable(
  { caller }: Scene,
  files: readonly { readonly url: string; readonly bytes: Uint8Array }[],
) {
  for (const { url, bytes } of files) {
    const { status, body } = await caller.get(url)
    expect(status, url).toBe(200)
    expect(body.equals(bytes), url).toBe(true)
  }
}

describe.each(DISKS)('a full disk that holds $holds', ({ holds, rooms }) => {
  it('refuses what needs room, serves what is there, and goes on when there is room again', async (context) => {
    await using disk = await smallDisk(context, DISK_BYTES)
    await using npm = await startNpmUpstream()
    await using pypi = await startPypiUpstream()
    await using home = await clientHome()
    const elsewhere = await mkdtemp(join(tmpdir(), 'granary-roomy-'))
    await using cleanUp = new AsyncDisposableStack()
    cleanUp.defer(() => rm(elsewhere, { recursive: true, force: true, maxRetries: 5 }))
    const data = holds === 'files' ? join(elsewhere, 'data') : join(disk.folder, 'data')
    const blobs =
      holds === 'database' ? join(elsewhere, 'blobs') : holds === 'files' ? join(disk.folder, 'blobs') : null
    await using granary = await startGranary({
      data,
      env: {
        GRANARY_UPSTREAM_NPMJS: npm.url,
        GRANARY_UPSTREAM_PYPI: pypi.url,
        ...(blobs !== null && { GRANARY_BLOBS: blobs }),
      },
    })
    const caller = await callerOf(granary)
    const scene: Scene = { disk, granary, caller, npm, pypi, random: seeded(`full disk that holds ${holds}`) }

    const before = await uploadsOf(scene, '1.0.0')
    for (const upload of before) expect((await caller.publish(upload)).status).toBeLessThan(300)
    const fetched = await offerCold(scene, 'fetched')
    await expectReadable(scene, fetched)
    const known = [
      ...(await Promise.all(
        before.map(async ({ format, name, bytes }) => ({
          url: (await caller.list(format, name))[0]?.url ?? '',
          bytes,
        })),
      )),
      ...fetched,
    ]

    const outcomes: string[] = []
    for (const [index, room] of rooms.entries()) {
      const cold = await offerCold(scene, `cold-${index}`)
      await disk.leave(room)
      for (const upload of await uploadsOf(scene, `1.1.${index}`)) {
        const outcome = await publishWhileFull(scene, upload)
        outcomes.push(`${room}: ${upload.format} publish ${outcome}`)
        if (room === 0) expect(outcome).toBe('refused')
      }
      for (const one of cold) {
        const outcome = await downloadWhileFull(scene, one)
        outcomes.push(`${room}: ${one.format} download ${outcome}`)
        if (room === 0 && holds !== 'database') expect(outcome).toBe('refused')
      }
      await expectReadable(scene, known)

      await disk.free()
      await expectReadable(scene, cold)
      for (const upload of await uploadsOf(scene, `1.2.${index}`)) {
        const answer = await caller.publish(upload)
        expect(answer.status, answer.body.toString()).toBeLessThan(300)
      }
    }
    console.info(outcomes.join('\n'))

    // An index that should be asked about again cannot be written down: what is known of it is still served.
    ageIndexes(data, 48 * 3_600_000)
    await disk.leave(0)
    for (const [format, path] of [['npm', 'fetched'] as const, ['pypi', 'simple/fetched/'] as const]) {
      const stale = await caller.get(caller.address(format, path))
      expect(stale.status, stale.body.toString()).toBe(200)
      expect(stale.body.toString()).toContain('1.0.0')
    }
    if (holds !== 'files') {
      const refused = caller.api.call(operations.createUser, { account: '000000000000', user: 'no-room' })
      await expect(refused).rejects.toThrow(/disk/i)
    }
    await disk.free()
    expect(unexpected(scene)).toEqual([])
    const checked = await run(granary, home, blobs)
    expect(checked, checked.stdout + checked.stderr).toMatchObject({ code: 0 })
  })
})

const run = (granary: Granary, home: Awaited<ReturnType<typeof clientHome>>, blobs: string | null) =>
  granary.cli(home, 'fsck', ...(blobs === null ? [] : ['--blobs', blobs]))
