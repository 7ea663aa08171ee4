import { listDeliveries } from '../../api/admin/deliveries.ts'
import { handler } from '../handler.ts'
import { deliveryJson } from './webhook-json.ts'

const DEFAULT_PAGE = 100

export const listDeliveriesHandler = handler(listDeliveries, async (input, { parts, target: { account } }) => {
  const { webhook, event, state, since, after } = input
  const { items, next } = await parts.store.listDeliveries({
    account,
    limit: input.limit ?? DEFAULT_PAGE,
    ...(webhook !== undefined && { webhook }),
    ...(event !== undefined && { event }),
    ...(state !== undefined && { state }),
    ...(since !== undefined && { since: Date.parse(since) }),
    ...(after !== undefined && { after }),
  })
  return { deliveries: items.map(deliveryJson), next }
})
