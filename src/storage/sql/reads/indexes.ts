import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import type { IndexFacts } from '../../../registry/model.ts'
import type { IndexReads } from '../../../registry/ports.ts'
import type { Source } from './source.ts'

const decompress = promisify(zstdDecompress)

export function indexReads({ executor, queries }: Source): IndexReads {
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
        facts: row.facts && (JSON.parse((await decompress(row.facts)).toString('utf8')) as IndexFacts),
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
