import { setTimeout as delay } from 'node:timers/promises'
import type { CompiledQuery } from 'kysely'
import { DatabaseError, Pool, types, type CustomTypesConfig, type PoolClient, type QueryResult } from 'pg'
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

const ATTEMPTS = 6
const CURSOR_ROWS = 500

/** int8 as numbers: what is stored are milliseconds, bytes and counters, all below 2^53. */
const TYPES: CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser,
}

/** Connections are made as they are needed. Commits wait for each other's rows for at most `lock_timeout`. */
export function connectPostgres(url: string): Pool {
  const pool = new Pool({
    connectionString: url,
    application_name: 'granary',
    types: TYPES,
    pipeline: true,
    max: 10,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: 30_000,
    lock_timeout: 10_000,
    idle_in_transaction_session_timeout: 60_000,
  })
  // A connection that ends between two queries is replaced at the next; without listeners the process would end with it.
  pool.on('error', () => {})
  pool.on('connect', (client) => void client.on('error', () => {}))
  return pool
}

export class PostgresExecutor implements Executor {
  readonly dialect = 'postgres'
  readonly #pool: Pool

  constructor(pool: Pool) {
    this.#pool = pool
  }

  async all<R>(query: CompiledQuery<R>): Promise<R[]> {
    try {
      return (await this.#pool.query(query.sql, bindable(query.parameters))).rows as R[]
    } catch (error) {
      throw translate(error)
    }
  }

  /**
   * READ COMMITTED is enough: each precondition is a unique key, a foreign key or a condition on a row that its own statement
   * locks, and PostgreSQL checks such a condition again once it has the lock. Deadlocks start over.
   */
  async transaction(statements: readonly Statement[], options: CommitOptions = {}): Promise<Row[][]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(statements, options)
      } catch (error) {
        if (attempt === ATTEMPTS || !isContention(error)) throw translate(error)
      }
      await delay(Math.random() * 20 * attempt)
    }
  }

  prepare<R>(name: string, sql: string): (parameters: readonly unknown[]) => Promise<R | undefined> {
    let count = 0
    const text = sql.replaceAll('?', () => `$${++count}`)
    return async (parameters) => {
      try {
        return (await this.#pool.query({ name, text, values: parameters as unknown[] })).rows[0] as R | undefined
      } catch (error) {
        throw translate(error)
      }
    }
  }

  async session(mode: 'write' | 'snapshot'): Promise<Session> {
    const client = await this.#connect()
    try {
      await client.query(mode === 'write' ? 'BEGIN' : 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
      // Migrations and exports take as long as they take.
      await client.query('SET LOCAL statement_timeout = 0')
      await client.query('SET LOCAL lock_timeout = 0')
      await client.query('SET LOCAL idle_in_transaction_session_timeout = 0')
      return new PostgresSession(client)
    } catch (error) {
      client.release(true)
      throw translate(error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#pool.ended) await this.#pool.end()
  }

  async #connect(): Promise<PoolClient> {
    try {
      return await this.#pool.connect()
    } catch (error) {
      throw translate(error)
    }
  }

  /** Two round trips: everything but the COMMIT is sent without waiting for answers. */
  async #attempt(statements: readonly Statement[], { isReplaceable = false }: CommitOptions): Promise<Row[][]> {
    const texts = statements.map(({ query }) => ({ text: query.sql, values: bindable(query.parameters) }))
    const client = await this.#connect()
    let settled = false
    try {
      const [begun, ...outcomes] = await Promise.allSettled([
        client.query(isReplaceable ? 'BEGIN; SET LOCAL synchronous_commit = off' : 'BEGIN'),
        ...texts.map((text) => client.query<Row>(text)),
      ])
      if (begun.status === 'rejected') throw begun.reason
      // In order: what follows a failed statement fails for that alone.
      const results = statements.map((statement, place) => rowsOf(statement, outcomes[place]))
      await client.query('COMMIT')
      settled = true
      return results
    } catch (error) {
      settled = await succeeds(client.query('ROLLBACK'))
      throw error
    } finally {
      // A connection whose transaction may still be open is closed, not reused.
      client.release(!settled)
    }
  }
}

function rowsOf(statement: Statement, outcome: PromiseSettledResult<QueryResult<Row>> | undefined): Row[] {
  if (outcome?.status !== 'fulfilled') throw refusalOf(statement, violated(outcome?.reason), outcome?.reason)
  requireEffect(statement, outcome.value.rowCount ?? 0)
  return outcome.value.rows
}

const succeeds = (query: Promise<unknown>): Promise<boolean> =>
  query.then(
    () => true,
    () => false,
  )

class PostgresSession implements Session {
  readonly #client: PoolClient
  #committed = false

  constructor(client: PoolClient) {
    this.#client = client
  }

  async all<R>(query: CompiledQuery<R>): Promise<R[]> {
    try {
      return (await this.#client.query(query.sql, bindable(query.parameters))).rows as R[]
    } catch (error) {
      throw translate(error)
    }
  }

  async *rows<R>(query: CompiledQuery<R>): AsyncIterable<R> {
    try {
      await this.#client.query(`DECLARE streamed NO SCROLL CURSOR FOR ${query.sql}`, bindable(query.parameters))
      for (;;) {
        const { rows } = await this.#client.query(`FETCH ${CURSOR_ROWS} FROM streamed`)
        yield* rows as R[]
        if (rows.length < CURSOR_ROWS) break
      }
      await this.#client.query('CLOSE streamed')
    } catch (error) {
      throw translate(error)
    }
  }

  async commit(): Promise<void> {
    try {
      await this.#client.query('COMMIT')
      this.#committed = true
    } catch (error) {
      throw translate(error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const settled = this.#committed || (await succeeds(this.#client.query('ROLLBACK')))
    this.#client.release(!settled)
  }
}

const stateOf = (error: unknown): string => (error instanceof DatabaseError ? (error.code ?? '') : '')

/** serialization_failure, deadlock_detected */
const isContention = (error: unknown): boolean => ['40001', '40P01'].includes(stateOf(error))

function violated(error: unknown): 'duplicate' | 'reference' | null {
  const state = stateOf(error)
  return state === '23505' ? 'duplicate' : state === '23503' ? 'reference' : null
}

// SQLSTATE classes: https://www.postgresql.org/docs/current/errcodes-appendix.html
const BUSY_STATES = /^(08...|53[^1]..|57P0.|57014|55P03|40001|40P01|25P03)$/

/** What `pg` throws when a connection cannot be made or breaks: the system's errors, or plain ones. Programming errors have classes of their own. */
const isLostConnection = (error: unknown): boolean =>
  error instanceof Error &&
  ('syscall' in error || error instanceof AggregateError || Object.getPrototypeOf(error) === Error.prototype)

/** Exported for its test. */
export function translate(error: unknown): unknown {
  const state = stateOf(error)
  if (state === '53100')
    return new RegistryError('disk_full', 'The disk that holds the database is full', { cause: error })
  if (BUSY_STATES.test(state) || isLostConnection(error)) {
    return new RegistryError('busy', 'The database cannot be reached, or is too busy', { retryAfter: 1, cause: error })
  }
  return error
}
