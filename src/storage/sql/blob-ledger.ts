import { setImmediate as nextTurn } from 'node:timers/promises'
import { sql, type ExpressionBuilder, type ExpressionWrapper, type InferResult, type SqlBool } from 'kysely'
import type { Hex, Instant } from '../../registry/model.ts'
import type { BlobLedger, BlobRecord } from '../../registry/ports.ts'
import { FORGOTTEN } from './changes/indexes.ts'
import { statement, type Row, type Statement } from './executor.ts'
import type { Source } from './reads/source.ts'
import type { Database, Queries } from './schema.ts'
import { writtenOnce } from './written-once.ts'

/** Rows dealt with between two turns of the event loop: about 30 ms on SQLite where each is condemned. */
const BATCH = 200

/** Spelled out and no parameter: only then do the indexes of what is published here apply. */
const INTERNAL = sql.lit<'INTERNAL'>('INTERNAL')

type OfBlobs = ExpressionBuilder<Database, 'blobs'>
type Condition = ExpressionWrapper<Database, 'blobs', SqlBool>

/** Something of any kind refers to the blob. */
const isReferenced = (eb: OfBlobs): Condition =>
  eb.or([
    eb.exists(eb.selectFrom('assets').select('file').whereRef('assets.sha256', '=', 'blobs.sha256')),
    eb.exists(eb.selectFrom('assets').select('file').whereRef('assets.side_car_sha256', '=', 'blobs.sha256')),
    eb.exists(eb.selectFrom('indexes').select('revision').whereRef('indexes.document_sha256', '=', 'blobs.sha256')),
    eb.exists(eb.selectFrom('side_cars').select('file').whereRef('side_cars.sha256', '=', 'blobs.sha256')),
  ])

/** Something that was published here refers to the blob: nobody else can give it back. */
const isPublished = (eb: OfBlobs): Condition => {
  const published = eb.selectFrom('assets').select('file').where('assets.origin', '=', INTERNAL)
  return eb.or([
    eb.exists(published.whereRef('assets.sha256', '=', 'blobs.sha256')),
    eb.exists(published.whereRef('assets.side_car_sha256', '=', 'blobs.sha256')),
  ])
}

/**
 * INVARIANT: a commit that refers to a blob clears its mark in the same transaction (changes/blobs.ts), and conditions are
 * asked again by the statement that marks or forgets. So what was condemned by one process is safe to use by another.
 */
export function blobLedger(source: Source): BlobLedger {
  const { executor, queries } = source
  return {
    touchBlobs: (used) => touch(source, used),
    blobTotals: () => readTotals(source),
    condemnUnreferenced: (before, limit) => condemnUnreferenced(source, before, limit),
    condemnCached: (bytes, before) => condemnCached(source, bytes, before),
    condemnDamaged: (damaged) => condemnDamaged(source, damaged),
    adoptBlobs: (found, at) => adopt(source, found, at),
    async forgetBlob(sha256) {
      const [forgotten] = await executor.transaction([
        statement(
          queries
            .deleteFrom('blobs')
            .where('sha256', '=', sha256)
            .where('condemned', '=', 1)
            .where((eb) => eb.not(isReferenced(eb)))
            .returning('sha256'),
        ),
      ])
      return forgotten?.length === 1
    },
    async findBlob(sha256) {
      const [row] = await executor.all(selectRecord(queries, { sha256 }))
      return row && recordOf(row)
    },
    listBlobs: (after, limit) =>
      readRecords(source, (query) =>
        query
          .where('sha256', '>', after ?? '')
          .orderBy('sha256')
          .limit(limit),
      ),
  }
}

type RecordQuery = ReturnType<typeof selectRecords>

const selectRecords = (queries: Queries) =>
  queries
    .selectFrom('blobs')
    .select(['sha256', 'size', 'last_used_at'])
    .select((eb) => eb.case().when(isPublished(eb)).then(eb.lit(0)).else(eb.lit(1)).end().as('cached_only'))
    .where((eb) => isReferenced(eb))

const selectRecord = writtenOnce((queries, { sha256 }: { readonly sha256: Hex }) =>
  selectRecords(queries).where('sha256', '=', sha256),
)

