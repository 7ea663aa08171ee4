import { ByteLru } from '../../../registry/byte-lru.ts'
import type { Hex, KeptSideCar, PackedFacts } from '../../../registry/model.ts'
import type { IndexReads } from '../../../registry/ports.ts'
import type { Source } from './source.ts'

/** Unpacked facts take about ten times what they take packed; this bounds the latter. */
const MOST_PACKED_BYTES = 2_000_000

// Resolvers ask for the metadata of one wheel after the other: written by hand, as the revision's query is.
const SIDE_CAR = `
  SELECT file, sha256, size, derived_from FROM side_cars
  WHERE connection = ? AND format = ? AND package = ? AND file = ?`

export function indexReads({ executor, queries }: Source): IndexReads {
  // Not before it is needed: SQLite looks for its columns at once, and they may not be there yet while tables are brought up to date.
  let readSideCar: ReturnType<typeof executor.prepare<Row>> | undefined
  // The same facts are the same object each time: what was unpacked of them is known by it (packed-facts.ts).
  const kept = new ByteLru<PackedFacts>(MOST_PACKED_BYTES)
  const same = (revisionOf: string, facts: PackedFacts): PackedFacts => {
    const known = kept.get(revisionOf)
    if (known) return known
    // Of its own memory: a driver's may be a view of much more, all of which would be kept, and cross to other threads.
    const own = new Uint8Array(facts)
    kept.set(revisionOf, own, own.byteLength)
    return own
  }
  return {
    async findIndex(connection, format, key) {
      const [row] = await executor.all(
        queries
          .selectFrom('indexes')
          .leftJoin('index_facts', (join) =>
            join
              .onRef('index_facts.connection', '=', 'indexes.connection')
              .onRef('index_facts.format', '=', 'indexes.format')
              .onRef('index_facts.package', '=', 'indexes.package'),
          )
          .selectAll('indexes')
          .select('index_facts.facts')
          .where((eb) =>
            eb.and({
              'indexes.connection': connection,
              'indexes.format': format,
              'indexes.package': key,
              'indexes.forgotten': 0,
            }),
          )
          .compile(),
      )
      if (!row) return undefined
      return {
        connection,
        format,
        key,
        state: row.state,
        document:
          row.document_sha256 === null || row.document_size === null
            ? null
            : { sha256: row.document_sha256, size: row.document_size },
        facts: row.facts && same(`${connection} ${format} ${key} ${row.revision}`, row.facts),
        etag: row.etag,
        lastModified: row.last_modified,
        checkedAt: row.checked_at,
        freshUntil: row.fresh_until,
        revision: row.revision,
      }
    },
    async findSideCar(connection, format, key, file) {
      readSideCar ??= executor.prepare<Row>('granary_side_car', SIDE_CAR)
      const row = await readSideCar([connection, format, key, file])
      return row && sideCarOf(row)
    },
    async listDerivedSideCars(connection, format, key) {
      const rows = await executor.all(
        queries
          .selectFrom('side_cars')
          .select(['file', 'sha256', 'size', 'derived_from'])
          .where((eb) => eb.and({ connection, format, package: key }))
          .where('derived_from', 'is not', null)
          .orderBy('file')
          .compile(),
      )
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
