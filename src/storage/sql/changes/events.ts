import { statement, type Statement } from '../executor.ts'
import type { Queries } from '../schema.ts'
import type { Plans } from './plan.ts'

/** The subject under which all events are counted together. No event has it. */
const EVERYTHING = ''

export const eventChanges: Plans<'announce'> = {
  announce: {
    moves: 'none',
    statements: (queries, { event }) => {
      const last = (subject: string) => queries.selectFrom('sequences').select('last').where('subject', '=', subject)
      return [
        count(queries, EVERYTHING),
        count(queries, event.subject),
        statement(
          queries.insertInto('events').values({
            position: last(EVERYTHING),
            id: event.id,
            type: event.type,
            time: event.time,
            actor: event.actor,
            account: event.account,
            subject: event.subject,
            sequence: last(event.subject),
            detail: JSON.stringify(event.detail),
            state: 'pending',
            leased_until: null,
          }),
        ),
      ]
    },
  },
}

// The row stays locked until the commit, so numbers are given out in the order of commits, without gaps.
const count = (queries: Queries, subject: string): Statement =>
  statement(
    queries
      .insertInto('sequences')
      .values({ subject, last: 1 })
      .onConflict((it) => it.column('subject').doUpdateSet((eb) => ({ last: eb('sequences.last', '+', 1) }))),
  )
