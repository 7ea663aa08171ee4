import type { Clock, MetadataStore } from '../../registry/ports.ts'
import { blobLedger } from './blob-ledger.ts'
import { commitChanges } from './changes/commit.ts'
import { deliveryQueue } from './delivery-queue.ts'
import type { Executor } from './executor.ts'
import { failureLedger } from './failure-ledger.ts'
import { migrate, MIGRATIONS } from './migrations/migrate.ts'
import type { Migration } from './migrations/migration.ts'
import { portable, type Portable } from './portable.ts'
import { queriesFor } from './queries.ts'
import { eventReads } from './reads/events.ts'
import { identityReads } from './reads/identities.ts'
import { indexReads } from './reads/indexes.ts'
import { nameReads } from './reads/names.ts'
import { packageReads } from './reads/packages.ts'
import { topologyReads } from './reads/topology.ts'
import { webhookReads } from './reads/webhooks.ts'

export type OpenOptions = {
  /** When it is; only for what a change does without naming a time. The system's clock if left out. */
  readonly clock?: Clock
}

const SYSTEM_CLOCK: Clock = { now: () => Date.now() }

export type SqlStore = MetadataStore & Portable

/** The store over one database, its tables up to date. Owns the executor from here on, also where it throws. */
export async function openStore(
  executor: Executor,
  { clock = SYSTEM_CLOCK, migrations = MIGRATIONS }: OpenOptions & { migrations?: readonly Migration[] } = {},
): Promise<SqlStore> {
  const queries = queriesFor(executor.dialect)
  const source = { executor, queries, clock }
  try {
    await migrate(source, migrations)
    return {
      ...topologyReads(source),
      ...identityReads(source),
      ...packageReads(source),
      ...nameReads(source),
      ...indexReads(source),
      ...blobLedger(source),
      ...eventReads(source),
      ...webhookReads(source),
      ...deliveryQueue(source),
      ...failureLedger(source),
      ...portable(source),
      commit: (changes, options) => commitChanges(source, changes, options),
      async ping() {
        await executor.all(queries.selectFrom('topology_counter').select('revision').compile())
      },
      [Symbol.asyncDispose]: () => executor[Symbol.asyncDispose](),
    }
  } catch (error) {
    await executor[Symbol.asyncDispose]()
    throw error
  }
}
