import type { Selectable } from 'kysely'
import { RegistryError } from '../../../registry/errors.ts'
import type { RecordedEvent } from '../../../registry/events.ts'
import type { EventReads } from '../../../registry/ports.ts'
import { PENDING } from '../changes/deliveries.ts'
import type { Database } from '../schema.ts'
import type { Source } from './source.ts'

export function eventReads({ executor, queries }: Source): EventReads {
  return {
    async listEvents({ account, limit, after }) {
      let query = queries
        .selectFrom('events')
        .selectAll()
        .orderBy('position')
        .limit(limit + 1)
      if (account !== undefined) query = query.where('account', '=', account)
      if (after !== undefined) query = query.where('position', '>', parsePosition(after))
      const rows = await executor.all(query.compile())
      const page = rows.slice(0, limit)
      return { items: page.map(eventOf), next: rows.length > limit ? String(page.at(-1)?.position) : null }
    },
    async findEvent(id) {
      const [row] = await executor.all(queries.selectFrom('events').selectAll().where('id', '=', id).compile())
      return row && eventOf(row)
    },
    async listPendingEvents(limit) {
      const rows = await executor.all(
        queries
          .selectFrom('events')
          .selectAll()
          .where('state', '=', PENDING)
          .orderBy('position')
          .limit(limit)
          .compile(),
      )
      return rows.map(eventOf)
    },
    async listEventsOfSubject({ subject, before, since, limit }) {
      let last = queries
        .selectFrom('events')
        .selectAll()
        .where('subject', '=', subject)
        .orderBy('sequence', 'desc')
        .limit(limit)
      if (before !== undefined) last = last.where('sequence', '<', before)
      // The time is asked of these alone: a look at the past of an old package must not walk through all of it.
      const recent = queries.selectFrom(last.as('last')).selectAll().where('time', '>=', since)
      const rows = await executor.all(recent.orderBy('sequence', 'desc').compile())
      return rows.map(eventOf)
    },
  }
}

const eventOf = (row: Selectable<Database['events']>): RecordedEvent => ({
  id: row.id,
  type: row.type,
  time: row.time,
  actor: row.actor,
  account: row.account,
  subject: row.subject,
  detail: JSON.parse(row.detail),
  sequence: row.sequence,
  state: row.state,
})

function parsePosition(after: string): number {
  if (!/^[0-9]{1,15}$/.test(after)) throw new RegistryError('invalid', 'The token for the next page was not made here')
  return Number(after)
}
