import { execFile } from 'node:child_process'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Change } from '../../registry/changes.ts'
import type { Hex } from '../../registry/model.ts'
import type {
  AccountId,
  ConnectionName,
  DomainName,
  FormatId,
  PackageKey,
  RepositoryName,
} from '../../registry/names.ts'
import { SCHEMA_NUMBER } from './migrations/migrate.ts'
import { connectSqlite, SqliteExecutor } from './sqlite-executor.ts'
import { openSqlite } from './sqlite.ts'
import { openStore, type SqlStore } from './store.ts'

const run = promisify(execFile)
const setting = (key: string, value = ''): Change => ({ change: 'create-setting', key, value })

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'granary-sqlite-'))
  file = join(folder, 'granary.db')
})
afterEach(() => rm(folder, { recursive: true }))

describe('what a request asks of one package', () => {
  /** How SQLite finds the rows of all that was asked. */
  const plansOf = async (ask: (store: SqlStore) => Promise<unknown>): Promise<readonly string[]> => {
    const database = await connectSqlite(file)
    const executor = new SqliteExecutor(database)
    await using store = await openStore(executor)
    const plans: string[] = []
    const all = executor.all.bind(executor)
    executor.all = async (query) => {
      const steps = database.prepare(`EXPLAIN QUERY PLAN ${query.sql}`).all(...query.parameters) as { detail: string }[]
      plans.push(...steps.map(({ detail }) => detail))
      return all(query)
    }
    await ask(store)
    return plans
  }
  const [domain, format, key] = ['d' as DomainName, 'npm' as FormatId, 'thing' as PackageKey]
  const repositories = ['main', 'store'] as RepositoryName[]
  const connection = 'npmjs' as ConnectionName

  it.each<[string, (store: SqlStore) => Promise<unknown>]>([
    ['findName', (store) => store.findName(domain, format, key)],
    ['findPackages', (store) => store.findPackages(domain, format, key)],
    ['listVersions', (store) => store.listVersions(domain, repositories, format, key)],
    ['listTags', (store) => store.listTags(domain, repositories, format, key)],
    ['findAsset', (store) => store.findAsset(domain, repositories, format, key, 'thing-1.0.0.tgz')],
    ['listRetained', (store) => store.listRetained(connection, format, key)],
    ['findIndex', (store) => store.findIndex(connection, format, key)],
    ['findSideCar', (store) => store.findSideCar(connection, format, key, 'thing-1.0.0.whl')],
    ['listDerivedSideCars', (store) => store.listDerivedSideCars(connection, format, key)],
    ['findBlob', (store) => store.findBlob('0'.repeat(64) as Hex)],
  ])('is found by its name or its digest, however many there are: %s', async (_, ask) => {
    const plans = await plansOf(ask)
    expect(plans).not.toEqual([])
    for (const step of plans.filter((each) => /^(SEARCH|SCAN)/.test(each)))
      expect(step).toMatch(/^SEARCH (domains |.*(package|sha256)=)/)
  })
})

