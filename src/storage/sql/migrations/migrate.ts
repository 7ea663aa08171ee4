import { sql } from 'kysely'
import type { Executor, Session } from '../executor.ts'
import { UnusableStoreError } from '../unusable-store.ts'
import type { Queries } from '../schema.ts'
import { first } from './0001-first.ts'
import { rolesPoliciesWebhooks } from './0002-roles-policies-webhooks.ts'
import { repositorySettings } from './0003-repository-settings.ts'
import { connectionLimits } from './0004-connection-limits.ts'
import { derivedSideCars } from './0005-derived-side-cars.ts'
import { merges } from './0006-merges.ts'
import { timesOfChanges } from './0007-times-of-changes.ts'
import { WORDS, type Migration } from './migration.ts'

/** In order; numbers count up from 1. */
export const MIGRATIONS: readonly Migration[] = [
  first,
  rolesPoliciesWebhooks,
  repositorySettings,
  connectionLimits,
  derivedSideCars,
  merges,
  timesOfChanges,
]

const latest = (migrations: readonly Migration[]): number => migrations.at(-1)?.number ?? 0

/** The number of the tables that this program makes and knows. */
export const SCHEMA_NUMBER = latest(MIGRATIONS)

type Source = { readonly executor: Executor; readonly queries: Queries }

/**
 * Brings the tables up to date. Any number of processes may call it at once: whoever holds the lock does it, the others
 * find it done. Throws UnusableStoreError where a newer program wrote them and this one cannot share them.
 */
export async function migrate({ executor, queries }: Source, migrations = MIGRATIONS): Promise<void> {
  await using session = await executor.session('write')
  const run = (text: string) => session.all(sql.raw(text).compile(queries))
  // SQLite's write transaction is the lock itself. The number is only this program's: any constant does.
  if (executor.dialect === 'postgres') await run('SELECT pg_advisory_xact_lock(7138154402)')
  await run('CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY, oldest_reader BIGINT NOT NULL)')
  const applied = await readApplied(session, queries)
  refuseNewer(applied, latest(migrations))
  const pending = migrations.filter((migration) => migration.number > applied.number)
  for (const { number, oldestReader, statements } of pending) {
    for (const text of statements(WORDS[executor.dialect])) await run(text)
    await run(`INSERT INTO schema_migrations (number, oldest_reader) VALUES (${number}, ${oldestReader})`)
  }
  await session.commit()
}

type Applied = { readonly number: number; readonly oldestReader: number }

async function readApplied(session: Session, queries: Queries): Promise<Applied> {
  const query = sql<Applied>`
    SELECT coalesce(max(number), 0) AS "number", coalesce(max(oldest_reader), 0) AS "oldestReader" FROM schema_migrations`
  const [applied] = await session.all(query.compile(queries))
  return applied ?? { number: 0, oldestReader: 0 }
}

function refuseNewer(applied: Applied, own: number): void {
  if (applied.oldestReader <= own) return
  throw new UnusableStoreError(
    `This store was written by a newer Granary (schema ${applied.number}); it needs a Granary that knows schema ` +
      `${applied.oldestReader} or later, and this one knows ${own}. Upgrade Granary, or restore a backup made before.`,
  )
}
