import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { sql } from 'kysely'
import { first } from '../../src/storage/sql/migrations/0001-first.ts'
import { SCHEMA_NUMBER } from '../../src/storage/sql/migrations/migrate.ts'
import type { Executor } from '../../src/storage/sql/executor.ts'
import { connectPostgres, PostgresExecutor } from '../../src/storage/sql/postgres-executor.ts'
import { openPostgres } from '../../src/storage/sql/postgres.ts'
import { queriesFor } from '../../src/storage/sql/queries.ts'
import { connectSqlite, SqliteExecutor } from '../../src/storage/sql/sqlite-executor.ts'
import { openSqlite } from '../../src/storage/sql/sqlite.ts'
import { openStore } from '../../src/storage/sql/store.ts'
import { startPostgres, type PostgresForTests } from '../support/postgres.ts'
import { metadataStoreConformance } from './metadata-store.ts'
import {
  ACCOUNT,
  account,
  announce,
  DOMAIN,
  fanOut,
  GROUND,
  expectRefused,
  resourcePolicy,
  webhook,
} from './metadata-store-things.ts'

let postgres: PostgresForTests
let shared: { readonly url: string; readonly pool: ReturnType<typeof connectPostgres> }
let schemas = 0
beforeAll(async () => {
  postgres = await startPostgres()
  const url = await postgres.newDatabase()
  shared = { url, pool: connectPostgres(url) }
})
afterAll(async () => {
  await shared.pool.end()
  await postgres[Symbol.asyncDispose]()
})

/** As good as an empty database, and made in a hundredth of the time. */
async function newSchema(): Promise<string> {
  const name = `s${++schemas}`
  await shared.pool.query(`CREATE SCHEMA ${name}`)
  return `${shared.url}?options=-csearch_path%3D${name}`
}

