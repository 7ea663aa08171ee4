import { describe, expect, it } from 'vitest'
import type { Change } from '../../src/registry/changes.ts'
import type { AccountId } from '../../src/registry/names.ts'
import type { Delivery, DeliveryAttempt, DeliveryOutcome } from '../../src/registry/webhooks.ts'
import type { StoreUnderTest } from './metadata-store.ts'
import { ACCOUNT, account, announce, expectRefused, fanOut, webhook } from './metadata-store-things.ts'

const OTHER_ACCOUNT = '444455556666' as AccountId

/** As `fanOut` makes it of an event of `announce`. */
const deliveryOf = (event: string, to: string, more: Partial<Delivery> = {}): Delivery => ({
  id: `${event}>${to}`,
  webhook: to,
  account: ACCOUNT,
  event,
  eventType: 'Something Happened',
  createdAt: 60,
  state: 'pending',
  reason: null,
  attempts: 0,
  firstAttemptAt: null,
  dueAt: 60,
  ...more,
})
const create = (event: string, to: string, id = `${event}>${to}`): Change => ({
  change: 'create-delivery',
  id,
  webhook: to,
  event,
  at: 60,
})
const attemptOf = (delivery: string, more: Partial<DeliveryAttempt> = {}) => ({
  delivery,
  at: 70,
  duration: 12,
  succeeded: false,
  status: 500,
  error: 'The receiver answered 500',
  response: 'Oops',
  ...more,
})
const record = (
  delivery: string,
  outcome: DeliveryOutcome,
  leasedUntil: number,
  more: Partial<DeliveryAttempt> = {},
): Change => ({ change: 'record-delivery-attempt', attempt: attemptOf(delivery, more), outcome, leasedUntil })
const replay = (id: string, at = 200): Change => ({ change: 'replay-delivery', id, at })

const DELIVERED = { state: 'delivered' } as const
const SUCCESS = { succeeded: true, status: 204, error: null, response: '' } as const
/** One webhook and one event that waits for it. */
const ONE: readonly Change[] = [account(), webhook('wh_1'), announce('e1')]