async function readRecords(
  { executor, queries }: Source,
  narrow: (query: RecordQuery) => RecordQuery,
): Promise<BlobRecord[]> {
  return (await executor.all(narrow(selectRecords(queries)).compile())).map(recordOf)
}

const recordOf = (row: InferResult<RecordQuery>[number]): BlobRecord => ({
  sha256: row.sha256,
  size: row.size,
  lastUsedAt: row.last_used_at,
  cachedOnly: row.cached_only === 1,
})

async function touch({ executor, queries }: Source, used: Parameters<BlobLedger['touchBlobs']>[0]): Promise<void> {
  const latest = new Map<Hex, Instant>()
  for (const { sha256, at } of used) latest.set(sha256, Math.max(at, latest.get(sha256) ?? at))
  // In one order for everybody, so that two processes do not wait for each other's rows.
  const statements = [...latest]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([sha256, at]) =>
      statement(
        queries
          .updateTable('blobs')
          .set({ last_used_at: at })
          .where('sha256', '=', sha256)
          .where('last_used_at', '<', at),
      ),
    )
  for (let from = 0; from < statements.length; from += BATCH) {
    await executor.transaction(statements.slice(from, from + BATCH), { isReplaceable: true })
    await nextTurn()
  }
}

async function readTotals({ executor, queries }: Source) {
  const sum = (eb: OfBlobs) => eb.cast<number>(eb.fn.coalesce(eb.fn.sum('size'), eb.lit(0)), 'bigint')
  const [all] = await executor.all(
    queries
      .selectFrom('blobs')
      .select((eb) => [sum(eb).as('bytes'), eb.cast<number>(eb.fn.countAll(), 'bigint').as('count')])
      .compile(),
  )
  // From the published side, which indexes list by themselves; asking each cached blob took a second for 100,000 of them.
  const published = queries.selectFrom('assets').where((eb) => eb('origin', '=', INTERNAL))
  const [hosted] = await executor.all(
    queries
      .selectFrom('blobs')
      .select((eb) => sum(eb).as('bytes'))
      .where(
        'sha256',
        'in',
        published
          .select('sha256')
          .union(
            published
              .select((eb) => eb.ref('side_car_sha256').$notNull().as('sha256'))
              .where('side_car_sha256', 'is not', null),
          ),
      )
      .compile(),
  )
  const bytes = all?.bytes ?? 0
  return { bytes, cachedBytes: bytes - (hosted?.bytes ?? 0), count: all?.count ?? 0 }
}

async function condemnUnreferenced(
  { executor, queries }: Source,
  before: Instant,
  limit: number,
): Promise<readonly Hex[]> {
  const condemned: Hex[] = []
  let after = ''
  while (condemned.length < limit) {
    const looked = await executor.all(
      queries
        .selectFrom('blobs')
        .select('sha256')
        .select((eb) => eb.case().when(isReferenced(eb)).then(eb.lit(1)).else(eb.lit(0)).end().as('referenced'))
        .where('sha256', '>', after)
        .where('last_used_at', '<', before)
        .orderBy('sha256')
        .limit(BATCH)
        .compile(),
    )
    const free = looked.filter((row) => row.referenced === 0).map((row) => row.sha256)
    if (free.length > 0) {
      const [marked] = await executor.transaction([
        statement(
          queries
            .updateTable('blobs')
            .set({ condemned: 1 })
            .where('sha256', 'in', free.slice(0, limit - condemned.length))
            .where('last_used_at', '<', before)
            .where((eb) => eb.not(isReferenced(eb)))
            .returning('sha256'),
        ),
      ])
      const hashes = hashesOf(marked)
      condemned.push(...free.filter((sha256) => hashes.has(sha256)))
    }
    if (looked.length < BATCH) break
    after = looked.at(-1)?.sha256 ?? ''
    await nextTurn()
  }
  return condemned
}

