import { rotateWebhookSecret } from '../../api/admin/webhooks.ts'
import { planRotateWebhookSecret } from '../../registry/manage-webhooks.ts'
import { handler } from '../handler.ts'
import { readWebhook } from './read-webhook.ts'
import { mintWebhookSecret } from './sealed-webhook.ts'
import { webhookJson } from './webhook-json.ts'

export const rotateWebhookSecretHandler = handler(
  rotateWebhookSecret,
  async (input, { parts, target: { account }, manage }) => {
    const present = await readWebhook(parts.store, account, input.webhook)
    const { shown, secret } = mintWebhookSecret(parts, manage)
    const { webhook, changes } = planRotateWebhookSecret(manage, present, secret, input.overlap * 1000)
    await parts.store.commit(changes)
    return { ...webhookJson(parts, webhook), secret: shown }
  },
)
