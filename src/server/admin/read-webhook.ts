import { RegistryError } from '../../registry/errors.ts'
import type { AccountId } from '../../registry/names.ts'
import type { WebhookReads } from '../../registry/ports.ts'
import type { Delivery, Webhook } from '../../registry/webhooks.ts'

type Reads = Pick<WebhookReads, 'findWebhook' | 'findDelivery'>

/** Throws `not_found` also for another account's: its ids are nobody else's business. */
export async function readWebhook(store: Reads, account: AccountId, id: string): Promise<Webhook> {
  const webhook = await store.findWebhook(id)
  if (webhook?.account === account) return webhook
  throw new RegistryError('not_found', `Webhook ${id} does not exist in account ${account}`, { resourceId: id })
}

/** As `readWebhook`. */
export async function readDelivery(store: Reads, account: AccountId, id: string): Promise<Delivery> {
  const delivery = await store.findDelivery(id)
  if (delivery?.account === account) return delivery
  throw new RegistryError('not_found', `Delivery ${id} does not exist in account ${account}`, { resourceId: id })
}
