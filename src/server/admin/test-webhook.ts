import { testWebhook } from '../../api/admin/webhooks.ts'
import { RegistryError } from '../../registry/errors.ts'
import { planTestWebhook } from '../../registry/manage-webhooks.ts'
import { handler, type ManagementParts } from '../handler.ts'
import { readWebhook } from './read-webhook.ts'

const MAX_TESTS = 10
const WINDOW_MS = 60_000

export const testWebhookHandler = handler(testWebhook, async (input, { parts, target: { account }, manage }) => {
  const webhook = await readWebhook(parts.store, account, input.webhook)
  const { event, delivery, changes } = planTestWebhook(manage, webhook)
  await countTest(parts, webhook.id)
  await parts.store.commit(changes)
  return { event: event.id, delivery }
})

/** Counted where failed log-ins are: in the store, so that more processes do not mean more tests. Who is refused is not counted. */
async function countTest({ store, clock }: Pick<ManagementParts, 'store' | 'clock'>, webhook: string): Promise<void> {
  const key = `webhook-test/${webhook}`
  const now = clock.now()
  if (
    (await store.countFailures(key, now, WINDOW_MS)) < MAX_TESTS &&
    (await store.recordFailure(key, now, WINDOW_MS)) <= MAX_TESTS
  ) {
    return
  }
  const seconds = WINDOW_MS / 1000
  throw new RegistryError(
    'throttled',
    `Webhook ${webhook} was tested ${MAX_TESTS} times within ${seconds} s; try again in ${seconds} s`,
    { retryAfter: seconds },
  )
}
