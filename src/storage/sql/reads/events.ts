import { RegistryError } from '../../../registry/errors.ts'
import type { EventReads } from '../../../registry/ports.ts'
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
      return {
        items: page.map((row) => ({
          id: row.id,
          type: row.type,
          time: row.time,
          actor: row.actor,
          account: row.account,
          subject: row.subject,
          detail: JSON.parse(row.detail),
          sequence: row.sequence,
          state: row.state,
        })),
        next: rows.length > limit ? String(page.at(-1)?.position) : null,
      }
    },
  }
}

function parsePosition(after: string): number {
  if (!/^[0-9]{1,15}$/.test(after)) throw new RegistryError('invalid', 'The token for the next page was not made here')
  return Number(after)
}
