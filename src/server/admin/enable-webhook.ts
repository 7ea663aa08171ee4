import { enableWebhook } from '../../api/admin/webhooks.ts'
import { planEnableWebhook } from '../../registry/manage-webhooks.ts'
import { handler } from '../handler.ts'
import { readWebhook } from './read-webhook.ts'
import { webhookJson } from './webhook-json.ts'

export const enableWebhookHandler = handler(enableWebhook, async (input, { parts, target: { account }, manage }) => {
  const webhook = await readWebhook(parts.store, account, input.webhook)
  await parts.store.commit(planEnableWebhook(manage, webhook))
  return webhookJson(parts, await readWebhook(parts.store, account, webhook.id))
})
