import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type Dialect,
} from 'kysely'
import type { Database, Queries } from './schema.ts'

// kysely writes the SQL and checks it against the tables' types; an Executor runs it. A transaction that kysely itself held
// open would make every other query on SQLite's one connection wait for it.

const SQLITE: Dialect = {
  createAdapter: () => new SqliteAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (db) => new SqliteIntrospector(db),
  createQueryCompiler: () => new SqliteQueryCompiler(),
}

const POSTGRES: Dialect = {
  createAdapter: () => new PostgresAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (db) => new PostgresIntrospector(db),
  createQueryCompiler: () => new PostgresQueryCompiler(),
}

export const queriesFor = (dialect: 'sqlite' | 'postgres'): Queries =>
  new Kysely<Database>({ dialect: dialect === 'sqlite' ? SQLITE : POSTGRES })