async function condemnCached({ executor, queries }: Source, bytes: number, before: Instant): Promise<readonly Hex[]> {
  const condemned: Hex[] = []
  let covered = 0
  let position: readonly [Instant, Hex] = [Number.MIN_SAFE_INTEGER, '']
  while (covered < bytes) {
    const candidates = await executor.all(
      queries
        .selectFrom('blobs')
        .select(['sha256', 'size', 'last_used_at'])
        .where('last_used_at', '<', before)
        .where((eb) => eb(eb.refTuple('last_used_at', 'sha256'), '>', eb.tuple(...position)))
        .where((eb) => eb.not(isPublished(eb)))
        .orderBy('last_used_at')
        .orderBy('sha256')
        .limit(BATCH)
        .compile(),
    )
    const chosen: Hex[] = []
    const size = new Map(candidates.map((blob) => [blob.sha256, blob.size]))
    let expected = covered
    for (const blob of candidates) {
      if (expected >= bytes) break
      chosen.push(blob.sha256)
      expected += blob.size
    }
    const marked = await condemn({ executor, queries }, chosen, before)
    condemned.push(...marked)
    for (const sha256 of marked) covered += size.get(sha256) ?? 0
    const last = candidates.at(-1)
    if (!last || candidates.length < BATCH) break
    position = [last.last_used_at, last.sha256]
    await nextTurn()
  }
  return condemned
}

async function adopt(
  { executor, queries }: Source,
  found: Parameters<BlobLedger['adoptBlobs']>[0],
  at: Instant,
): Promise<void> {
  for (let from = 0; from < found.length; from += BATCH) {
    const rows = found
      .slice(from, from + BATCH)
      .map(({ sha256, size }) => ({ sha256, size, created_at: at, last_used_at: at, condemned: 0 as const }))
    await executor.transaction([
      statement(
        queries
          .insertInto('blobs')
          .values(rows)
          .onConflict((it) => it.doNothing()),
      ),
    ])
  }
}

async function condemnDamaged(source: Source, damaged: readonly Hex[]): Promise<readonly Hex[]> {
  const condemned: Hex[] = []
  for (let from = 0; from < damaged.length; from += BATCH) {
    condemned.push(...(await condemn(source, damaged.slice(from, from + BATCH), null)))
  }
  return condemned
}

/** Marks those of the blobs that are only cached, and with them forgets the cached things that refer to them. */
async function condemn(
  { executor, queries }: Source,
  blobs: readonly Hex[],
  before: Instant | null,
): Promise<readonly Hex[]> {
  if (blobs.length === 0) return []
  let mark = queries
    .updateTable('blobs')
    .set({ condemned: 1 })
    .where('sha256', 'in', blobs)
    .where((eb) => eb.not(isPublished(eb)))
  if (before !== null) mark = mark.where('last_used_at', '<', before)
  const [marked] = await executor.transaction([
    statement(mark.returning('sha256')),
    ...forgetWhatRefersTo(queries, blobs),
  ])
  // In the order of `blobs`, which a RETURNING does not promise.
  const hashes = hashesOf(marked)
  return blobs.filter((sha256) => hashes.has(sha256))
}

function forgetWhatRefersTo(queries: Queries, blobs: readonly Hex[]): Statement[] {
  const marked = queries.selectFrom('blobs').select('sha256').where('sha256', 'in', blobs).where('condemned', '=', 1)
  const indexes = queries
    .selectFrom('indexes')
    .select(['connection', 'format', 'package'])
    .where('document_sha256', 'in', marked)
  const cached = queries.deleteFrom('assets').where('origin', '=', 'EXTERNAL')
  return [
    statement(cached.where('sha256', 'in', marked)),
    statement(cached.where('side_car_sha256', 'in', marked)),
    statement(queries.deleteFrom('side_cars').where('sha256', 'in', marked)),
    statement(
      queries
        .deleteFrom('index_facts')
        .where((eb) =>
          eb(eb.refTuple('connection', 'format', 'package'), 'in', indexes.$asTuple('connection', 'format', 'package')),
        ),
    ),
    statement(queries.updateTable('indexes').set(FORGOTTEN).where('document_sha256', 'in', marked)),
  ]
}

const hashesOf = (rows: readonly Row[] | undefined): Set<unknown> => new Set(rows?.map((row) => row['sha256']))
