import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tar from 'tar-stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { setClock, type SetClock, type StoredRegistry, storedRegistry } from '../../test/support/stored-registry.ts'
import type { BlobStore } from '../registry/blob-store.ts'
import { backup, type BackingUp } from './backup.ts'
import { spoolRows, type TableRow, unspoolRows } from './backup-file.ts'
import { collect } from './blobs/collect.ts'
import { openFilesystemBlobs } from './blobs/filesystem.ts'
import { memoryBlobs } from './blobs/memory.ts'
import { fsck } from './fsck.ts'
import { restore, type RestoreResult } from './restore.ts'
import { openSqlite, type SqliteStore } from './sql/sqlite.ts'

let folder: string
let file: string
let clock: SetClock
let registry: StoredRegistry
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'granary-backup-'))
  file = join(folder, 'granary.backup')
  clock = setClock()
  registry = await storedRegistry(memoryBlobs({ now: clock.now }), clock, join(folder, 'granary.db'))
})
afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const makeBackup = (options: Partial<BackingUp> = {}) =>
  backup({ file, store: registry.store, blobs: registry.blobs, clock, program: '1.2.3', ...options })

type Restored = AsyncDisposable & {
  readonly store: SqliteStore
  readonly blobs: BlobStore
  readonly result: RestoreResult
}

