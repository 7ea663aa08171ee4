import { statement } from '../executor.ts'
import { conflict, missing, type Plans } from './plan.ts'

export const mergeChanges: Plans<'put-merge' | 'note-merge-conflict'> = {
  'put-merge': {
    moves: 'topology',
    statements: (queries, { setting: { domain, repository, format, key, mode } }) => [
      statement(
        queries
          .insertInto('merges')
          .values({ domain, repository, format, package: key, mode })
          .onConflict((it) => it.columns(['domain', 'repository', 'format', 'package']).doUpdateSet({ mode })),
        { reference: missing('The repository', repository, 'repository') },
      ),
    ],
  },
  'note-merge-conflict': {
    moves: 'none',
    statements: (queries, { at: { domain, repository, format, key }, file, digest }) => [
      statement(
        queries.insertInto('merge_conflicts').values({ domain, repository, format, package: key, file, digest }),
        {
          duplicate: conflict(`Somebody else announced that ${file} gave way`, file),
          reference: missing('What is said about merging', key, 'package'),
        },
      ),
    ],
  },
}
