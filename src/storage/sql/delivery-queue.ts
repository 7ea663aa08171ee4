import type { ExpressionBuilder, Selectable } from 'kysely'
import type { Instant } from '../../registry/model.ts'
import type { DeliveryQueue } from '../../registry/ports.ts'
import { PENDING } from './changes/deliveries.ts'
import { statement } from './executor.ts'
import type { Source } from './reads/source.ts'
import { deliveryOf } from './reads/webhooks.ts'
import type { Database } from './schema.ts'

/**
 * A delivery is leased by a moment in its row, so that any process may die with it. Those of a disabled webhook wait: some
 * may be made for it in the moment in which it is disabled, and people may replay others.
 */
export function deliveryQueue(source: Source): DeliveryQueue {
  const { executor, queries } = source
  return {
    async listDueWebhooks(now) {
      const rows = await executor.all(
        queries
          .selectFrom('webhooks')
          .select('id')
          .where('disabled_at', 'is', null)
          .where((eb) =>
            eb.exists(
              eb
                .selectFrom('deliveries')
                .select('deliveries.id')
                .whereRef('deliveries.webhook', '=', 'webhooks.id')
                .where((of) => isDue(of, now)),
            ),
          )
          .orderBy('id')
          .compile(),
      )
      return rows.map(({ id }) => id)
    },
    leaseDeliveries: (of) => lease(source, of),
    async deliveryBacklog() {
      const [row] = await executor.all(
        queries
          .selectFrom('deliveries')
          .innerJoin('webhooks', 'webhooks.id', 'deliveries.webhook')
          .select((eb) => [eb.fn.countAll<number>().as('pending'), eb.fn.min('deliveries.due_at').as('due_since')])
          .where('deliveries.state', '=', PENDING)
          // What waits for somebody to enable its webhook is nobody's delay.
          .where('webhooks.disabled_at', 'is', null)
          .compile(),
      )
      return { pending: row?.pending ?? 0, dueSince: row?.due_since ?? null }
    },
    async forgetDeliveries(before, limit) {
      const [forgotten] = await executor.transaction([
        statement(
          queries
            .deleteFrom('deliveries')
            .where('id', 'in', (eb) =>
              eb
                .selectFrom('deliveries')
                .select('id')
                .where('state', '<>', PENDING)
                .where('created_at', '<', before)
                .orderBy('created_at')
                .limit(limit),
            )
            // Asked again of the row itself: it may be replayed at this moment.
            .where('state', '<>', PENDING)
            .returning('id'),
        ),
      ])
      return forgotten?.length ?? 0
    },
  }
}

const isDue = (eb: ExpressionBuilder<Database, 'deliveries'>, now: Instant) =>
  eb.and([
    eb('deliveries.state', '=', PENDING),
    eb('deliveries.due_at', '<=', now),
    eb.or([eb('deliveries.leased_until', 'is', null), eb('deliveries.leased_until', '<=', now)]),
  ])

/** A CTE, which runs once: PostgreSQL may run a subquery again for each row, and then take other rows each time. */
async function lease(
  { executor, queries }: Source,
  { webhook, now, until, limit }: Parameters<DeliveryQueue['leaseDeliveries']>[0],
): ReturnType<DeliveryQueue['leaseDeliveries']> {
  const due = queries
    .selectFrom('deliveries')
    .select('deliveries.id')
    .where('deliveries.webhook', '=', webhook)
    .where((eb) => isDue(eb, now))
    .where((eb) =>
      eb.exists(
        eb.selectFrom('webhooks').select('webhooks.id').where('id', '=', webhook).where('disabled_at', 'is', null),
      ),
    )
    .orderBy('due_at')
    .orderBy('position')
    .limit(limit)
  // SQLite has one writer at a time. On PostgreSQL what others are about to lease is passed over.
  const taken = executor.dialect === 'postgres' ? due.forUpdate().skipLocked() : due
  const query = queries
    .with(
      (name) => name('taken').materialized(),
      () => taken,
    )
    .updateTable('deliveries')
    .set({ leased_until: until })
    .where('id', 'in', (eb) => eb.selectFrom('taken').select('taken.id'))
    .returningAll()
  const [rows = []] = await executor.transaction([statement(query)])
  return (rows as Selectable<Database['deliveries']>[])
    .toSorted((a, b) => (a.due_at ?? 0) - (b.due_at ?? 0) || a.position - b.position)
    .map((row) => ({ ...deliveryOf(row), leasedUntil: until }))
}