describe('a SQLite file', () => {
  it('is opened so that an acknowledged commit survives a power cut', async () => {
    const database = await connectSqlite(file)
    const pragma = (name: string) => database.pragma(name, { simple: true })
    expect(pragma('journal_mode')).toBe('wal')
    expect(pragma('synchronous')).toBe(2)
    expect(pragma('foreign_keys')).toBe(1)
    expect(pragma('mmap_size')).toBe(0)
    database.close()
  })

  it('waits for the disk at each commit, but for what can be had again', async () => {
    const database = await connectSqlite(file)
    await using store = await openStore(new SqliteExecutor(database))
    const synced = () => database.pragma('synchronous', { simple: true }) === 2
    await store.commit([setting('replaceable')], { isReplaceable: true })
    expect(synced()).toBe(false)
    await store.commit([setting('lasting')])
    expect(synced()).toBe(true)
    await store.commit([setting('replaceable again')], { isReplaceable: true })
    expect(synced()).toBe(false)
    // A refused one leaves no traces in how the next is committed.
    await expect(store.commit([setting('lasting')])).rejects.toMatchObject({ code: 'conflict' })
    expect(synced()).toBe(true)
    expect(await store.findSetting('replaceable again')).toBe('')
  })

  it('and what stands beside it can be read by its owner alone', async () => {
    await using store = await openSqlite(file)
    await store.commit([setting('a')])
    for (const name of [file, `${file}-wal`]) expect((await stat(name)).mode & 0o777).toBe(0o600)
  })

  it('keeps what was committed', async () => {
    {
      await using store = await openSqlite(file)
      await store.commit([setting('a', 'kept')])
    }
    await using store = await openSqlite(file)
    expect(await store.findSetting('a')).toBe('kept')
  })

  it('is made once by processes that open it first at the same time, and all of them write to it', async () => {
    const program = `
      const { openSqlite } = await import(${JSON.stringify(new URL('sqlite.ts', import.meta.url).href)})
      const store = await openSqlite(process.argv[1])
      for (let round = 0; round < 25; round++) {
        const id = process.pid + '-' + round
        await store.commit([{ change: 'announce', event: { id, type: 't', time: 1, actor: 'a', account: null, subject: 's', detail: {} } }])
      }
      await store[Symbol.asyncDispose]()`
    await Promise.all(
      Array.from({ length: 4 }, () => run(process.execPath, ['--input-type=module', '--eval', program, file])),
    )
    await using store = await openSqlite(file)
    const { items } = await store.listEvents({ limit: 1_000 })
    expect(items.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
  })

  it('is refused where a newer program wrote it, unless that left it readable', async () => {
    const open = async (number: number, oldestReader: number) =>
      openStore(new SqliteExecutor(await connectSqlite(file)), {
        migrations: [{ number, oldestReader, statements: () => [] }],
      })
    await (await openSqlite(file))[Symbol.asyncDispose]()
    await (await open(SCHEMA_NUMBER + 1, SCHEMA_NUMBER))[Symbol.asyncDispose]()
    await (await openSqlite(file))[Symbol.asyncDispose]()
    await (await open(SCHEMA_NUMBER + 2, SCHEMA_NUMBER + 1))[Symbol.asyncDispose]()
    await expect(openSqlite(file)).rejects.toThrow(
      `This store was written by a newer Granary (schema ${SCHEMA_NUMBER + 2}); it needs a Granary that knows schema ${SCHEMA_NUMBER + 1} or later`,
    )
  })

  it('is left as it was by a migration that fails', async () => {
    await (await openSqlite(file))[Symbol.asyncDispose]()
    const number = SCHEMA_NUMBER + 1
    const statements = () => ['CREATE TABLE half (a TEXT)', 'CREATE NONSENSE']
    const executor = new SqliteExecutor(await connectSqlite(file))
    await expect(openStore(executor, { migrations: [{ number, oldestReader: number, statements }] })).rejects.toThrow(
      'NONSENSE',
    )
    await using store = await openSqlite(file)
    await store.ping()
    const database = new Sqlite(file, { readonly: true })
    expect(database.prepare("SELECT name FROM sqlite_schema WHERE name = 'half'").all()).toEqual([])
    database.close()
  })

  it('is refused where it is something else', async () => {
    await writeFile(file, 'This is a shopping list, and a long one at that.'.repeat(100))
    await expect(openSqlite(file)).rejects.toThrow(/is no SQLite database, or a damaged one: restore a backup$/)
  })

  it('is copied while it is written to', async () => {
    await using store = await openSqlite(file)
    await store.commit(Array.from({ length: 3_000 }, (_, index) => setting(`key ${index}`, 'x'.repeat(3_000))))
    const copy = join(folder, 'copy.db')
    const heard: number[] = []
    const copying = store.backupTo(copy, (remaining) => void heard.push(remaining))
    await store.commit([setting('late')])
    await copying
    expect(heard.length).toBeGreaterThan(0)
    await using copied = await openSqlite(copy)
    expect(await copied.findSetting('key 2999')).toHaveLength(3_000)
    expect(await copied.findSetting('late')).toBe('')
  })
})

describe('a SQLite store that cannot write', () => {
  it('says that the disk is full, keeps what it had and goes on when there is room', async () => {
    const database = await connectSqlite(file)
    await using store = await openStore(new SqliteExecutor(database))
    const pages = Number(database.pragma('page_count', { simple: true }))
    database.pragma(`max_page_count = ${pages + 5}`)
    const large = Array.from({ length: 50 }, (_, index) => setting(`large ${index}`, 'x'.repeat(4_000)))
    await expect(store.commit([setting('first'), ...large])).rejects.toMatchObject({
      name: 'RegistryError',
      code: 'disk_full',
    })
    expect(await store.findSetting('first')).toBeUndefined()
    database.pragma('max_page_count = 1000000')
    await store.commit([setting('first'), ...large])
    expect(await store.findSetting('large 49')).toHaveLength(4_000)
  })

  it('waits for another process without stopping this one, then says busy', async () => {
    await using store = await openStore(new SqliteExecutor(await connectSqlite(file), { waitMs: 300 }))
    const other = new Sqlite(file)
    other.exec('BEGIN IMMEDIATE')
    let turns = 0
    const ticking = setInterval(() => turns++, 10)
    await expect(store.commit([setting('a')])).rejects.toMatchObject({ name: 'RegistryError', code: 'busy' })
    clearInterval(ticking)
    expect(turns).toBeGreaterThan(1)
    expect(await store.findSetting('a')).toBeUndefined()
    const waiting = store.commit([setting('a')])
    other.exec('COMMIT')
    await waiting
    other.close()
    expect(await store.findSetting('a')).toBe('')
  })

  it('throws what is no refusal as it is', async () => {
    await using store = await openSqlite(file)
    const account = { id: null as unknown as AccountId, createdAt: 1 }
    await expect(store.commit([{ change: 'create-account', account }])).rejects.toMatchObject({ name: 'SqliteError' })
  })
})
