import type { FailureLedger } from '../../registry/ports.ts'
import { statement } from './executor.ts'
import type { Source } from './reads/source.ts'

/** Failed log-ins of late. Rows outlive their window only until the next failure of anybody. */
export function failureLedger({ executor, queries }: Source): FailureLedger {
  const within = (key: string, now: number, windowMs: number) =>
    queries
      .selectFrom('failures')
      .select((eb) => eb.cast<number>(eb.fn.coalesce(eb.fn.sum('count'), eb.lit(0)), 'bigint').as('failures'))
      .where('key', '=', key)
      .where('at', '>', now - windowMs)
  return {
    async recordFailure(key, now, windowMs) {
      const statements = [
        statement(queries.deleteFrom('failures').where('expires_at', '<=', now)),
        statement(
          queries
            .insertInto('failures')
            .values({ key, at: now, count: 1, expires_at: now + windowMs })
            .onConflict((it) =>
              it.columns(['key', 'at']).doUpdateSet((eb) => ({ count: eb('failures.count', '+', 1) })),
            ),
        ),
        statement(within(key, now, windowMs)),
      ]
      // Whoever fails on purpose must not keep everybody waiting for the disk; a count that is lost begins anew.
      const [, , counted] = await executor.transaction(statements, { isReplaceable: true })
      return Number(counted?.[0]?.['failures'])
    },
    async countFailures(key, now, windowMs) {
      const [row] = await executor.all(within(key, now, windowMs).compile())
      return row?.failures ?? 0
    },
    async clearFailures(key) {
      await executor.transaction([statement(queries.deleteFrom('failures').where('key', '=', key))])
    },
  }
}
