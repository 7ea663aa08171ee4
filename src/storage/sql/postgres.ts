import { sql } from 'kysely'
import { DatabaseError } from 'pg'
import { queriesFor } from './queries.ts'
import { connectPostgres, PostgresExecutor } from './postgres-executor.ts'
import { UnusableStoreError } from './unusable-store.ts'
import { openStore, type OpenOptions, type SqlStore } from './store.ts'

/** Opens or makes a store in a PostgreSQL database (`postgres://user:password@host/database`), which exists and is UTF-8. */
export async function openPostgres(url: string, options: OpenOptions = {}): Promise<SqlStore> {
  const executor = new PostgresExecutor(connectPostgres(url))
  try {
    await requireUtf8(executor)
  } catch (error) {
    await executor[Symbol.asyncDispose]()
    if (error instanceof DatabaseError) {
      throw new UnusableStoreError(`The PostgreSQL database cannot be opened: ${error.message}`, { cause: error })
    }
    throw error
  }
  return openStore(executor, options)
}

/** Any other encoding would count, cut or refuse characters that names may have. */
async function requireUtf8(executor: PostgresExecutor): Promise<void> {
  const query = sql<{ encoding: string }>`SELECT current_setting('server_encoding') AS encoding`
  const [row] = await executor.all(query.compile(queriesFor('postgres')))
  if (row?.encoding !== 'UTF8') {
    throw new UnusableStoreError(
      `The PostgreSQL database has the encoding ${row?.encoding}; Granary needs one made with ENCODING 'UTF8'`,
    )
  }
}