export function deliveriesSuite(under: StoreUnderTest): void {
  const lease = (now: number, until: number, { limit = 10, of = 'wh_1' } = {}) =>
    under.store.leaseDeliveries({ webhook: of, now, until, limit })
  const idsOf = (deliveries: readonly Delivery[]) => deliveries.map(({ id }) => id)

  fanOutSuite(under)

  describe('the queue of deliveries', () => {
    it('leases what is due, longest first, then as it happened', async () => {
      const { store } = under
      await store.commit([...ONE, announce('e2'), announce('e3'), announce('e4')])
      await store.commit([
        fanOut('e3', ['wh_1'], 50),
        fanOut('e4', ['wh_1'], 61),
        fanOut('e2', ['wh_1'], 60),
        fanOut('e1', ['wh_1'], 60),
      ])
      expect(await store.listDueWebhooks(49)).toEqual([])
      expect(await store.listDueWebhooks(60)).toEqual(['wh_1'])
      expect(await lease(60, 90, { limit: 2 })).toEqual([
        { ...deliveryOf('e3', 'wh_1', { createdAt: 50, dueAt: 50 }), leasedUntil: 90 },
        { ...deliveryOf('e1', 'wh_1'), leasedUntil: 90 },
      ])
      expect(idsOf(await lease(60, 91))).toEqual(['e2>wh_1'])
      expect(idsOf(await lease(60, 92))).toEqual([])
      expect(await store.listDueWebhooks(60)).toEqual([])
      expect(idsOf(await lease(61, 92))).toEqual(['e4>wh_1'])
    })

    it('leases nothing that was dead from the beginning, until it is replayed', async () => {
      const { store } = under
      await store.commit(ONE)
      const deliveries = [{ id: 'e1>wh_1', webhook: 'wh_1', reason: 'a loop' }]
      await store.commit([{ change: 'fan-out-event', event: 'e1', deliveries, at: 60 }])
      const dead = { state: 'dead', reason: 'a loop', dueAt: null } as const
      expect(await store.findDelivery('e1>wh_1')).toEqual(deliveryOf('e1', 'wh_1', dead))
      expect(await store.listDueWebhooks(1_000)).toEqual([])
      expect(await lease(1_000, 1_100)).toEqual([])
      await store.commit([replay('e1>wh_1')])
      expect(idsOf(await lease(1_000, 1_100))).toEqual(['e1>wh_1'])
    })

    it('tells how much waits, and since when', async () => {
      const { store } = under
      expect(await store.deliveryBacklog()).toEqual({ pending: 0, dueSince: null })
      await store.commit([...ONE, webhook('wh_2'), announce('e2')])
      await store.commit([fanOut('e1', ['wh_1', 'wh_2'], 60), fanOut('e2', ['wh_1'], 61)])
      expect(await store.deliveryBacklog()).toEqual({ pending: 3, dueSince: 60 })
      await lease(60, 90)
      await store.commit([record('e1>wh_1', DELIVERED, 90, SUCCESS)])
      expect(await store.deliveryBacklog()).toEqual({ pending: 2, dueSince: 60 })
      await store.commit([{ change: 'disable-webhook', id: 'wh_2', at: 70, reason: '' }])
      expect(await store.deliveryBacklog()).toEqual({ pending: 1, dueSince: 61 })
    })

    it('keeps webhooks apart, and those that are disabled waiting', async () => {
      const { store } = under
      await store.commit([...ONE, webhook('wh_2'), webhook('wh_off', { disabled: { at: 1, reason: '' } })])
      await store.commit([fanOut('e1', ['wh_2', 'wh_1']), create('e1', 'wh_off')])
      expect(await store.listDueWebhooks(60)).toEqual(['wh_1', 'wh_2'])
      expect(await lease(60, 90, { of: 'wh_off' })).toEqual([])
      expect(await store.deliveryBacklog()).toEqual({ pending: 2, dueSince: 60 })
      expect(idsOf(await lease(60, 90, { of: 'wh_2' }))).toEqual(['e1>wh_2'])
      expect(await store.listDueWebhooks(60)).toEqual(['wh_1'])
      await store.commit([{ change: 'enable-webhook', id: 'wh_off' }])
      expect(await store.listDueWebhooks(60)).toEqual(['wh_1', 'wh_off'])
    })

    it('gives what was leased to another once the lease is over, and not before', async () => {
      await under.store.commit([...ONE, fanOut('e1', ['wh_1'])])
      await lease(60, 90)
      expect(await lease(89, 120)).toEqual([])
      expect(await under.store.listDueWebhooks(90)).toEqual(['wh_1'])
      expect(await lease(90, 120)).toMatchObject([{ id: 'e1>wh_1', attempts: 0, leasedUntil: 120 }])
      await expectRefused(under.store.commit([record('e1>wh_1', DELIVERED, 90, SUCCESS)]), 'conflict')
      expect(await under.store.listDeliveryAttempts('e1>wh_1')).toEqual([])
      await under.store.commit([record('e1>wh_1', DELIVERED, 120, SUCCESS)])
      expect(await under.store.findDelivery('e1>wh_1')).toMatchObject({ state: 'delivered', attempts: 1 })
    })

    it('never leases one delivery to two of many that ask at once', async () => {
      const { store, again } = under
      const second = (await again?.()) ?? store
      const events = Array.from({ length: 60 }, (_, index) => `e${index}`)
      await store.commit([account(), webhook('wh_1'), ...events.map((id) => announce(id))])
      await store.commit(events.map((id) => fanOut(id, ['wh_1'])))
      const leased = await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          (index % 2 ? store : second).leaseDeliveries({ webhook: 'wh_1', now: 60, until: 90 + index, limit: 7 }),
        ),
      )
      for (const deliveries of leased) expect(deliveries.length).toBeLessThanOrEqual(7)
      const taken = leased.flatMap(idsOf)
      expect(new Set(taken).size).toBe(taken.length)
      taken.push(...idsOf(await lease(60, 200, { limit: 100 })))
      expect(taken.toSorted()).toEqual(events.map((id) => `${id}>wh_1`).toSorted())
      if (second !== store) await second[Symbol.asyncDispose]()
    })
  })

  describe('an attempt', () => {
    const standing = () => under.store.findDelivery('e1>wh_1')
    const failingSince = async () => (await under.store.findWebhook('wh_1'))?.failingSince

    it('that failed leaves the delivery due again, its webhook failing since the first', async () => {
      const { store } = under
      await store.commit([...ONE, fanOut('e1', ['wh_1'])])
      await lease(60, 90)
      await store.commit([record('e1>wh_1', { state: 'pending', dueAt: 100 }, 90)])
      expect(await standing()).toEqual(
        deliveryOf('e1', 'wh_1', { attempts: 1, firstAttemptAt: 70, dueAt: 100, state: 'pending' }),
      )
      expect(await failingSince()).toBe(70)
      expect(await lease(99, 130)).toEqual([])
      expect(await lease(100, 130)).toHaveLength(1)
      await store.commit([record('e1>wh_1', { state: 'dead', reason: 'Tried twice' }, 130, { at: 101, status: null })])
      expect(await standing()).toEqual(
        deliveryOf('e1', 'wh_1', {
          attempts: 2,
          firstAttemptAt: 70,
          dueAt: null,
          state: 'dead',
          reason: 'Tried twice',
        }),
      )
      expect(await failingSince()).toBe(70)
      expect(await store.listDeliveryAttempts('e1>wh_1')).toEqual([
        { ...attemptOf('e1>wh_1'), number: 1 },
        { ...attemptOf('e1>wh_1', { at: 101, status: null }), number: 2 },
      ])
      expect(await lease(1_000, 2_000)).toEqual([])
    })

    it('that succeeded ends the delivery, and the failing of its webhook alone', async () => {
      const { store } = under
      await store.commit([account(), webhook('wh_1', { failingSince: 5 }), webhook('wh_2', { failingSince: 6 })])
      await store.commit([announce('e1'), fanOut('e1', ['wh_1', 'wh_2'])])
      await lease(60, 90)
      await store.commit([record('e1>wh_1', DELIVERED, 90, SUCCESS)])
      expect(await standing()).toEqual(
        deliveryOf('e1', 'wh_1', { attempts: 1, firstAttemptAt: 70, dueAt: null, state: 'delivered' }),
      )
      expect(await failingSince()).toBeNull()
      expect(await store.findWebhook('wh_2')).toMatchObject({ failingSince: 6 })
      expect(await store.listDeliveryAttempts('e1>wh_1')).toEqual([{ ...attemptOf('e1>wh_1', SUCCESS), number: 1 }])
      await expectRefused(store.commit([record('e1>wh_1', DELIVERED, 90, SUCCESS)]), 'conflict')
    })

    it('may come after the lease as long as nobody else has it', async () => {
      await under.store.commit([...ONE, fanOut('e1', ['wh_1'])])
      await lease(60, 90)
      await under.store.commit([record('e1>wh_1', DELIVERED, 90, { ...SUCCESS, at: 95 })])
      expect(await standing()).toMatchObject({ state: 'delivered', firstAttemptAt: 95 })
    })

    it('is refused where nobody has leased the delivery, it was replayed, its webhook disabled or deleted', async () => {
      const { store } = under
      await store.commit([...ONE, fanOut('e1', ['wh_1'])])
      const late = () => expectRefused(store.commit([record('e1>wh_1', DELIVERED, 90, SUCCESS)]), 'conflict')
      await late()
      await lease(60, 90)
      await store.commit([{ change: 'disable-webhook', id: 'wh_1', at: 65, reason: 'r' }])
      await late()
      await store.commit([replay('e1>wh_1', 66), { change: 'enable-webhook', id: 'wh_1' }])
      await late()
      await store.commit([{ change: 'delete-webhook', id: 'wh_1' }])
      await late()
      expect(await store.listDeliveryAttempts('e1>wh_1')).toEqual([])
    })

    it('is noted whatever the receiver says', async () => {
      await under.store.commit([...ONE, fanOut('e1', ['wh_1'])])
      await lease(60, 90)
      await under.store.commit([record('e1>wh_1', DELIVERED, 90, { response: 'a\0b', error: '\0' })])
      expect(await under.store.listDeliveryAttempts('e1>wh_1')).toMatchObject([
        { response: 'a\uFFFDb', error: '\uFFFD' },
      ])
    })
  })

  describe('replaying', () => {
    it.each<[string, DeliveryOutcome]>([
      ['dead', { state: 'dead', reason: 'r' }],
      ['delivered', DELIVERED],
    ])('makes a %s delivery due at once, its attempts counted anew and its past kept', async (_, outcome) => {
      const { store } = under
      await store.commit([...ONE, fanOut('e1', ['wh_1'])])
      await lease(60, 90)
      await store.commit([record('e1>wh_1', outcome, 90)])
      await store.commit([replay('e1>wh_1')])
      expect(await store.findDelivery('e1>wh_1')).toEqual(deliveryOf('e1', 'wh_1', { dueAt: 200 }))
      expect(await lease(199, 300)).toEqual([])
      expect(await lease(200, 300)).toHaveLength(1)
      await store.commit([record('e1>wh_1', DELIVERED, 300, { at: 201 })])
      expect(await store.findDelivery('e1>wh_1')).toMatchObject({ attempts: 1, firstAttemptAt: 201 })
      const attempts = await store.listDeliveryAttempts('e1>wh_1')
      expect(attempts.map(({ number, at }) => [number, at])).toEqual([
        [1, 70],
        [2, 201],
      ])
    })

    it('is refused where the delivery is pending or missing', async () => {
      await under.store.commit([...ONE, fanOut('e1', ['wh_1'])])
      await expectRefused(under.store.commit([replay('e1>wh_1')]), 'conflict')
      await expectRefused(under.store.commit([replay('e9>wh_1')]), 'not_found')
      expect(await under.store.findDelivery('e1>wh_1')).toEqual(deliveryOf('e1', 'wh_1'))
    })
  })

  listingSuite(under)

  describe('forgetting deliveries', () => {
    it('takes the oldest that ended before, with their attempts, and no pending one', async () => {
      const { store } = under
      const events = ['e1', 'e2', 'e3', 'e4']
      await store.commit([account(), webhook('wh_1'), ...events.map((id) => announce(id))])
      await store.commit(events.map((id, index) => fanOut(id, ['wh_1'], 60 + index)))
      await lease(62, 90)
      for (const id of ['e1', 'e2', 'e3']) await store.commit([record(`${id}>wh_1`, DELIVERED, 90)])
      await store.commit([replay('e1>wh_1')])
      const left = async () => idsOf((await store.listDeliveries({ account: ACCOUNT, limit: 10 })).items)
      expect(await store.forgetDeliveries(60, 10)).toBe(0)
      expect(await store.forgetDeliveries(1_000, 1)).toBe(1)
      expect(await left()).toEqual(['e4>wh_1', 'e3>wh_1', 'e1>wh_1'])
      expect(await store.listDeliveryAttempts('e2>wh_1')).toEqual([])
      expect(await store.forgetDeliveries(62, 10)).toBe(0)
      expect(await store.forgetDeliveries(63, 10)).toBe(1)
      expect(await left()).toEqual(['e4>wh_1', 'e1>wh_1'])
      expect(await store.listDeliveryAttempts('e1>wh_1')).toHaveLength(1)
    })
  })
}

