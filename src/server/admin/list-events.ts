import { listEvents } from '../../api/admin/events.ts'
import { handler } from '../handler.ts'
import { timestamp } from './json-shapes.ts'

const DEFAULT_PAGE = 100

export const listEventsHandler = handler(listEvents, async (input, { parts, target: { account } }) => {
  const { items, next } = await parts.store.listEvents({
    account,
    limit: input.limit ?? DEFAULT_PAGE,
    ...(input.after !== undefined && { after: input.after }),
  })
  return {
    events: items.map(({ id, type, time, actor, account: of, subject, sequence, detail }) => ({
      id,
      type,
      time: timestamp(time),
      actor,
      account: of,
      subject,
      sequence,
      detail,
    })),
    next,
  }
})
