import type { Instant } from '../../../registry/model.ts'
import type { PackageReads } from '../../../registry/ports.ts'
import type { Executor } from '../executor.ts'

// Every warm request runs this one, so it is written by hand: kysely takes 12 to 15 µs to write a query, SQLite 3 to answer
// it. Subqueries and no join: parameters in a join's condition make SQLite plan it anew at each run, which took 13 µs.
const REVISION = `
  SELECT revision AS topology,
    (SELECT revision FROM package_counters WHERE domain = ? AND format = ? AND package = ?) AS package,
    (SELECT revision FROM indexes WHERE connection = ? AND format = ? AND package = ? AND forgotten = 0) AS index_revision,
    (SELECT fresh_until FROM indexes WHERE connection = ? AND format = ? AND package = ? AND forgotten = 0) AS fresh_until
  FROM topology_counter`

type RevisionRow = {
  topology: number
  package: number | null
  index_revision: number | null
  fresh_until: Instant | null
}

export function revisionReader(executor: Executor): PackageReads['readRevision'] {
  const read = executor.prepare<RevisionRow>('granary_revision', REVISION)
  return async ({ domain, format, key, index }) => {
    const row = await read([domain, format, key, index, format, key, index, format, key])
    if (!row) throw new Error('The topology counter is missing from the store')
    return {
      topology: row.topology,
      package: row.package ?? 0,
      index:
        row.index_revision === null || row.fresh_until === null
          ? null
          : { revision: row.index_revision, freshUntil: row.fresh_until },
    }
  }
}