function fanOutSuite(under: StoreUnderTest): void {
  describe('fanning an event out', () => {
    const pending = async () => (await under.store.listPendingEvents(10)).map(({ id }) => id)

    it('makes its deliveries and notes that it did', async () => {
      const { store } = under
      await store.commit([...ONE, webhook('wh_2'), announce('e2', { type: '__proto__' }), announce('e3')])
      expect(await pending()).toEqual(['e1', 'e2', 'e3'])
      expect((await store.listPendingEvents(2)).map(({ id }) => id)).toEqual(['e1', 'e2'])
      await store.commit([fanOut('e2', ['wh_1', 'wh_2']), fanOut('e1', [])])
      expect(await pending()).toEqual(['e3'])
      expect(await store.findEvent('e2')).toMatchObject({ id: 'e2', type: '__proto__', state: 'done' })
      expect(await store.findEvent('e9')).toBeUndefined()
      for (const to of ['wh_1', 'wh_2'])
        expect(await store.findDelivery(`e2>${to}`)).toEqual(deliveryOf('e2', to, { eventType: '__proto__' }))
      expect(await store.findDelivery('e9>wh_1')).toBeUndefined()
    })

    it('is refused the second time, and makes nothing', async () => {
      const { store } = under
      await store.commit([...ONE, webhook('wh_2'), fanOut('e1', ['wh_1'])])
      await expectRefused(store.commit([fanOut('e1', ['wh_2'])]), 'conflict')
      await expectRefused(store.commit([fanOut('e9', ['wh_2'])]), 'not_found')
      expect((await store.listDeliveries({ account: ACCOUNT, limit: 10 })).items).toHaveLength(1)
    })

    it('is done by one of many at once', async () => {
      const { store, again } = under
      const second = (await again?.()) ?? store
      await store.commit(ONE)
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, index) =>
          (index % 2 ? store : second).commit([
            { change: 'fan-out-event', event: 'e1', deliveries: [{ id: `d${index}`, webhook: 'wh_1' }], at: 60 },
          ]),
        ),
      )
      const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
      expect(refusals).toHaveLength(9)
      for (const refusal of refusals) expect(refusal).toMatchObject({ name: 'RegistryError', code: 'conflict' })
      expect((await store.listDeliveries({ account: ACCOUNT, limit: 10 })).items).toHaveLength(1)
      if (second !== store) await second[Symbol.asyncDispose]()
    })

    it('leaves out what is there, and webhooks that are gone or disabled', async () => {
      const { store } = under
      await store.commit([...ONE, webhook('wh_2'), webhook('wh_off', { disabled: { at: 1, reason: '' } })])
      await store.commit([create('e1', 'wh_1', 'earlier')])
      expect(await pending()).toEqual(['e1'])
      await store.commit([fanOut('e1', ['wh_1', 'wh_gone', 'wh_off', 'wh_2'])])
      const { items } = await store.listDeliveries({ account: ACCOUNT, limit: 10 })
      expect(items.map(({ id }) => id)).toEqual(['earlier', 'e1>wh_2'])
    })

    it('may be of an event that the same commit announces', async () => {
      const { store } = under
      await store.commit([account(), webhook('wh_1'), webhook('wh_2')])
      await store.commit([fanOut('test', []), create('test', 'wh_2'), announce('test')])
      expect(await pending()).toEqual([])
      expect((await store.listDeliveries({ account: ACCOUNT, limit: 10 })).items).toEqual([deliveryOf('test', 'wh_2')])
    })

    it.each<[string, string, Change]>([
      ['is there already', 'conflict', create('e1', 'wh_1', 'another')],
      ['has no event', 'not_found', create('e9', 'wh_1')],
      ['has no webhook', 'not_found', create('e1', 'wh_9')],
    ])('refuses a single delivery that %s: %s', async (_, code, change) => {
      await under.store.commit([...ONE, create('e1', 'wh_1')])
      await expectRefused(under.store.commit([change]), code)
      expect((await under.store.listDeliveries({ account: ACCOUNT, limit: 10 })).items).toEqual([
        deliveryOf('e1', 'wh_1'),
      ])
    })
  })
}

