import { replayDelivery } from '../../api/admin/deliveries.ts'
import { RegistryError } from '../../registry/errors.ts'
import { planReplayDeliveries } from '../../registry/manage-webhooks.ts'
import { handler } from '../handler.ts'
import { readDelivery, readWebhook } from './read-webhook.ts'
import { deliveryJson } from './webhook-json.ts'

export const replayDeliveryHandler = handler(replayDelivery, async (input, { parts, target: { account }, manage }) => {
  const delivery = await readDelivery(parts.store, account, input.delivery)
  const webhook = await readWebhook(parts.store, account, delivery.webhook)
  const { replayed, changes } = planReplayDeliveries(manage, webhook, [delivery])
  if (replayed.length === 0) {
    throw new RegistryError('conflict', `Delivery ${delivery.id} is pending: it is on its way already`)
  }
  await parts.store.commit(changes)
  return deliveryJson(await readDelivery(parts.store, account, delivery.id))
})
