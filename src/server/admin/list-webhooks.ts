import { listWebhooks } from '../../api/admin/webhooks.ts'
import { handler } from '../handler.ts'
import { webhookJson } from './webhook-json.ts'

export const listWebhooksHandler = handler(listWebhooks, async (_input, { parts, target: { account } }) => ({
  webhooks: (await parts.store.listWebhooks(account)).map((webhook) => webhookJson(parts, webhook)),
}))