/** Restores `file` into a new, empty installation. */
async function restoreAnew(): Promise<Restored> {
  const store = await openSqlite(':memory:')
  const blobs = memoryBlobs()
  const result = await restore({ file, store, blobs, tmp: join(folder, 'tmp') })
  return { store, blobs, result, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
}

const digestsIn = async (blobs: BlobStore) => (await Array.fromAsync(blobs.list())).map(({ sha256 }) => sha256)
const rowsOf = async (store: SqliteStore) =>
  (await Array.fromAsync(store.exportTables())).filter(({ table }) => table !== 'blobs')

async function entriesOf(path: string): Promise<Map<string, string>> {
  const entries = new Map<string, string>()
  const extract = tar.extract()
  extract.end(await readFile(path))
  for await (const entry of extract) {
    entries.set(entry.header.name, Buffer.concat((await Array.fromAsync(entry)) as Buffer[]).toString())
  }
  return entries
}

/** Writes the entries of a backup again, as somebody who tampers with it would. */
async function writeEntries(entries: Iterable<readonly [string, string | Buffer]>): Promise<void> {
  const pack = tar.pack()
  for (const [name, content] of entries) pack.entry({ name }, content)
  pack.finalize()
  await writeFile(file, Buffer.concat((await Array.fromAsync(pack)) as Buffer[]))
}

describe('a backup, restored', () => {
  it('has every row and every published file', async () => {
    const hosted = [
      await registry.publish('one', 'first'),
      await registry.publish('two', 'second'),
      await registry.publish('empty', ''),
    ]
    const made = await makeBackup()
    expect(made).toMatchObject({ file, blobs: 3, blobBytes: 11, cachedLeftOut: 0, missing: [], damaged: [] })
    expect(made.bytes).toBe((await stat(file)).size)
    await using restored = await restoreAnew()
    expect(restored.result).toMatchObject({
      program: '1.2.3',
      rows: made.rows,
      blobs: 3,
      blobBytes: 11,
      lost: [],
      cachedForgotten: 0,
    })
    expect(restored.result.createdAt).toBe(new Date(clock.now()).toISOString())
    expect(await digestsIn(restored.blobs)).toEqual(hosted.toSorted())
    expect(await rowsOf(restored.store)).toEqual(await rowsOf(registry.store))
    expect(await fsck({ ledger: restored.store, blobs: restored.blobs })).toMatchObject({
      ok: true,
      blobs: 3,
      orphaned: [],
    })
  })

  it('leaves out what is only cached, which the restored installation fetches again', async () => {
    const hosted = await registry.publish('hosted', 'hosted')
    const both = await registry.publish('both', 'both')
    await registry.retain('both-too', 'both')
    await registry.retain('cached', 'cached')
    await registry.cacheIndex('index', 'index')
    expect(await makeBackup()).toMatchObject({ blobs: 2, cachedLeftOut: 2 })
    await using restored = await restoreAnew()
    expect(restored.result.cachedForgotten).toBe(2)
    expect(await digestsIn(restored.blobs)).toEqual([hosted, both].toSorted())
    // No row refers to bytes that are not there.
    expect(await fsck({ ledger: restored.store, blobs: restored.blobs })).toMatchObject({ ok: true, missing: [] })
  })

  it('has the cache too, if asked', async () => {
    await registry.publish('hosted', 'hosted')
    await registry.retain('cached', 'cached')
    await registry.cacheIndex('index', 'index')
    expect(await makeBackup({ includeCache: true })).toMatchObject({ blobs: 3, cachedLeftOut: 0 })
    await using restored = await restoreAnew()
    expect(restored.result).toMatchObject({ blobs: 3, cachedForgotten: 0 })
    expect(await rowsOf(restored.store)).toEqual(await rowsOf(registry.store))
  })

  it('says that the master key is not in it', async () => {
    const made = await makeBackup()
    await using restored = await restoreAnew()
    for (const { notes } of [made, restored.result])
      expect(notes.join()).toContain('The master key is not part of a backup')
  })

  it('is on disk what it was in memory', async () => {
    const content = 'x'.repeat(700_000)
    const sha256 = await registry.publish('large', content)
    await makeBackup()
    await using store = await openSqlite(join(folder, 'restored.db'))
    const blobs = await openFilesystemBlobs(join(folder, 'blobs'), { tmp: join(folder, 'tmp') })
    await restore({ file, store, blobs, tmp: join(folder, 'tmp') })
    expect(await fsck({ ledger: store, blobs })).toMatchObject({ ok: true, blobs: 1, bytes: 700_000 })
    expect(await blobs.stat(sha256)).toEqual({ size: 700_000 })
    expect(await readdir(join(folder, 'tmp'))).toEqual([])
  })

  it('keeps strings with every kind of line break, and values of every kind', async () => {
    const rows: TableRow[] = [
      {
        table: 'a',
        row: {
          text: 'one\ntwo\r\nthree\u2028four\u2029five',
          null: null,
          number: 2 ** 53 - 1,
          long: 'é'.repeat(200_000),
        },
      },
      { table: 'b', row: {} },
    ]
    async function* given() {
      yield* rows
    }
    await spoolRows(given(), join(folder, 'rows'))
    expect(await Array.fromAsync(unspoolRows(join(folder, 'rows')))).toEqual(rows)
  })
})

describe('a backup of a server at work', () => {
  it('has everything that was acknowledged before it began, whole, though others publish meanwhile', async () => {
    const acknowledged: string[] = []
    let isOver = false
    const publishing = (async () => {
      for (let i = 0; !isOver && i < 400; i++) {
        acknowledged.push(await registry.publish(`package-${i}`, `content ${i}`))
        await new Promise(setImmediate) // SQLite and memory alone would never let the backup have its turn
      }
    })()
    while (acknowledged.length < 20) await new Promise(setImmediate)
    const before = [...acknowledged]
    const made = await makeBackup()
    isOver = true
    await publishing
    expect(acknowledged.length).toBeGreaterThan(before.length)
    await using restored = await restoreAnew()
    const digests = new Set(await digestsIn(restored.blobs))
    expect(before.filter((sha256) => !digests.has(sha256))).toEqual([])
    expect(digests.size).toBe(made.blobs)
    expect(await fsck({ ledger: restored.store, blobs: restored.blobs })).toMatchObject({ ok: true, orphaned: [] })
  })

  it('has the files of a package that is deleted, and collected, while it is made', async () => {
    for (let i = 0; i < 20; i++) await registry.publish(`package-${i}`, `content ${i}`)
    clock.passHours(1000)
    let done = 0
    const store = {
      ...registry.store,
      // When the snapshot has just been taken, and whenever the backup is busy.
      async *exportTables() {
        yield* registry.store.exportTables()
        for (let i = 0; i < 20; i++) await registry.unpublish(`package-${i}`)
        await collect({ ledger: registry.store, blobs: registry.blobs, clock, cacheLimitBytes: 0 })
      },
    }
    const made = await makeBackup({ store, onProgress: () => done++ })
    expect(made).toMatchObject({ blobs: 20, missing: [] })
    expect(done).toBe(20)
  })

  it('touches what it still has to read when it takes long', async () => {
    const last = await registry.publish('aa', 'a')
    await registry.publish('bb', 'b')
    const touched: string[][] = []
    const store = {
      ...registry.store,
      async touchBlobs(used: readonly { sha256: string }[]) {
        touched.push(used.map(({ sha256 }) => sha256).toSorted())
      },
    }
    await makeBackup({ store, onProgress: () => clock.passHours(1) })
    expect(touched).toHaveLength(2)
    expect(touched[0]).toHaveLength(2)
    expect(touched[1]).toHaveLength(1)
    expect(touched[0]).toContain(last)
  })

  it('goes without cached blobs that are evicted while it is made', async () => {
    await registry.publish('hosted', 'hosted')
    await registry.retain('cached', 'cached')
    clock.passHours(2)
    const store = {
      ...registry.store,
      async *exportTables() {
        yield* registry.store.exportTables()
        await collect({ ledger: registry.store, blobs: registry.blobs, clock, cacheLimitBytes: 0 })
      },
    }
    expect(await makeBackup({ store, includeCache: true })).toMatchObject({ blobs: 1, cachedLeftOut: 1 })
    await using restored = await restoreAnew()
    expect(restored.result).toMatchObject({ blobs: 1, cachedForgotten: 1 })
  })
})

describe('a backup of a damaged installation', () => {
  it('is made all the same, and tells what is lost', async () => {
    const blobs = await openFilesystemBlobs(join(folder, 'blobs'), { tmp: join(folder, 'tmp') })
    await using damaged = await storedRegistry(blobs, clock)
    const [missing, rotten, sound] = [
      await damaged.publish('one', 'one'),
      await damaged.publish('two', 'two'),
      await damaged.publish('six', 'six'),
    ]
    const fileOf = (sha256: string) => join(folder, 'blobs', 'sha256', sha256.slice(0, 2), sha256.slice(2))
    await rm(fileOf(missing))
    await writeFile(fileOf(rotten), 'owt')
    expect(await makeBackup({ store: damaged.store, blobs })).toMatchObject({ missing: [missing], damaged: [rotten] })
    await using restored = await restoreAnew()
    expect(restored.result).toMatchObject({ blobs: 1, lost: [missing, rotten].toSorted() })
    expect(await digestsIn(restored.blobs)).toEqual([sound])
    const checked = await fsck({ ledger: restored.store, blobs: restored.blobs })
    expect(checked).toMatchObject({ ok: false, missing: [missing, rotten].toSorted() })
  })
})

describe('the file of a backup', () => {
  it('says what it is, and who may not read it', async () => {
    const sha256 = await registry.publish('one', 'first')
    await makeBackup()
    const entries = await entriesOf(file)
    expect([...entries.keys()]).toEqual([
      'manifest.json',
      'metadata.jsonl.zst',
      `blobs/sha256/${sha256.slice(0, 2)}/${sha256.slice(2)}`,
      'end.json',
    ])
    expect(JSON.parse(entries.get('manifest.json') ?? '')).toMatchObject({
      format: 'granary-backup',
      version: 1,
      program: '1.2.3',
      createdAt: new Date(clock.now()).toISOString(),
      rows: { assets: 1, versions: 1, repositories: 1 },
    })
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  it('replaces an older one only when it is whole', async () => {
    await registry.publish('one', 'first')
    await makeBackup()
    const older = await readFile(file)
    const failing: BlobStore = { ...registry.blobs, open: () => Promise.reject(new Error('bad disk')) }
    await expect(makeBackup({ blobs: failing })).rejects.toThrow('bad disk')
    expect(await readFile(file)).toEqual(older)
    await expect(makeBackup({ store: { ...registry.store, exportTables: failingTables } })).rejects.toThrow(
      'bad database',
    )
    await expect(makeBackup({ file: join(folder, 'no', 'such', 'folder') })).rejects.toThrow('ENOENT')
    expect((await readdir(folder)).filter((name) => name.includes('backup') || name.endsWith('.tmp'))).toEqual([
      'granary.backup',
    ])
    await registry.publish('two', 'second')
    await makeBackup()
    expect((await restoreAnew()).result.blobs).toBe(2)
  })

  async function* failingTables(): AsyncGenerator<TableRow> {
    yield { table: 'settings', row: {} }
    throw new Error('bad database')
  }
})

describe('restoring refuses, and leaves nothing behind,', () => {
  let sha256: string
  let entry: string
  beforeEach(async () => {
    await registry.publish('one', 'first')
    sha256 = await registry.publish('two', 'second')
    entry = `blobs/sha256/${sha256.slice(0, 2)}/${sha256.slice(2)}`
    await makeBackup()
  })

  async function expectRefused(message: RegExp, code = 'invalid') {
    await using store = await openSqlite(':memory:')
    const blobs = memoryBlobs()
    const outcome = await restore({ file, store, blobs, tmp: join(folder, 'tmp') }).catch((error: unknown) => error)
    expect(outcome).toMatchObject({ name: 'RegistryError', code, message: expect.stringMatching(message) })
    expect(await digestsIn(blobs)).toEqual([])
    expect(await store.listAccounts()).toEqual([])
    expect(await readdir(join(folder, 'tmp'))).toEqual([])
  }

  it.each([0.2, 0.5, 0.7, 0.9])('a file cut to %f of its length', async (part) => {
    await truncate(file, Math.floor((await stat(file)).size * part))
    await expectRefused(/damaged or incomplete/)
  })

  it('a file that lacks its end mark', async () => {
    const bytes = await readFile(file)
    const end = bytes.indexOf('end.json')
    await writeFile(file, bytes.subarray(0, end))
    await expectRefused(/its end is missing/)
  })

  it('a flipped bit at any place', async () => {
    const bytes = await readFile(file)
    const places = [
      bytes.indexOf('second'),
      bytes.indexOf('first'),
      bytes.indexOf('metadata.jsonl') + 512 + 40,
      bytes.indexOf('blobs/sha256') + 20,
    ]
    for (const place of places) {
      const flipped = Buffer.from(bytes)
      flipped.writeUInt8(flipped.readUInt8(place) ^ 1, place)
      await writeFile(file, flipped)
      await expectRefused(/damaged or incomplete/)
    }
  })

  it.each<[string, (entries: Map<string, string | Buffer>) => void, RegExp]>([
    ['a blob left out', (entries) => entries.delete(entry), /has 1 blobs, and had 2/],
    [
      'a blob left out, and the count corrected',
      (entries) => {
        entries.delete(entry)
        entries.set('end.json', '{"blobs":1,"damaged":[]}')
      },
      /lacks blob/,
    ],
    ['other bytes', (entries) => entries.set(entry, 'secons'), /are not what they were/],
    ['a strange entry', (entries) => entries.set('../../etc/passwd', 'root'), /unexpected entry/],
    ['a strange digest', (entries) => entries.set('blobs/sha256/ab/../x', 'root'), /unexpected entry/],
    ['an end mark without counts', (entries) => entries.set('end.json', '{}'), /end mark lacks counts/],
    [
      'a row too few',
      (entries) => entries.set('manifest.json', manifestWith({ rows: { assets: 3 } })),
      /table assets has 2 rows, and had 3/,
    ],
    [
      'a newer format',
      (entries) => entries.set('manifest.json', manifestWith({ version: 2, program: '9.9.9' })),
      /newer Granary \(9\.9\.9\)/,
    ],
    [
      'a manifest of something else',
      (entries) => entries.set('manifest.json', '{"format":"other"}'),
      /not a backup that Granary made/,
    ],
    [
      'a manifest that is no JSON',
      (entries) => entries.set('manifest.json', '{'),
      /damaged or incomplete: manifest\.json/,
    ],
    ['no manifest', (entries) => entries.delete('manifest.json'), /not a backup that Granary made/],
  ])('%s', async (_, tamper, message) => {
    const entries = await rawEntries()
    tamper(entries)
    // Where it is added, the strange entry stands before the end mark.
    const end = entries.get('end.json')
    entries.delete('end.json')
    await writeEntries([...entries, ['end.json', end ?? '']])
    await expectRefused(message)
  })

  it.each([
    ['some text', Buffer.from('not a tar file at all, but long enough to be one'.repeat(50))],
    ['nothing', Buffer.alloc(0)],
    ['zeros', Buffer.alloc(10_240)],
  ])('a file with %s in it', async (_, bytes) => {
    await writeFile(file, bytes)
    await expectRefused(/not a backup that Granary made/)
  })

  it('an installation that is not empty', async () => {
    const blobs = memoryBlobs()
    await expect(restore({ file, store: registry.store, blobs, tmp: folder })).rejects.toMatchObject({
      code: 'conflict',
    })
    expect(await digestsIn(blobs)).toEqual([])
  })

  it('a blob folder that is not empty', async () => {
    await using store = await openSqlite(':memory:')
    await expect(restore({ file, store, blobs: registry.blobs, tmp: folder })).rejects.toThrow(
      'The blob folder is not empty',
    )
    expect(await digestsIn(registry.blobs)).toHaveLength(2)
  })

  it('when the import fails', async () => {
    await using store = await openSqlite(':memory:')
    const blobs = memoryBlobs()
    const failing = { ...store, importTables: () => Promise.reject(new Error('bad database')) }
    await expect(restore({ file, store: failing, blobs, tmp: folder })).rejects.toThrow('bad database')
    expect(await digestsIn(blobs)).toEqual([])
  })

  it('when the disk fills up', async () => {
    await using store = await openSqlite(':memory:')
    const blobs = memoryBlobs()
    let begun = 0
    const small: BlobStore = {
      ...blobs,
      begin: (options) => (++begun > 1 ? Promise.reject(new Error('disk full')) : blobs.begin(options)),
    }
    await expect(restore({ file, store, blobs: small, tmp: folder })).rejects.toThrow('disk full')
    expect(await digestsIn(blobs)).toEqual([])
    expect(await store.listAccounts()).toEqual([])
  })

  const manifestWith = (changed: object) =>
    JSON.stringify({
      format: 'granary-backup',
      version: 1,
      program: '1.2.3',
      createdAt: '',
      rows: {},
      missing: [],
      ...changed,
    })

  /** Of the good backup, as bytes. */
  async function rawEntries(): Promise<Map<string, string | Buffer>> {
    const entries = new Map<string, string | Buffer>()
    const extract = tar.extract()
    extract.end(await readFile(file))
    for await (const each of extract)
      entries.set(each.header.name, Buffer.concat((await Array.fromAsync(each)) as Buffer[]))
    return entries
  }
})
