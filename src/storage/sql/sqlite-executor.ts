import { open } from 'node:fs/promises'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import type { CompiledQuery } from 'kysely'
import { RegistryError } from '../../registry/errors.ts'
import type { CommitOptions } from '../../registry/ports.ts'
import {
  bindable,
  refusalOf,
  requireEffect,
  type Executor,
  type Row,
  type Session,
  type Statement,
} from './executor.ts'
import { UnusableStoreError } from './unusable-store.ts'

type Prepared = Sqlite.Statement<unknown[], Row>

/** Another process holds the write lock: waiting for it inside SQLite would stop this process's event loop, so that wait is short and ours goes on. */
const BUSY_INSIDE_MS = 50
const BUSY_AT_MOST_MS = 10_000
/** What is committed without waiting for the disk waits for so long until somebody does. */
const SYNC_BEHIND_MS = 500
/** SQL texts differ only in how many names stand in a list, so this is never reached but by mistake. */
const STATEMENTS_KEPT = 1_000
/** Rows of an export between two turns of the event loop: about 2 ms. */
const ROWS_PER_TURN = 200

/** A connection as this store needs it. `path` may be `:memory:`. */
export async function connectSqlite(path: string): Promise<Sqlite.Database> {
  const database = new Sqlite(path, { timeout: BUSY_INSIDE_MS })
  try {
    // Switching to WAL needs the file alone for a moment, and does not wait for it by itself.
    const mode = await waitWhileBusy(BUSY_AT_MOST_MS, () => database.pragma('journal_mode = WAL', { simple: true }))
    if (mode !== 'wal' && mode !== 'memory') {
      throw new UnusableStoreError(
        `${path} cannot be opened: its file system does not support SQLite's write-ahead log; put it on a local disk`,
      )
    }
    // An acknowledged commit survives a power cut; better-sqlite3's default in WAL mode is NORMAL, where it may not.
    database.pragma('synchronous = FULL')
    database.pragma('foreign_keys = ON')
    database.pragma('cache_size = -8192')
    // Not mapped: a disk error under a mapping kills the process instead of failing the statement.
    database.pragma('mmap_size = 0')
    database.pragma('journal_size_limit = 67108864')
    return database
  } catch (error) {
    database.close()
    if (['SQLITE_NOTADB', 'SQLITE_CORRUPT'].includes(codeOf(error))) {
      throw new UnusableStoreError(`${path} is no SQLite database, or a damaged one: restore a backup`, {
        cause: error,
      })
    }
    throw translate(error)
  }
}

export class SqliteExecutor implements Executor {
  readonly dialect = 'sqlite'
  readonly #database: Sqlite.Database
  readonly #waitMs: number
  readonly #prepared = new Map<string, Prepared>()
  /** As `connectSqlite` sets it. */
  #syncs = true
  #syncing: NodeJS.Timeout | undefined

  /** `waitMs`: how long to wait for other processes' writes before the answer is `busy`. */
  constructor(database: Sqlite.Database, { waitMs = BUSY_AT_MOST_MS }: { waitMs?: number } = {}) {
    this.#database = database
    this.#waitMs = waitMs
  }

