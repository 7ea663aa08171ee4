import type { Insertable } from 'kysely'
import type { Instant, PackedFacts } from '../../../registry/model.ts'
import type { ConnectionName, FormatId, PackageKey } from '../../../registry/names.ts'
import { statement, type Statement } from '../executor.ts'
import type { Database, Queries } from '../schema.ts'
import { writtenOnce } from '../written-once.ts'
import { registerBlob, releaseBlobs, updateReleased } from './blobs.ts'
import type { ChangeOf, Plans } from './plan.ts'

const KEY = ['connection', 'format', 'package'] as const

export const indexChanges: Plans<'put-index' | 'touch-index' | 'put-side-car' | 'drop-side-car'> = {
  'put-index': {
    moves: 'none',
    statements: (queries, change, now) => {
      const { index } = change
      const at = { connection: index.connection, format: index.format, package: index.key }
      return [
        statement(releaseDocument(queries, { ...at, at: index.checkedAt })),
        ...(index.document ? [registerBlob(queries, index.document, index.checkedAt)] : []),
        putIndex(queries, change, now),
        putFacts(queries, change),
      ]
    },
  },
  'touch-index': {
    moves: 'none',
    // Nothing to touch is no failure: the index was forgotten in the meantime, and the next reader asks anew.
    statements: (queries, { connection, format, key, checkedAt, freshUntil, etag }) => [
      statement(
        queries
          .updateTable('indexes')
          .set({ checked_at: checkedAt, fresh_until: freshUntil, ...(etag !== null && { etag }) })
          .where((eb) => eb.and({ connection, format, package: key, forgotten: 0 })),
      ),
    ],
  },
  'put-side-car': {
    moves: 'none',
    statements: (queries, { connection, format, key, file, sha256, size, derivedFrom = null }, now) => [
      releaseSideCar(queries, { connection, format, package: key, file }, now),
      registerBlob(queries, { sha256, size }, now),
      statement(
        queries
          .insertInto('side_cars')
          .values({ connection, format, package: key, file, sha256, size, derived_from: derivedFrom })
          .onConflict((it) => it.columns([...KEY, 'file']).doUpdateSet({ sha256, size, derived_from: derivedFrom })),
      ),
      ...(derivedFrom === null ? [] : [moveRevision(queries, { connection, format, package: key }, now)]),
    ],
  },
  'drop-side-car': {
    moves: 'none',
    statements: (queries, { connection, format, key, file }, now) => [
      releaseSideCar(queries, { connection, format, package: key, file }, now),
      statement(queries.deleteFrom('side_cars').where((eb) => eb.and({ connection, format, package: key, file }))),
      moveRevision(queries, { connection, format, package: key }, now),
    ],
  },
}

type OfIndex = { readonly connection: ConnectionName; readonly format: FormatId; readonly package: PackageKey }

const releaseSideCar = (queries: Queries, at: OfIndex & { readonly file: string }, now: Instant): Statement =>
  releaseBlobs(
    queries,
    queries
      .selectFrom('side_cars')
      .select('sha256')
      .where((eb) => eb.and(at)),
    now,
  )

/** Answers that were made from the index are made anew: they say which side-cars there are. */
const moveRevision = (queries: Queries, at: OfIndex, now: Instant): Statement =>
  statement(
    queries
      .updateTable('indexes')
      .set((eb) => ({ revision: eb('revision', '+', 1), changed_at: now }))
      .where((eb) => eb.and(at)),
  )

const releaseDocument = writtenOnce((queries, { at, ...of }: OfIndex & { readonly at: Instant }) => {
  const replaced = queries
    .selectFrom('indexes')
    .select('document_sha256')
    .where((eb) => eb.and(of))
  return updateReleased(queries, replaced, at)
})

const upsertIndex = writtenOnce(
  (queries, { connection, format, package: name, ...columns }: Omit<Insertable<Database['indexes']>, 'revision'>) =>
    queries
      .insertInto('indexes')
      .values({ connection, format, package: name, revision: 1, ...columns })
      .onConflict((it) =>
        it.columns(KEY).doUpdateSet((eb) => ({ ...columns, revision: eb('indexes.revision', '+', 1) })),
      ),
)

const putIndex = (queries: Queries, { index }: ChangeOf<'put-index'>, now: Instant): Statement =>
  statement(
    upsertIndex(queries, {
      connection: index.connection,
      format: index.format,
      package: index.key,
      fresh_until: index.freshUntil,
      checked_at: index.checkedAt,
      changed_at: now,
      forgotten: 0,
      state: index.state,
      document_sha256: index.document?.sha256 ?? null,
      document_size: index.document?.size ?? null,
      etag: index.etag,
      last_modified: index.lastModified,
    }),
  )

const upsertFacts = writtenOnce((queries, { facts, ...of }: OfIndex & { readonly facts: PackedFacts }) =>
  queries
    .insertInto('index_facts')
    .values({ ...of, facts })
    .onConflict((it) => it.columns(KEY).doUpdateSet({ facts })),
)

function putFacts(queries: Queries, { index, facts }: ChangeOf<'put-index'>): Statement {
  const of = { connection: index.connection, format: index.format, package: index.key }
  return facts === null
    ? statement(queries.deleteFrom('index_facts').where((eb) => eb.and(of)))
    : statement(upsertFacts(queries, { ...of, facts }))
}

/** What remains of an index that is given up: its revision. */
export const FORGOTTEN = {
  forgotten: 1,
  document_sha256: null,
  document_size: null,
  etag: null,
  last_modified: null,
} as const

export function forgetIndexesOf(queries: Queries, connection: ConnectionName, at: Instant): Statement[] {
  const documents = queries.selectFrom('indexes').select('document_sha256').where('connection', '=', connection)
  const sideCars = queries.selectFrom('side_cars').select('sha256').where('connection', '=', connection)
  return [
    releaseBlobs(queries, documents, at),
    releaseBlobs(queries, sideCars, at),
    statement(queries.deleteFrom('index_facts').where('connection', '=', connection)),
    statement(queries.deleteFrom('side_cars').where('connection', '=', connection)),
    statement(queries.updateTable('indexes').set(FORGOTTEN).where('connection', '=', connection)),
  ]
}
