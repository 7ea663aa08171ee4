import { describe, expect, it } from 'vitest'
import type { Change } from '../../src/registry/changes.ts'
import type { AccountId } from '../../src/registry/names.ts'
import type { WebhookSecret } from '../../src/registry/webhooks.ts'
import type { StoreUnderTest } from './metadata-store.ts'
import {
  ACCOUNT,
  account,
  announce,
  expectRefused,
  fanOut,
  ODD_NAMES,
  secretOf,
  webhook,
  webhookOf,
} from './metadata-store-things.ts'

const OTHER_ACCOUNT = '444455556666' as AccountId
const rotate = (id: string, secret: WebhookSecret, expireOthersAt: number): Change => ({
  change: 'rotate-webhook-secret',
  id,
  secret,
  expireOthersAt,
})
const disable = (id: string, at = 70, reason = "it's gone"): Change => ({ change: 'disable-webhook', id, at, reason })

export function webhooksSuite(under: StoreUnderTest): void {
  describe('webhooks', () => {
    it('come back as they were made, oldest first, of one account or of all', async () => {
      const { store } = under
      const full = webhookOf('wh_full', {
        account: OTHER_ACCOUNT,
        headers: 'sealed headers',
        pattern: '{"source":["granary"]}',
        description: ODD_NAMES.join(' '),
        createdAt: 61,
        disabled: { at: 65, reason: 'by hand' },
        failingSince: 63,
        secrets: [secretOf('new', { createdAt: 62 }), secretOf('old', { createdAt: 61, expiresAt: 99 })],
      })
      await store.commit([
        account(),
        account(OTHER_ACCOUNT),
        { change: 'create-webhook', webhook: full },
        webhook('wh_b', { createdAt: 62, secrets: [] }),
        webhook('wh_a'),
      ])
      const [a, b] = [webhookOf('wh_a'), webhookOf('wh_b', { createdAt: 62, secrets: [] })]
      expect(await store.findWebhook('wh_full')).toEqual(full)
      expect(await store.listWebhooks()).toEqual([a, full, b])
      expect(await store.listWebhooks(ACCOUNT)).toEqual([a, b])
      expect(await store.listWebhooks('000000000001' as AccountId)).toEqual([])
      expect(await store.findWebhook('wh_none')).toBeUndefined()
    })

    it.each<[string, string, Change]>([
      ['one that is there already', 'conflict', webhook('wh_1')],
      ['one of an account that is missing', 'not_found', webhook('wh_2', { account: OTHER_ACCOUNT })],
      ['one with a secret twice', 'conflict', webhook('wh_2', { secrets: [secretOf('s'), secretOf('s')] })],
      ['setting one that is missing', 'not_found', { change: 'set-webhook', id: 'wh_9', description: 'x' }],
      ['setting nothing of one that is missing', 'not_found', { change: 'set-webhook', id: 'wh_9' }],
      ['a new secret of one that is missing', 'not_found', rotate('wh_9', secretOf('s2'), 70)],
      ['a new secret that it has already', 'conflict', rotate('wh_1', secretOf('wh_1-secret'), 70)],
      ['disabling one that is missing', 'not_found', disable('wh_9')],
      ['disabling one that is disabled', 'conflict', disable('wh_off')],
      ['enabling one that is missing', 'not_found', { change: 'enable-webhook', id: 'wh_9' }],
      ['deleting one that is missing', 'not_found', { change: 'delete-webhook', id: 'wh_9' }],
    ])('refuse %s: %s', async (_, code, change) => {
      const { store } = under
      await store.commit([account(), webhook('wh_1'), webhook('wh_off', { disabled: { at: 1, reason: 'first' } })])
      const before = await store.listWebhooks()
      await expectRefused(store.commit([change]), code)
      expect(await store.listWebhooks()).toEqual(before)
    })

    it('are changed in what is given and in nothing else', async () => {
      const { store } = under
      const before = webhookOf('wh_1', { headers: 'h', pattern: '{}', description: 'd' })
      await store.commit([account(), { change: 'create-webhook', webhook: before }, webhook('wh_2')])
      await store.commit([{ change: 'set-webhook', id: 'wh_1' }])
      expect(await store.findWebhook('wh_1')).toEqual(before)
      await store.commit([{ change: 'set-webhook', id: 'wh_1', url: 'u', shownUrl: 's' }])
      expect(await store.findWebhook('wh_1')).toEqual({ ...before, url: 'u', shownUrl: 's' })
      await store.commit([{ change: 'set-webhook', id: 'wh_1', headers: null, pattern: null, description: null }])
      const cleared = { ...before, url: 'u', shownUrl: 's', headers: null, pattern: null, description: null }
      expect(await store.findWebhook('wh_1')).toEqual(cleared)
      expect(await store.findWebhook('wh_2')).toEqual(webhookOf('wh_2'))
    })

    it('get a new secret, and the others expire when they are told to or would anyway', async () => {
      const { store } = under
      const secrets = [
        secretOf('endless', { createdAt: 63 }),
        secretOf('longer', { createdAt: 62, expiresAt: 200 }),
        secretOf('sooner', { createdAt: 61, expiresAt: 90 }),
      ]
      await store.commit([account(), webhook('wh_1', { secrets }), webhook('wh_2')])
      await store.commit([rotate('wh_1', secretOf('new', { createdAt: 63 }), 100)])
      expect((await store.findWebhook('wh_1'))?.secrets).toEqual([
        secretOf('new', { createdAt: 63 }),
        secretOf('endless', { createdAt: 63, expiresAt: 100 }),
        secretOf('longer', { createdAt: 62, expiresAt: 100 }),
        secretOf('sooner', { createdAt: 61, expiresAt: 90 }),
      ])
      expect(await store.findWebhook('wh_2')).toEqual(webhookOf('wh_2'))
    })

    it('have one secret without end, however many replace it at once', async () => {
      const { store, again } = under
      const second = (await again?.()) ?? store
      await store.commit([account(), webhook('wh_1')])
      await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          (index % 2 ? store : second).commit([rotate('wh_1', secretOf(`s${index}`, { createdAt: 70 }), 100)]),
        ),
      )
      const secrets = (await store.findWebhook('wh_1'))?.secrets ?? []
      expect(secrets).toHaveLength(11)
      expect(secrets.map(({ expiresAt }) => expiresAt)).toEqual([null, ...Array.from({ length: 10 }, () => 100)])
      if (second !== store) await second[Symbol.asyncDispose]()
    })

    it('are disabled with a reason that their pending deliveries take, and enabled as if they had never failed', async () => {
      const { store } = under
      await store.commit([
        account(),
        webhook('wh_1', { failingSince: 66 }),
        webhook('wh_2'),
        announce('e1'),
        announce('e2'),
        fanOut('e1', ['wh_1', 'wh_2']),
        fanOut('e2', ['wh_1']),
      ])
      await store.leaseDeliveries({ webhook: 'wh_1', now: 60, until: 90, limit: 1 })
      await store.commit([
        {
          change: 'record-delivery-attempt',
          attempt: {
            delivery: 'e1>wh_1',
            at: 61,
            duration: 1,
            succeeded: true,
            status: 204,
            error: null,
            response: null,
          },
          outcome: { state: 'delivered' },
          leasedUntil: 90,
        },
      ])
      const delivered = await store.findDelivery('e1>wh_1')
      const leased = await store.leaseDeliveries({ webhook: 'wh_1', now: 60, until: 90, limit: 1 })
      expect(leased).toMatchObject([{ id: 'e2>wh_1' }])
      await store.commit([disable('wh_1')])
      expect(await store.findWebhook('wh_1')).toMatchObject({ disabled: { at: 70, reason: "it's gone" } })
      expect(await store.findDelivery('e2>wh_1')).toMatchObject({ state: 'dead', reason: "it's gone", dueAt: null })
      expect(await store.findDelivery('e1>wh_1')).toEqual(delivered)
      expect(await store.findDelivery('e1>wh_2')).toMatchObject({ state: 'pending', reason: null })
      await expectRefused(store.commit([disable('wh_1', 71, 'again')]), 'conflict')
      await store.commit([{ change: 'enable-webhook', id: 'wh_1' }])
      await store.commit([{ change: 'enable-webhook', id: 'wh_1' }])
      expect(await store.findWebhook('wh_1')).toEqual(webhookOf('wh_1'))
      expect(await store.findDelivery('e2>wh_1')).toMatchObject({ state: 'dead' })
    })

    it('take their secrets and deliveries with them', async () => {
      const { store } = under
      await store.commit([account(), webhook('wh_1'), webhook('wh_2'), announce('e1'), fanOut('e1', ['wh_1', 'wh_2'])])
      await store.commit([{ change: 'delete-webhook', id: 'wh_1' }, webhook('wh_1', { secrets: [] })])
      expect(await store.findWebhook('wh_1')).toEqual(webhookOf('wh_1', { secrets: [] }))
      expect(await store.findDelivery('e1>wh_1')).toBeUndefined()
      expect(await store.findDelivery('e1>wh_2')).toBeDefined()
      expect(await store.findEvent('e1')).toMatchObject({ state: 'done' })
    })
  })
}
