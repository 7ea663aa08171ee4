import { updateWebhook } from '../../api/admin/webhooks.ts'
import { planUpdateWebhook } from '../../registry/manage-webhooks.ts'
import { handler } from '../handler.ts'
import { readWebhook } from './read-webhook.ts'
import { parsePatternText, sealHeaders, sealUrl } from './sealed-webhook.ts'
import { webhookJson } from './webhook-json.ts'

export const updateWebhookHandler = handler(updateWebhook, async (input, { parts, target: { account }, manage }) => {
  const { url, headers, pattern, description } = input
  const present = await readWebhook(parts.store, account, input.webhook)
  const { webhook, changes } = planUpdateWebhook(manage, present, {
    ...(url !== undefined && { address: await sealUrl(parts, present.id, url) }),
    ...(headers !== undefined && { headers: sealHeaders(parts, present.id, headers) }),
    ...(pattern !== undefined && { pattern: parsePatternText(parts, pattern) }),
    ...(description !== undefined && { description: description || null }),
  })
  await parts.store.commit(changes)
  return webhookJson(parts, webhook)
})