function listingSuite(under: StoreUnderTest): void {
  describe('listing deliveries', () => {
    type Filter = Omit<Parameters<StoreUnderTest['store']['listDeliveries']>[0], 'limit' | 'after'>
    const PLACED: readonly Change[] = [
      account(),
      account(OTHER_ACCOUNT),
      webhook('wh_1'),
      webhook('wh_2'),
      webhook('wh_other', { account: OTHER_ACCOUNT }),
      announce('e1'),
      announce('e2'),
      announce('e3'),
      fanOut('e1', ['wh_1', 'wh_2', 'wh_other'], 60),
      fanOut('e2', ['wh_1', 'wh_2'], 60),
      fanOut('e3', ['wh_2'], 61),
    ]

    it.each<[string, Filter, string[]]>([
      ['of an account', { account: ACCOUNT }, ['e3>wh_2', 'e2>wh_2', 'e2>wh_1', 'e1>wh_2', 'e1>wh_1']],
      ['of another account', { account: OTHER_ACCOUNT }, ['e1>wh_other']],
      ['to one webhook', { account: ACCOUNT, webhook: 'wh_1' }, ['e2>wh_1', 'e1>wh_1']],
      ['to one webhook of another account', { account: ACCOUNT, webhook: 'wh_other' }, []],
      ['of one event', { account: ACCOUNT, event: 'e1' }, ['e1>wh_2', 'e1>wh_1']],
      ['in one state', { account: ACCOUNT, state: 'dead' }, ['e2>wh_1', 'e1>wh_1']],
      ['that are pending', { account: ACCOUNT, state: 'pending' }, ['e3>wh_2', 'e2>wh_2', 'e1>wh_2']],
      ['since a moment', { account: ACCOUNT, since: 61 }, ['e3>wh_2']],
      ['by all of it', { account: ACCOUNT, webhook: 'wh_2', event: 'e2', state: 'pending', since: 60 }, ['e2>wh_2']],
    ])('gives those %s, newest first, in pages of any size', async (_, filter, ids) => {
      const { store } = under
      await store.commit(PLACED)
      await store.commit([{ change: 'disable-webhook', id: 'wh_1', at: 62, reason: 'r' }])
      for (const limit of [1, 2, 10]) {
        const found: string[] = []
        let after: string | null = null
        do {
          const page = await store.listDeliveries({ ...filter, limit, ...(after !== null && { after }) })
          expect(page.items.length).toBeLessThanOrEqual(limit)
          found.push(...page.items.map(({ id }) => id))
          after = page.next
        } while (after !== null)
        expect(found).toEqual(ids)
      }
    })

    it.each(['', '1', "1' OR 1/x", '-1/x', '1e3/x', '/x', '9999999999999999/x'])(
      'refuses a position that it did not give: %j',
      async (after) => {
        await expectRefused(under.store.listDeliveries({ account: ACCOUNT, limit: 3, after }), 'invalid')
      },
    )
  })
}
