import type { Insertable } from 'kysely'
import { statement } from '../executor.ts'
import type { Database } from '../schema.ts'
import { writtenOnce } from '../written-once.ts'
import type { Plans } from './plan.ts'

/** The subject under which all events are counted together. No event has it. */
const EVERYTHING = ''

const countEvent = writtenOnce((queries, { subject }: { readonly subject: string }) =>
  queries
    .insertInto('sequences')
    .values({ subject, last: 1 })
    .onConflict((it) => it.column('subject').doUpdateSet((eb) => ({ last: eb('sequences.last', '+', 1) }))),
)

type EventColumns = Omit<Insertable<Database['events']>, 'position' | 'sequence' | 'state' | 'leased_until'>

const insertEvent = writtenOnce((queries, { subject, ...columns }: EventColumns) => {
  const last = (of: string) => queries.selectFrom('sequences').select('last').where('subject', '=', of)
  return queries.insertInto('events').values({
    ...columns,
    subject,
    position: last(EVERYTHING),
    sequence: last(subject),
    state: 'pending',
    leased_until: null,
  })
})

export const eventChanges: Plans<'announce'> = {
  announce: {
    moves: 'none',
    statements: (queries, { event: { id, type, time, actor, account, subject, detail } }) => [
      // These rows stay locked until the commit, so numbers are given out in the order of commits, without gaps.
      statement(countEvent(queries, { subject: EVERYTHING })),
      statement(countEvent(queries, { subject })),
      statement(insertEvent(queries, { id, type, time, actor, account, subject, detail: JSON.stringify(detail) })),
    ],
  },
}
