import type { SelectQueryBuilder } from 'kysely'
import type { Hex, Instant } from '../../../registry/model.ts'
import { statement, type Statement } from '../executor.ts'
import type { Database, Queries } from '../schema.ts'
import { writtenOnce } from '../written-once.ts'

const insertBlob = writtenOnce((queries, { sha256, size, at }: { sha256: Hex; size: number; at: Instant }) =>
  queries
    .insertInto('blobs')
    .values({ sha256, size, created_at: at, last_used_at: at, condemned: 0 })
    .onConflict((it) =>
      it.column('sha256').doUpdateSet((eb) => ({
        condemned: 0,
        last_used_at: eb
          .case()
          .when('blobs.last_used_at', '<', eb.ref('excluded.last_used_at'))
          .then(eb.ref('excluded.last_used_at'))
          .else(eb.ref('blobs.last_used_at'))
          .end(),
      })),
    ),
)

/** Notes that the commit refers to a blob: it is in the ledger, and whatever condemned it no longer holds. */
export const registerBlob = (queries: Queries, blob: { sha256: Hex; size: number }, at: Instant): Statement =>
  statement(insertBlob(queries, { sha256: blob.sha256, size: blob.size, at }))

/**
 * Counts as a use of blobs that are about to lose a reference: whoever found them by it may still be about to open them, and
 * the grace of the collector (storage/blobs) begins now.
 */
export const releaseBlobs = (queries: Queries, blobs: BlobsToRelease, at: Instant): Statement =>
  statement(updateReleased(queries, blobs, at))

export const updateReleased = (queries: Queries, blobs: BlobsToRelease, at: Instant) =>
  queries.updateTable('blobs').set({ last_used_at: at }).where('sha256', 'in', blobs).where('last_used_at', '<', at)

type BlobsToRelease = SelectQueryBuilder<Database, never, Record<string, Hex | null>>
