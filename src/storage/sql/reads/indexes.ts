import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import { ByteLru } from '../../../registry/byte-lru.ts'
import type { IndexFacts } from '../../../registry/model.ts'
import type { IndexReads } from '../../../registry/ports.ts'
import type { Source } from './source.ts'

const decompress = promisify(zstdDecompress)

/** Decoded facts take about ten times what they take compressed; this bounds the latter. */
const MOST_COMPRESSED_BYTES = 2_000_000

export function indexReads({ executor, queries }: Source): IndexReads {
  // Two hundred clients that ask for one new file need the same facts at the same moment: they are decoded once.
  const decoded = new ByteLru<Promise<IndexFacts>>(MOST_COMPRESSED_BYTES)
  const decode = (revisionOf: string, facts: Uint8Array): Promise<IndexFacts> => {
    const known = decoded.get(revisionOf)
    if (known) return known
    const decoding = decompress(facts).then((json) => JSON.parse(json.toString('utf8')) as IndexFacts)
    decoded.set(revisionOf, decoding, facts.byteLength)
    decoding.catch(() => decoded.delete(revisionOf))
    return decoding
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
        facts: row.facts && (await decode(`${connection} ${format} ${key} ${row.revision}`, row.facts)),
        etag: row.etag,
        lastModified: row.last_modified,
        checkedAt: row.checked_at,
        freshUntil: row.fresh_until,
        revision: row.revision,
      }
    },
    async findSideCar(connection, format, key, file) {
      const [row] = await executor.all(
        queries
          .selectFrom('side_cars')
          .select(['sha256', 'size'])
          .where((eb) => eb.and({ connection, format, package: key, file }))
          .compile(),
      )
      return row
    },
  }
}
