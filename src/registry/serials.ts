import { rulesFor } from '../policy/curation/curate.ts'
import type { AppliedRule } from '../policy/curation/rule.ts'
import { listNames } from './list-names.ts'
import type { Instant } from './model.ts'
import type { NameMove } from './name-reads.ts'
import type { FormatId, PackageKey } from './names.ts'
import type { ReadParts } from './read.ts'
import type { Scope } from './scope.ts'
import { connectionsOfFormat, searchPath } from './topology.ts'

// A mirror keeps the highest serial that it saw and next time reads what has a higher one. Here a serial is a time, in milliseconds since
// 1970: when one of the counters moved that decide whether an answer about the name still holds. See decision 0018.

export type NameSerial = { readonly key: PackageKey; readonly serial: number }

/**
 * How long ago something must be to have a serial of its own. A commit is seen later than the time in it says (ten seconds for a lock, six times
 * over, on PostgreSQL), and clocks of processes differ. What changed since then has the serial of this moment before, so it is read once more.
 */
const SETTLED_AFTER_MS = 120_000
/** What an upstream has that nobody here asked about for so long may have changed there. */
const UNSEEN_AFTER_MS = 86_400_000

type SerialParts = Pick<ReadParts, 'store' | 'clock' | 'versionKey'>

export async function* listSerials(
  parts: SerialParts,
  scope: Scope,
  format: FormatId,
): AsyncGenerator<readonly NameSerial[]> {
  // Before anything is read: what is committed meanwhile is later than this.
  const settled = parts.clock.now() - SETTLED_AFTER_MS
  const topologyMove = await parts.store.readTopologyMove()
  const along = searchPath(scope.view, scope.repository.name)
  const from = {
    repositories: along.map(({ name }) => name),
    connections: connectionsOfFormat(scope.view, along, format).map(({ connection }) => connection.name),
  }
  const youth = longestYouth(rulesFor(scope.view.rules, scope.repository))
  for await (const names of listNames(parts, scope, format)) {
    if (names.length === 0) continue
    const moves = await parts.store.listMoves(scope.domain.name, format, { names, ...from })
    const byName = Map.groupBy(moves, ({ key }) => key)
    yield names.map((key) => {
      const times = (byName.get(key) ?? []).flatMap((move) => timesOf(move, settled, youth))
      return { key, serial: Math.min(settled, Math.max(topologyMove, ...times)) }
    })
  }
}

/** As of now: never below one that a list gave. */
export const currentSerial = ({ clock }: Pick<ReadParts, 'clock'>): number => clock.now()

function timesOf({ at, checkedAt }: NameMove, settled: Instant, youth: number): readonly Instant[] {
  const days = checkedAt === null ? 0 : Math.floor((settled - checkedAt) / UNSEEN_AFTER_MS)
  return checkedAt !== null && days > 0 ? [at + youth, checkedAt + days * UNSEEN_AFTER_MS] : [at + youth]
}

/** Time alone changes an answer as long as a version may come of age that it had when it last changed. */
const longestYouth = (rules: readonly AppliedRule[]): number =>
  Math.max(0, ...rules.map(({ rule }) => (rule.kind === 'minimum-age' ? rule.seconds * 1000 : 0)))
