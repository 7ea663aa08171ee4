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
    async readTopologyMove() {
      const [row] = await executor.all(queries.selectFrom('topology_counter').select('moved_at').compile())
      return row?.moved_at ?? 0
    },
    // Names one by one, and not from the first to the last: between two that are here an index may have thousands that were only looked at.
    async listMoves(domain, format, { names, repositories, connections }) {
      const counters = queries
        .selectFrom('package_counters')
        .select(['package', 'moved_at'])
        .where((eb) => eb.and({ domain, format }))
        .where('package', 'in', names)
      const firsts = queries
        .selectFrom('versions')
        .select((eb) => ['package', eb.fn.min('created_at').as('first_at')])
        .where((eb) => eb.and({ domain, format, status: 'Published' }))
        .where('repository', 'in', repositories)
        .where('package', 'in', names)
        .groupBy('package')
      const indexes = queries
        .selectFrom('indexes')
        .select(['package', 'changed_at', 'checked_at'])
        .where('connection', 'in', connections)
        .where('format', '=', format)
        .where('package', 'in', names)
      const [moved, began, changed] = await Promise.all([
        executor.all(counters.compile()),
        executor.all(firsts.compile()),
        // PostgreSQL takes no empty list.
        connections.length === 0 ? [] : executor.all(indexes.compile()),
      ])
      return [
        ...moved.map((row) => ({ key: row.package, at: row.moved_at, checkedAt: null })),
        ...began.map((row) => ({ key: row.package, at: row.first_at, checkedAt: null })),
        ...changed.map((row) => ({ key: row.package, at: row.changed_at, checkedAt: row.checked_at })),
      ]
    },
  }
}

const isWithdrawn = (departure: string): boolean => (JSON.parse(departure) as { is: string }).is === 'withdrawn'