  async all<R>(query: CompiledQuery<R>): Promise<R[]> {
    return waitWhileBusy(this.#waitMs, () => this.#run(query) as R[])
  }

  /** INVARIANT: synchronous from BEGIN to COMMIT, so that no other query of this process can stand between them. */
  async transaction(statements: readonly Statement[], { isReplaceable = false }: CommitOptions = {}): Promise<Row[][]> {
    return waitWhileBusy(this.#waitMs, () => {
      this.#syncAtCommit(!isReplaceable)
      this.#begin()
      try {
        const results = statements.map((statement) => this.#runStatement(statement))
        this.#statement('COMMIT').run()
        return results
      } catch (error) {
        this.#rollback()
        throw error
      }
    })
  }

  prepare<R>(_name: string, sql: string): (parameters: readonly unknown[]) => Promise<R | undefined> {
    const prepared = this.#database.prepare<unknown[], R>(sql)
    return async (parameters) => prepared.get(...parameters)
  }

  async session(mode: 'write' | 'snapshot'): Promise<Session> {
    if (mode === 'snapshot') return this.#snapshot()
    this.#syncAtCommit(true)
    await waitWhileBusy(this.#waitMs, () => this.#begin())
    return new SqliteSession(this.#database, () => this.#rollback())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#syncing)
    if (this.#database.open) this.#database.close()
  }

  /** A second connection, so that writes go on beside it; a database in memory has none and is copied. */
  #snapshot(): Session {
    const { memory, name } = this.#database
    const copy = memory ? new Sqlite(this.#database.serialize()) : new Sqlite(name, { readonly: true, timeout: 5_000 })
    copy.exec('BEGIN')
    // The moment that a deferred transaction sees is that of its first read.
    copy.prepare('SELECT count(*) FROM sqlite_schema').get()
    return new SqliteSession(copy, () => copy.close())
  }

  /** Not within a transaction. The disk's answer to a commit keeps all else of this process waiting. */
  #syncAtCommit(wanted: boolean): void {
    if (wanted !== this.#syncs) {
      this.#database.exec(wanted ? 'PRAGMA synchronous = FULL' : 'PRAGMA synchronous = NORMAL')
      this.#syncs = wanted
    }
    if (!wanted && !this.#database.memory)
      this.#syncing ??= setTimeout(() => void this.#syncLog(), SYNC_BEHIND_MS).unref()
  }

  /** Beside the event loop. Whatever fails here is made good by the next commit that waits for its sync. */
  async #syncLog(): Promise<void> {
    this.#syncing = undefined
    try {
      // SQLite locks the other two files: to close a descriptor of one of those would give its locks away.
      await using log = await open(`${this.#database.name}-wal`, 'r+')
      await log.datasync()
    } catch {}
  }

  #begin(): void {
    this.#statement('BEGIN IMMEDIATE').run()
  }

  #rollback(): void {
    // A full disk makes SQLite roll back by itself.
    if (this.#database.inTransaction) this.#statement('ROLLBACK').run()
  }

  #runStatement(statement: Statement): Row[] {
    const prepared = this.#statement(statement.query.sql)
    const parameters = bindable(statement.query.parameters)
    try {
      const rows = prepared.reader ? prepared.all(...parameters) : []
      const affected = prepared.reader ? rows.length : prepared.run(...parameters).changes
      requireEffect(statement, affected)
      return rows
    } catch (error) {
      throw refusalOf(statement, violated(error), error)
    }
  }

  #run(query: CompiledQuery): Row[] {
    return runOn(this.#statement(query.sql), query)
  }

  #statement(sql: string): Prepared {
    const known = this.#prepared.get(sql)
    if (known) return known
    if (this.#prepared.size >= STATEMENTS_KEPT) this.#prepared.clear()
    const prepared = this.#database.prepare<unknown[], Row>(sql)
    this.#prepared.set(sql, prepared)
    return prepared
  }
}

class SqliteSession implements Session {
  readonly #database: Sqlite.Database
  readonly #end: () => void

  constructor(database: Sqlite.Database, end: () => void) {
    this.#database = database
    this.#end = end
  }

  async all<R>(query: CompiledQuery<R>): Promise<R[]> {
    try {
      return runOn(this.#database.prepare<unknown[], Row>(query.sql), query) as R[]
    } catch (error) {
      throw translate(error)
    }
  }

  async *rows<R>(query: CompiledQuery<R>): AsyncIterable<R> {
    const prepared = this.#database.prepare<unknown[], R>(query.sql)
    let count = 0
    for (const row of prepared.iterate(...bindable(query.parameters))) {
      yield row
      if (++count % ROWS_PER_TURN === 0) await nextTurn()
    }
  }

  async commit(): Promise<void> {
    try {
      this.#database.exec('COMMIT')
    } catch (error) {
      throw translate(error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end()
  }
}

function runOn(prepared: Prepared, { parameters }: CompiledQuery): Row[] {
  if (prepared.reader) return prepared.all(...bindable(parameters))
  prepared.run(...bindable(parameters))
  return []
}

async function waitWhileBusy<T>(waitMs: number, attempt: () => T): Promise<T> {
  const deadline = performance.now() + waitMs
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw translate(error)
    }
    await delay(5 + Math.random() * 20)
  }
}

const codeOf = (error: unknown): string => (error instanceof Sqlite.SqliteError ? error.code : '')

const isBusy = (error: unknown): boolean => /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error))

function violated(error: unknown): 'duplicate' | 'reference' | null {
  switch (codeOf(error)) {
    case 'SQLITE_CONSTRAINT_PRIMARYKEY':
    case 'SQLITE_CONSTRAINT_UNIQUE':
    case 'SQLITE_CONSTRAINT_ROWID':
      return 'duplicate'
    case 'SQLITE_CONSTRAINT_FOREIGNKEY':
      return 'reference'
    default:
      return null
  }
}

function translate(error: unknown): unknown {
  if (codeOf(error) === 'SQLITE_FULL') {
    return new RegistryError('disk_full', 'The disk that holds the database is full', { cause: error })
  }
  if (isBusy(error)) {
    return new RegistryError('busy', 'The database is in use by another process', { retryAfter: 1, cause: error })
  }
  return error
}
