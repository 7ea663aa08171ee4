import type { HeldFileReads } from '../../../registry/held-files.ts'
import type { Executor } from '../executor.ts'

// Warm requests run this one: written by hand, as the revision's is.

const holdsFileIn = (repositories: number): string => `
  SELECT 1 AS held FROM assets
  WHERE domain = ? AND format = ? AND package = ? AND file = ? AND repository IN (${Array(repositories).fill('?').join(', ')})
  LIMIT 1`

export function heldFileReads(executor: Executor): HeldFileReads {
  type Read = ReturnType<typeof executor.prepare<{ held: 1 }>>
  const reads = new Map<number, Read>()
  const readerOf = (repositories: number): Read => {
    const known = reads.get(repositories)
    if (known) return known
    const read = executor.prepare<{ held: 1 }>(`granary_holds_file_${repositories}`, holdsFileIn(repositories))
    reads.set(repositories, read)
    return read
  }
  return {
    async holdsFile(domain, repositories, format, key, file) {
      if (repositories.length === 0) return false
      return (await readerOf(repositories.length)([domain, format, key, file, ...repositories])) !== undefined
    },
  }
}
