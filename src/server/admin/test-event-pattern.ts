import { testEventPattern } from '../../api/admin/events.ts'
import { RegistryError } from '../../registry/errors.ts'
import { handler } from '../handler.ts'
import { readEventData } from './describe-event.ts'
import { parsePatternText } from './sealed-webhook.ts'

export const testEventPatternHandler = handler(testEventPattern, async (input, { parts, target: { account } }) => {
  const { event, data } = input
  if ((event === undefined) === (data === undefined)) {
    throw new RegistryError('invalid', 'Give either an event or its data')
  }
  const pattern = parsePatternText(parts, input.pattern)
  const seen = event === undefined ? data : await readEventData(parts, account, event)
  return { matches: pattern === null || parts.webhooks.matches(pattern, seen) }
})