metadataStoreConformance('SQLite in memory', async (options) => {
  const store = await openSqlite(':memory:', options)
  return { store, again: null, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
})

metadataStoreConformance('SQLite in a file', async (options) => {
  const folder = await mkdtemp(join(tmpdir(), 'granary-metadata-'))
  const file = join(folder, 'granary.db')
  const store = await openSqlite(file, options)
  return {
    store,
    again: () => openSqlite(file, options),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
})

metadataStoreConformance('PostgreSQL', async (options) => {
  const url = await newSchema()
  const store = await openPostgres(url, options)
  return { store, again: () => openPostgres(url, options), [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
})

describe('a store that the first Granary made', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'granary-metadata-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  const sqlite = async () => async () => new SqliteExecutor(await connectSqlite(join(folder, 'granary.db')))
  const postgresql = async () => {
    const url = await newSchema()
    return async () => new PostgresExecutor(connectPostgres(url))
  }

  /** As that program wrote, which knew fewer columns. */
  const fillFirst = async (executor: Executor) => {
    await using old = await openStore(executor, { migrations: [first] })
    await old.ping()
    await using session = await executor.session('write')
    const event = (number: number) =>
      `(${number}, 'old ${number}', 'Test', 50, 'arn', '${ACCOUNT}', 'installation', ${number}, '{}', 'pending')`
    for (const text of [
      `INSERT INTO accounts (id, created_at) VALUES ('${ACCOUNT}', 1)`,
      `INSERT INTO domains (name, owner, created_at, reserved) VALUES ('${DOMAIN}', '${ACCOUNT}', 1, '[]')`,
      `UPDATE topology_counter SET revision = 2`,
      `INSERT INTO sequences (subject, last) VALUES ('', 2), ('installation', 2)`,
      `INSERT INTO events (position, id, type, time, actor, account, subject, sequence, detail, state)
        VALUES ${event(1)}, ${event(2)}`,
    ])
      await session.all(sql.raw(text).compile(queriesFor(executor.dialect)))
    await session.commit()
  }

  it.each<[string, () => Promise<() => Promise<Executor>>]>([
    ['SQLite', sqlite],
    ['PostgreSQL', postgresql],
  ])('is brought up to date on %s, and nobody hears of what happened before', async (_, prepare) => {
    const connect = await prepare()
    await fillFirst(await connect())
    {
      await using store = await openStore(await connect())
      expect((await store.listEvents({ limit: 10 })).items).toMatchObject([
        { id: 'old 1', state: 'done' },
        { id: 'old 2', state: 'done' },
      ])
      expect(await store.listPendingEvents(10)).toEqual([])
      await store.commit([webhook('wh_1'), resourcePolicy(null), announce('new')])
      expect(await store.listPendingEvents(10)).toMatchObject([{ id: 'new', sequence: 3 }])
      await store.commit([fanOut('new', ['wh_1'])])
      expect(await store.listDueWebhooks(60)).toEqual(['wh_1'])
    }
    // It would see neither the policy, nor what a repository holds, nor which connection is disabled, nor whose a merged file is, and change things at no time.
    const reopened = openStore(await connect(), { migrations: [first] })
    await expect(reopened).rejects.toThrow(/needs a Granary that knows schema 7 or later/)
  })
})

describe('a PostgreSQL store', () => {
  it('is made once by many that open it first at the same time', async () => {
    const url = await postgres.newDatabase()
    const stores = await Promise.all(Array.from({ length: 6 }, () => openPostgres(url)))
    const outcomes = await Promise.allSettled(stores.map((store) => store.commit([account()])))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const store of stores) await store[Symbol.asyncDispose]()
  })

  it('is refused where a newer program wrote it, unless that left it readable', async () => {
    const url = await postgres.newDatabase()
    const newer = (number: number, oldestReader: number) => ({ number, oldestReader, statements: () => [] })
    const open = (...migrations: ReturnType<typeof newer>[]) =>
      openStore(new PostgresExecutor(connectPostgres(url)), { migrations })
    await (await openPostgres(url))[Symbol.asyncDispose]()
    await (await open(newer(SCHEMA_NUMBER + 1, SCHEMA_NUMBER)))[Symbol.asyncDispose]()
    await (await openPostgres(url))[Symbol.asyncDispose]()
    await (await open(newer(SCHEMA_NUMBER + 2, SCHEMA_NUMBER + 2)))[Symbol.asyncDispose]()
    await expect(openPostgres(url)).rejects.toThrow(
      `This store was written by a newer Granary (schema ${SCHEMA_NUMBER + 2})`,
    )
  })

  it('takes what a SQLite store exported, and gives it back the same', async () => {
    await using sqlite = await openSqlite(':memory:')
    await sqlite.commit(GROUND)
    const rows = await Array.fromAsync(sqlite.exportTables())
    await using store = await openPostgres(await postgres.newDatabase())
    await store.importTables(rows)
    expect(await Array.fromAsync(store.exportTables())).toEqual(rows)
  })

  it.each([
    ['a password that is wrong', (url: URL) => (url.password = 'guess')],
    ['a database that is missing', (url: URL) => (url.pathname = '/none')],
  ])('refuses %s in one line', async (_, spoil) => {
    const url = new URL(postgres.url)
    spoil(url)
    await expect(openPostgres(url.href)).rejects.toThrow(/^The PostgreSQL database cannot be opened: .*$/)
  })

  it('refuses a database that is not UTF-8', async () => {
    const other = connectPostgres(postgres.url)
    await other.query(`CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0`)
    await other.end()
    const url = new URL(postgres.url)
    url.pathname = '/latin'
    await expect(openPostgres(url.href)).rejects.toThrow(/has the encoding LATIN1/)
  })

  it('says busy where the database cannot be reached', async () => {
    await expectRefused(openPostgres('postgres://granary:granary@127.0.0.1:1/none'), 'busy')
  })

  it('says busy where its connection breaks, and takes a new one', async () => {
    const url = await postgres.newDatabase()
    await using store = await openPostgres(url)
    await store.commit(GROUND)
    const rows = store.exportTables()[Symbol.asyncIterator]()
    await rows.next()
    const other = connectPostgres(postgres.url)
    await other.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [
      new URL(url).pathname.slice(1),
    ])
    await other.end()
    await expectRefused(rows.next(), 'busy')
    await store.ping()
    expect(await store.listAccounts()).toHaveLength(1)
  })
})
