import { describeDelivery } from '../../api/admin/deliveries.ts'
import { handler } from '../handler.ts'
import { readDelivery } from './read-webhook.ts'
import { attemptJson, deliveryJson } from './webhook-json.ts'

export const describeDeliveryHandler = handler(describeDelivery, async (input, { parts, target: { account } }) => {
  const delivery = await readDelivery(parts.store, account, input.delivery)
  const attempts = await parts.store.listDeliveryAttempts(delivery.id)
  return { ...deliveryJson(delivery), history: attempts.map(attemptJson) }
})
