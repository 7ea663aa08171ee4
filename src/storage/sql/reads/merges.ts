import type { MergeReads } from '../../../registry/merge-reads.ts'
import type { Source } from './source.ts'

export function mergeReads({ executor, queries }: Pick<Source, 'executor' | 'queries'>): MergeReads {
  return {
    async listMerges(domain) {
      const rows = await executor.all(queries.selectFrom('merges').selectAll().where('domain', '=', domain).compile())
      return rows.map(({ repository, format, package: key, mode }) => ({ domain, repository, format, key, mode }))
    },
    listMergeConflicts: ({ domain, repository, format, key }) =>
      executor.all(
        queries
          .selectFrom('merge_conflicts')
          .select(['file', 'digest'])
          .where((eb) => eb.and({ domain, repository, format, package: key }))
          .compile(),
      ),
  }
}
