import { setTimeout as delay } from 'node:timers/promises'
import { operations } from '../../src/api/index.ts'
import type { InputOf, OutputOf } from '../../src/api/operation.ts'
import type { Client } from '../../src/cli/client.ts'

export const ACCOUNT = '000000000000'

export type NewWebhook = OutputOf<typeof operations.createWebhook>
export type DeliveryRecord = OutputOf<typeof operations.describeDelivery>

type Wish = Omit<InputOf<typeof operations.createWebhook>, 'account' | 'pattern'> & { readonly pattern?: object }

/** Only what is published: a webhook itself, a user and the like are events, too. */
export const PUBLISHES = { source: ['aws.codeartifact'] }

/** What is done about webhooks in tests, by the API. */
export function webhooked({ call }: Client) {
  return {
    create: ({ pattern = PUBLISHES, ...wish }: Wish): Promise<NewWebhook> =>
      call(operations.createWebhook, { account: ACCOUNT, ...wish, pattern: JSON.stringify(pattern) }),
    describe: (webhook: string) => call(operations.describeWebhook, { account: ACCOUNT, webhook }),
    replay: (delivery: string) => call(operations.replayDelivery, { account: ACCOUNT, delivery }),
    /** All of one webhook, oldest first, each with its attempts. */
    async deliveries(webhook: string): Promise<readonly DeliveryRecord[]> {
      const all: DeliveryRecord[] = []
      for (let after: string | undefined; ;) {
        const page = await call(operations.listDeliveries, { account: ACCOUNT, webhook, limit: 1000, after })
        for (const { id } of page.deliveries)
          all.push(await call(operations.describeDelivery, { account: ACCOUNT, delivery: id }))
        if (page.next === null) return all.toReversed()
        after = page.next
      }
    },
    /** How many of one webhook are in a state, up to a thousand. */
    async count(webhook: string, state: DeliveryRecord['state']): Promise<number> {
      return (await call(operations.listDeliveries, { account: ACCOUNT, webhook, state, limit: 1000 })).deliveries
        .length
    },
    /** Until the webhook's only delivery is as wanted; throws after ten seconds, or `ms`. */
    async delivery(
      webhook: string,
      isWanted: (delivery: DeliveryRecord) => boolean,
      ms = 10_000,
    ): Promise<DeliveryRecord> {
      const end = performance.now() + ms
      for (;;) {
        const all = await this.deliveries(webhook)
        const [only] = all
        if (all.length === 1 && only && isWanted(only)) return only
        if (performance.now() > end) throw new Error(`after ${ms} ms: ${JSON.stringify(all)}`)
        await delay(50)
      }
    },
  }
}
