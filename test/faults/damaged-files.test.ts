import { createHash } from 'node:crypto'
import { open, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import Sqlite from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { callerOf, type Caller } from '../support/caller.ts'
import { clientHome } from '../support/clients/home.ts'
import { startGranary } from '../support/granary.ts'
import { npmUpload, pypiUpload } from '../support/publishing.ts'
import { seeded } from '../support/seeded.ts'
import { storedFiles } from '../support/stored-files.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream } from '../support/upstream/pypi.ts'

const FILE_BYTES = 400_000

type Damage = (path: string) => Promise<void>

/** One bit of a byte in the middle, as a bad disk does it: same size, same times. */
const flip: Damage = async (path) => {
  await using file = await open(path, 'r+')
  const middle = Math.floor((await file.stat()).size / 2)
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, middle)
  await file.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, middle)
}

const cut: Damage = (path) => truncate(path, FILE_BYTES / 2)

async function setUp(what: string) {
  const random = seeded(what)
  const stack = new AsyncDisposableStack()
  const npm = stack.use(await startNpmUpstream())
  const pypi = stack.use(await startPypiUpstream())
  const granary = stack.use(
    await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: npm.url, GRANARY_UPSTREAM_PYPI: pypi.url } }),
  )
  const home = stack.use(await clientHome())
  const caller = await callerOf(granary)
  const payload = { 'payload.bin': random.bytes(FILE_BYTES) }
  const uploads = [
    await npmUpload('@damaged/hosted', '1.0.0', payload),
    await pypiUpload({ name: 'damaged-hosted', version: '1.0.0', files: payload }),
  ]
  for (const upload of uploads) expect((await caller.publish(upload)).status).toBeLessThan(300)
  const hosted = await Promise.all(
    uploads.map(async ({ format, name, bytes }) => ({
      url: (await caller.list(format, name))[0]?.url ?? '',
      bytes: bytes as Uint8Array,
    })),
  )
  const tarball = await npm.publish({ name: 'cached', version: '1.0.0', tarballBytes: random.bytes(FILE_BYTES) })
  const [wheel] = await pypi.publish({ name: 'cached', version: '1.0.0', bytes: random.bytes(FILE_BYTES) })
  if (!wheel) throw new Error('One wheel was published')
  const cached = [
    { url: caller.address('npm', `cached/-/${tarball.file}`), bytes: tarball.bytes },
    { url: caller.address('pypi', wheel.path.slice(1)), bytes: wheel.bytes },
  ]
  for (const { url, bytes } of cached) expect((await caller.get(url)).body.equals(bytes)).toBe(true)
  return {
    granary,
    home,
    caller,
    npm,
    pypi,
    uploads,
    hosted,
    cached,
    stored: storedFiles(granary.data),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

type File = { readonly url: string; readonly bytes: Uint8Array }
const sha256Of = ({ bytes }: File): string => createHash('sha256').update(bytes).digest('hex')

/** What a client that trusts a complete 200 gets. */
async function look(
  caller: Caller,
  { url, bytes }: File,
): Promise<'right' | 'wrong bytes' | `${number}` | 'broken off'> {
  try {
    const { status, body } = await caller.get(url)
    if (status !== 200) return `${status}`
    return body.equals(bytes) ? 'right' : 'wrong bytes'
  } catch {
    return 'broken off'
  }
}

describe('a stored file in which a bit flipped', () => {
  it('is found by fsck; --repair gives up what was cached, and the next request fetches it again', async () => {
    await using scene = await setUp('flipped bits of cached files')
    const { granary, home, caller, cached, stored } = scene
    for (const file of cached) await flip(stored.pathOf(sha256Of(file)))
    const found = await granary.cli(home, 'fsck')
    expect(found.code).toBe(1)
    for (const file of cached) expect(found.stdout).toMatch(new RegExp(`corrupt\\s+${sha256Of(file)}`))
    const repaired = await granary.cli(home, 'fsck', '--repair')
    expect(repaired, repaired.stdout).toMatchObject({ code: 0 })
    for (const file of cached) expect(await look(caller, file)).toBe('right')
    expect(await granary.cli(home, 'fsck')).toMatchObject({ code: 0 })
  })

  it('is reported where it was published here, also by --repair, and its bytes stay for who may mend them', async () => {
    await using scene = await setUp('flipped bits of published files')
    const { granary, home, caller, uploads, hosted, stored } = scene
    for (const file of hosted) await flip(stored.pathOf(sha256Of(file)))
    for (const flags of [[], ['--repair'], []]) {
      const found = await granary.cli(home, 'fsck', ...flags)
      expect(found.code).toBe(1)
      for (const file of hosted) expect(found.stdout).toMatch(new RegExp(`corrupt\\s+${sha256Of(file)}`))
    }
    // Who still has the bytes publishes them again: the same version, the same content.
    for (const upload of uploads) expect((await caller.publish(upload)).status).toBe(200)
    expect(await granary.cli(home, 'fsck')).toMatchObject({ code: 0 })
    for (const file of hosted) expect(await look(caller, file)).toBe('right')
  })
})

describe('a stored file in which a bit flipped while the server was down', () => {
  it('is fetched again where it was cached, and an error where it was published here: never wrong bytes', async () => {
    await using scene = await setUp('flipped bits found by reading')
    const { granary, caller, uploads, cached, hosted, stored } = scene
    for (const file of [...cached, ...hosted]) await flip(stored.pathOf(sha256Of(file)))
    await granary.restart()
    for (const file of cached) expect(await look(caller, file)).toBe('right')
    for (const file of hosted) expect(await look(caller, file)).toBe('500')
    for (const upload of uploads) expect((await caller.publish(upload)).status).toBe(200)
    for (const file of hosted) expect(await look(caller, file)).toBe('right')
  })
})

describe('a stored file that was cut short', () => {
  it('is fetched again where it was cached, and an error where it was published here: never a short 200', async () => {
    await using scene = await setUp('files cut short')
    const { granary, caller, uploads, cached, hosted, stored } = scene
    for (const file of [...cached, ...hosted]) await cut(stored.pathOf(sha256Of(file)))
    for (const file of cached) expect(await look(caller, file)).toBe('right')
    for (const file of hosted) expect(await look(caller, file)).toBe('500')
    for (const file of hosted)
      await expect.poll(() => JSON.stringify(granary.log)).toContain(`The blob ${sha256Of(file)}`)
    for (const upload of uploads) expect((await caller.publish(upload)).status).toBe(200)
    for (const file of hosted) expect(await look(caller, file)).toBe('right')
  })
})

describe('a cached index that was damaged', () => {
  it.each([
    { how: 'by flipped bits', damage: flip },
    { how: 'by being cut short', damage: (path: string) => truncate(path, 50) },
  ])('$how is fetched again, and no answer is made of it', async ({ damage }) => {
    await using scene = await setUp('damaged indexes')
    const { granary, caller, npm, pypi, stored } = scene
    const right = [await caller.list('npm', 'cached'), await caller.list('pypi', 'cached')]
    const asked = npm.requests.length + pypi.requests.length
    for (const sha256 of indexDocuments(granary.data)) await damage(stored.pathOf(sha256))
    // The thread that read them remembers what they said.
    await granary.restart()
    // What was rendered before holds, so that a new answer is asked for: another encoding.
    const compressed = { headers: { 'accept-encoding': 'gzip' } }
    const answers = [
      await caller.get(caller.address('npm', 'cached'), compressed),
      await caller.get(caller.address('pypi', 'simple/cached/'), compressed),
    ]
    for (const [index, { status, body }] of answers.entries()) {
      expect(status, body.toString()).toBe(200)
      const text = gunzipSync(body).toString()
      for (const { digest } of right[index] ?? []) expect(text).toContain(digest)
    }
    expect(npm.requests.length + pypi.requests.length).toBe(asked + 2)
  })
})

/** The documents of all indexes that are kept. */
function indexDocuments(data: string): readonly string[] {
  const database = new Sqlite(join(data, 'granary.db'), { readonly: true })
  try {
    const rows = database
      .prepare('SELECT document_sha256 AS sha256 FROM indexes WHERE document_sha256 IS NOT NULL')
      .all()
    return (rows as { sha256: string }[]).map(({ sha256 }) => sha256)
  } finally {
    database.close()
  }
}
