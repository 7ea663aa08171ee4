import type { Change, ChangeKind } from '../../../registry/changes.ts'
import type { Instant } from '../../../registry/model.ts'
import type { Clock, CommitOptions } from '../../../registry/ports.ts'
import { statement, type Executor, type Statement } from '../executor.ts'
import type { Queries } from '../schema.ts'
import { deliveryChanges } from './deliveries.ts'
import { eventChanges } from './events.ts'
import { identityChanges, installationChanges } from './identities.ts'
import { indexChanges } from './indexes.ts'
import { mergeChanges } from './merges.ts'
import { packageChanges } from './packages.ts'
import type { PackageCounter, Plan, Plans } from './plan.ts'
import { resourcePolicyChanges } from './resource-policies.ts'
import { roleChanges } from './roles.ts'
import { topologyChanges } from './topology.ts'
import { webhookChanges } from './webhooks.ts'

/** Every kind of change; the compiler names one that is missing. */
const PLANS: Plans<ChangeKind> = {
  ...installationChanges,
  ...identityChanges,
  ...roleChanges,
  ...topologyChanges,
  ...resourcePolicyChanges,
  ...packageChanges,
  ...mergeChanges,
  ...indexChanges,
  ...eventChanges,
  ...webhookChanges,
  ...deliveryChanges,
}

const planOf = (change: Change): Plan<Change> => PLANS[change.change] as Plan<Change>

/**
 * Applies all changes, or none. Counters move first and events come last: on PostgreSQL both lock rows that other commits
 * want, in one order for all of them, and the one row that all announcements share for the shortest time. Only deliveries of
 * an event come after it, so that one commit may announce something to one webhook alone.
 */
export async function commitChanges(
  { executor, queries, clock }: { executor: Executor; queries: Queries; clock: Clock },
  changes: readonly Change[],
  options: CommitOptions = {},
): Promise<void> {
  if (changes.length === 0) return
  const now = clock.now()
  const planned = await Promise.all(inStages(changes).map((change) => planOf(change).statements(queries, change, now)))
  await executor.transaction([...moveCounters(queries, changes, now), ...planned.flat()], options)
}

/** In its order, but for announcements and the deliveries of what this very commit announces. */
function inStages(changes: readonly Change[]): readonly Change[] {
  const announced = new Set(changes.flatMap((change) => (change.change === 'announce' ? [change.event.id] : [])))
  const delivers = (change: Change) =>
    (change.change === 'fan-out-event' || change.change === 'create-delivery') && announced.has(change.event)
  const {
    plain = [],
    announcements = [],
    deliveries = [],
  } = Object.groupBy(changes, (change) =>
    change.change === 'announce' ? 'announcements' : delivers(change) ? 'deliveries' : 'plain',
  )
  return [...plain, ...announcements, ...deliveries]
}

function moveCounters(queries: Queries, changes: readonly Change[], now: Instant): Statement[] {
  let topology = false
  const packages = new Map<string, PackageCounter>()
  for (const change of changes) {
    const { moves } = planOf(change)
    if (moves === 'topology') topology = true
    else if (moves !== 'none') {
      const { domain, format, key } = moves(change)
      packages.set(JSON.stringify([domain, format, key]), { domain, format, key })
    }
  }
  const inOneOrder = [...packages].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return [
    ...(topology ? [moveTopology(queries, now)] : []),
    ...inOneOrder.map(([, counter]) => movePackage(queries, counter, now)),
  ]
}

const moveTopology = (queries: Queries, now: Instant): Statement =>
  statement(queries.updateTable('topology_counter').set((eb) => ({ revision: eb('revision', '+', 1), moved_at: now })))

const movePackage = (queries: Queries, { domain, format, key }: PackageCounter, now: Instant): Statement =>
  statement(
    queries
      .insertInto('package_counters')
      .values({ domain, format, package: key, revision: 1, moved_at: now })
      .onConflict((it) =>
        it
          .columns(['domain', 'format', 'package'])
          .doUpdateSet((eb) => ({ revision: eb('package_counters.revision', '+', 1), moved_at: now })),
      ),
  )
