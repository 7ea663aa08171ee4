import { describeWebhook } from '../../api/admin/webhooks.ts'
import { handler } from '../handler.ts'
import { readWebhook } from './read-webhook.ts'
import { webhookJson } from './webhook-json.ts'

export const describeWebhookHandler = handler(describeWebhook, async (input, { parts, target: { account } }) =>
  webhookJson(parts, await readWebhook(parts.store, account, input.webhook)),
)
