import { disableWebhook } from '../../api/admin/webhooks.ts'
import { actorOf } from '../../registry/events.ts'
import { planDisableWebhook } from '../../registry/manage-webhooks.ts'
import { handler } from '../handler.ts'
import { readWebhook } from './read-webhook.ts'
import { webhookJson } from './webhook-json.ts'

export const disableWebhookHandler = handler(disableWebhook, async (input, { parts, target: { account }, manage }) => {
  const webhook = await readWebhook(parts.store, account, input.webhook)
  const reason = input.reason || `disabled by ${actorOf(manage.caller)}`
  await parts.store.commit(planDisableWebhook(manage, webhook, reason))
  return webhookJson(parts, await readWebhook(parts.store, account, webhook.id))
})
