import { deleteWebhook } from '../../api/admin/webhooks.ts'
import { planDeleteWebhook } from '../../registry/manage-webhooks.ts'
import { handler } from '../handler.ts'
import { readWebhook } from './read-webhook.ts'

export const deleteWebhookHandler = handler(deleteWebhook, async (input, { parts, target: { account }, manage }) => {
  const webhook = await readWebhook(parts.store, account, input.webhook)
  await parts.store.commit(planDeleteWebhook(manage, webhook))
  return {}
})
