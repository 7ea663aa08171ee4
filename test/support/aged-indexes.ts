import { join } from 'node:path'
import Sqlite from 'better-sqlite3'

/** Makes every cached index look as if it was last asked about so many milliseconds ago, behind the back of the server. */
export function ageIndexes(data: string, ms: number): void {
  const database = new Sqlite(join(data, 'granary.db'), { timeout: 5_000 })
  try {
    const then = Date.now() - ms
    database.prepare('UPDATE indexes SET checked_at = ?, fresh_until = ?').run(then, then)
  } finally {
    database.close()
  }
}
