import { ByteLru } from '../../../registry/byte-lru.ts'
import type { Hex, KeptSideCar, PackedFacts } from '../../../registry/model.ts'
import type { ConnectionName, FormatId, PackageKey } from '../../../registry/names.ts'
import type { IndexReads } from '../../../registry/ports.ts'
import { writtenOnce } from '../written-once.ts'
import type { Source } from './source.ts'

/** Unpacked facts take about ten times what they take packed; this bounds the latter. */
const MOST_PACKED_BYTES = 2_000_000

type Kept = { readonly revision: number; readonly facts: PackedFacts }

/** Revisions begin at 1. */
const NEVER = 0

type OfIndex = { readonly connection: ConnectionName; readonly format: FormatId; readonly key: PackageKey }

const ofIndex = ({ connection, format, key }: OfIndex) => ({ connection, format, package: key })

// With its facts, unless they are those of the revision that is known: they are large, and often asked for. A subquery, as in revision.ts.
const selectIndex = writtenOnce((queries, { known, ...of }: OfIndex & { readonly known: number }) =>
  queries
    .selectFrom('indexes')
    .selectAll()
    .select((eb) =>
      eb
        .selectFrom('index_facts')
        .select('facts')
        .whereRef('index_facts.connection', '=', 'indexes.connection')
        .whereRef('index_facts.format', '=', 'indexes.format')
        .whereRef('index_facts.package', '=', 'indexes.package')
        .where('indexes.revision', '<>', known)
        .as('facts'),
    )
    .where((eb) => eb.and({ ...ofIndex(of), forgotten: 0 })),
)

const selectSideCar = writtenOnce((queries, { file, ...of }: OfIndex & { readonly file: string }) =>
  queries
    .selectFrom('side_cars')
    .select(['file', 'sha256', 'size', 'derived_from'])
    .where((eb) => eb.and({ ...ofIndex(of), file })),
)

const selectDerived = writtenOnce((queries, of: OfIndex) =>
  queries
    .selectFrom('side_cars')
    .select(['file', 'sha256', 'size', 'derived_from'])
    .where((eb) => eb.and(ofIndex(of)))
    .where('derived_from', 'is not', null)
    .orderBy('file'),
)

export function indexReads({ executor, queries }: Source): IndexReads {
  // The same facts are the same object each time: what was unpacked of them is known by it (packed-facts.ts).
  const kept = new ByteLru<Kept>(MOST_PACKED_BYTES)
  const keep = (of: string, revision: number, facts: PackedFacts): PackedFacts => {
    // Of its own memory: a driver's may be a view of much more, all of which would be kept, and cross to other threads.
    const own = new Uint8Array(facts)
    kept.set(of, { revision, facts: own }, own.byteLength)
    return own
  }
  return {
    async findIndex(connection, format, key) {
      const of = `${connection} ${format} ${key}`
      const known = kept.get(of)
      const asked = { connection, format, key, known: known?.revision ?? NEVER }
      const [row] = await executor.all(selectIndex(queries, asked))
      if (!row) return undefined
      const facts = row.revision === known?.revision ? known.facts : row.facts && keep(of, row.revision, row.facts)
      return {
        connection,
        format,
        key,
        state: row.state,
        document:
          row.document_sha256 === null || row.document_size === null
            ? null
            : { sha256: row.document_sha256, size: row.document_size },
        facts,
        etag: row.etag,
        lastModified: row.last_modified,
        checkedAt: row.checked_at,
        freshUntil: row.fresh_until,
        revision: row.revision,
      }
    },
    async findSideCar(connection, format, key, file) {
      const [row] = await executor.all(selectSideCar(queries, { connection, format, key, file }))
      return row && sideCarOf(row)
    },
    async listDerivedSideCars(connection, format, key) {
      const rows = await executor.all(selectDerived(queries, { connection, format, key }))
      return rows.map(sideCarOf)
    },
  }
}

type Row = {
  readonly file: string
  readonly sha256: Hex
  readonly size: number
  readonly derived_from: Hex | null
}

const sideCarOf = ({ file, sha256, size, derived_from }: Row): KeptSideCar => ({
  file,
  sha256,
  size,
  derivedFrom: derived_from,
})
