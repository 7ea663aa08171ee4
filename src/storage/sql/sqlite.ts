import { closeSync, openSync } from 'node:fs'
import { connectSqlite, SqliteExecutor } from './sqlite-executor.ts'
import { openStore, type OpenOptions, type SqlStore } from './store.ts'

export type SqliteStore = SqlStore & {
  /**
   * Copies the database to a file while it stays in use; what is committed meanwhile is in the copy. `progress` hears how
   * many pages remain of how many.
   */
  backupTo(file: string, progress?: (remaining: number, total: number) => void): Promise<void>
}

/** Opens or makes a store in a file of an existing folder, or (`:memory:`) in no file. */
export async function openSqlite(path: string, options: OpenOptions = {}): Promise<SqliteStore> {
  // Password hashes and sealed secrets are in it: nobody else's to read. SQLite gives the files beside it the same mode.
  if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600))
  const database = await connectSqlite(path)
  const store = await openStore(new SqliteExecutor(database), options)
  return {
    ...store,
    async backupTo(file, progress) {
      await database.backup(file, {
        progress: ({ remainingPages, totalPages }) => {
          progress?.(remainingPages, totalPages)
          return 1_000
        },
      })
    },
  }
}
