import { createWebhook } from '../../api/admin/webhooks.ts'
import { planCreateWebhook, webhookId } from '../../registry/manage-webhooks.ts'
import { handler } from '../handler.ts'
import { mintWebhookSecret, parsePatternText, sealHeaders, sealUrl } from './sealed-webhook.ts'
import { webhookJson } from './webhook-json.ts'

export const createWebhookHandler = handler(createWebhook, async (input, { parts, target: { account }, manage }) => {
  const id = webhookId(manage.id())
  const { shown, secret } = mintWebhookSecret(parts, manage)
  const what = {
    id,
    account,
    ...(await sealUrl(parts, id, input.url)),
    headers: sealHeaders(parts, id, input.headers ?? {}),
    pattern: parsePatternText(parts, input.pattern ?? ''),
    description: input.description || null,
    secret,
  }
  const there = await parts.store.listWebhooks(account)
  const { webhook, changes } = planCreateWebhook(manage, what, there.length)
  await parts.store.commit(changes)
  return { ...webhookJson(parts, webhook), secret: shown }
})
