import type { NameReads } from '../../../registry/name-reads.ts'
import type { Source } from './source.ts'

export function nameReads({ executor, queries }: Source): NameReads {
  return {
    async listNames(domain, repository, format, { limit, after }) {
      // In the order of the key, so that it ends where it has enough.
      let query = queries
        .selectFrom('versions')
        .select('package')
        .distinct()
        .where((eb) => eb.and({ domain, repository, format, status: 'Published' }))
        .orderBy('package')
        .limit(limit)
      if (after !== null) query = query.where('package', '>', after)
      const rows = await executor.all(query.compile())
      return rows.map((row) => row.package)
    },
    // One repository at a time: SQLite bounds a range of names at both ends only behind columns that equal something.
    async listVersionFacts(domain, repository, format, { first, last }) {
      const rows = await executor.all(
        queries
          .selectFrom('versions')
          .innerJoin('assets', (join) =>
            join
              .onRef('assets.domain', '=', 'versions.domain')
              .onRef('assets.repository', '=', 'versions.repository')
              .onRef('assets.format', '=', 'versions.format')
              .onRef('assets.package', '=', 'versions.package')
              .onRef('assets.version', '=', 'versions.version'),
          )
          .select(['versions.package', 'versions.version', 'versions.published_at', 'versions.license'])
          .select(['versions.origin', 'assets.departure'])
          .distinct()
          .where((eb) =>
            eb.and({
              'versions.domain': domain,
              'versions.repository': repository,
              'versions.format': format,
              'versions.status': 'Published',
            }),
          )
          .where('versions.package', '>=', first)
          .where('versions.package', '<=', last)
          .compile(),
      )
      return rows.map((row) => ({
        format,
        key: row.package,
        version: row.version,
        publishedAt: row.published_at,
        license: row.license,
        origin: row.origin,
        withdrawn: row.departure !== null && isWithdrawn(row.departure),
      }))
    },
  }
}

const isWithdrawn = (departure: string): boolean => (JSON.parse(departure) as { is: string }).is === 'withdrawn'
