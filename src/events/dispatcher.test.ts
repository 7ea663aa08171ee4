import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ACCOUNT, account, announce, secretOf, webhook } from '../../test/conformance/metadata-store-things.ts'
import { answerWith, idOf, startReceiver, type Receiver } from '../../test/support/receiver.ts'
import { createOutbound, type Outbound } from '../outbound/outbound.ts'
import { openSqlite, type SqliteStore } from '../storage/sql/sqlite.ts'
import { startDispatcher, type Dispatcher, type Dispatching } from './dispatcher.ts'

let store: SqliteStore
let outbound: Outbound
let receiver: Receiver
let dispatcher: Dispatcher | undefined
let errors: unknown[]
let outcomes: string[]

beforeEach(async () => {
  store = await openSqlite(':memory:')
  outbound = createOutbound({ allowPrivate: ['127.0.0.1'], userAgent: 'granary-test' })
  receiver = await startReceiver()
  errors = []
  outcomes = []
  await store.commit([
    account(),
    webhook('wh_1', { url: receiver.url, secrets: [secretOf('s', { secret: 'k'.repeat(32) })] }),
  ])
})
afterEach(async () => {
  await dispatcher?.stop(0)
  dispatcher = undefined
  await Promise.all([store, outbound, receiver].map((each) => each[Symbol.asyncDispose]()))
})

const start = (over: Partial<Dispatching> = {}): Dispatcher =>
  (dispatcher = startDispatcher({
    store,
    outbound,
    clock: { now: () => Date.now() },
    region: 'us-east-1',
    operatorAccount: ACCOUNT,
    open: (sealed) => Buffer.from(sealed),
    random: () => 0.5,
    onAttempt: ({ outcome }) => outcomes.push(outcome),
    onFannedOut: () => {},
    onDisabled: () => {},
    onUnreadable: () => {},
    onError: (error) => errors.push(error),
    ...over,
  }))

const happen = (...ids: readonly string[]) => store.commit(ids.map((id) => announce(id, { time: Date.now() })))

it('sends what was pending when it starts, and what others record while it runs', async () => {
  await happen('before')
  start()
  await receiver.until(({ length }) => length === 1)
  await happen('after')
  await receiver.until(({ length }) => length === 2, 1_000)
  expect(receiver.received.map(idOf)).toEqual(['before', 'after'])
})

it('sends at once when it is woken', async () => {
  start()
  await delay(100)
  for (const id of ['a', 'b', 'c']) {
    await happen(id)
    const begun = performance.now()
    dispatcher?.wake()
    await receiver.until((received) => received.some((each) => idOf(each) === id))
    expect(performance.now() - begun).toBeLessThan(300)
  }
})

it('tells once of a store that is away, waits longer each time, and goes on when it is back', async () => {
  let isAway = true
  let asked = 0
  start({
    store: {
      ...store,
      async listPendingEvents(limit) {
        asked += 1
        if (isAway) throw new Error('the database is away')
        return store.listPendingEvents(limit)
      },
    },
  })
  await happen('e')
  for (let times = 0; times < 100; times++) {
    dispatcher?.wake()
    await delay(10)
  }
  // Waking does not make it hammer a store that is away.
  expect(asked).toBeLessThanOrEqual(3)
  expect(errors).toEqual([new Error('the database is away')])
  isAway = false
  await receiver.until(({ length }) => length === 1, 8_000)
  expect(errors).toHaveLength(1)
})

it('sends once though the note of it fails at first', async () => {
  let failures = 2
  start({
    store: {
      ...store,
      async commit(changes) {
        if (changes[0]?.change === 'record-delivery-attempt' && failures-- > 0) throw new Error('the disk hiccups')
        return store.commit(changes)
      },
    },
  })
  await happen('e')
  const noted = async () => (await store.listDeliveries({ account: ACCOUNT, limit: 1 })).items[0]?.state
  const end = performance.now() + 5_000
  while ((await noted()) !== 'delivered' && performance.now() < end) await delay(20)
  expect(await noted()).toBe('delivered')
  expect(receiver.received).toHaveLength(1)
  expect([outcomes, errors]).toEqual([['delivered'], []])
})

it('does not note an attempt whose delivery is no longer its own', async () => {
  receiver.answer = async (received, response) => {
    await store.commit([{ change: 'disable-webhook', id: 'wh_1', at: 1, reason: 'by a person' }])
    answerWith(410)(received, response)
  }
  start()
  await happen('e')
  const end = performance.now() + 5_000
  while (outcomes.length === 0 && performance.now() < end) await delay(20)
  expect(outcomes).toEqual(['late'])
  const [delivery] = (await store.listDeliveries({ account: ACCOUNT, limit: 1 })).items
  expect(delivery).toMatchObject({ state: 'dead', reason: 'by a person', attempts: 0 })
  expect(errors).toEqual([])
})

it('sends what is due also while no deliveries can be made of events', async () => {
  await happen('due')
  await store.commit([{ change: 'fan-out-event', event: 'due', deliveries: [{ id: 'd', webhook: 'wh_1' }], at: 1 }])
  start({
    store: { ...store, listPendingEvents: () => Promise.reject(new Error('an event that cannot be read')) },
  })
  await receiver.until(({ length }) => length === 1, 2_000)
  expect(errors).toEqual([new Error('an event that cannot be read')])
})

it('writes once in a turn of the event loop, whatever the number of events and webhooks', async () => {
  await store.commit(
    Array.from({ length: 9 }, (_, each) =>
      webhook(`wh_more_${each}`, { url: receiver.url, secrets: [secretOf('s', { secret: 'k'.repeat(32) })] }),
    ),
  )
  await happen(...Array.from({ length: 20 }, (_, each) => `e${each}`))
  const writes: number[] = []
  let [turn, isOver] = [0, false]
  const counting = (async () => {
    for (; !isOver; turn++) await nextTurn()
  })()
  start({
    store: {
      ...store,
      commit: (changes) => (writes.push(turn), store.commit(changes)),
      leaseDeliveries: (of) => (writes.push(turn), store.leaseDeliveries(of)),
    },
  })
  await receiver.until(({ length }) => length === 200)
  isOver = true
  await counting
  // 200 deliveries in commits of a hundred, leases, and nearly all that came of the attempts.
  expect(writes.length).toBeGreaterThan(200)
  expect(new Set(writes).size).toBe(writes.length)
})

it('does not write for every event where nobody listens', async () => {
  await store.commit([{ change: 'delete-webhook', id: 'wh_1' }])
  let commits = 0
  start({ store: { ...store, commit: (changes) => ((commits += 1), store.commit(changes)) } })
  await delay(600)
  for (let each = 0; each < 25; each++) {
    await happen(`e${each}`)
    dispatcher?.wake()
    await delay(20)
  }
  await expect.poll(() => store.listPendingEvents(1), { timeout: 2_000 }).toEqual([])
  expect(commits).toBeLessThanOrEqual(3)
})

it('waits, when it stops, for what it is leasing', async () => {
  let isLeasing = false
  let isOpen = true
  const leasedAfter: string[] = []
  start({
    store: {
      ...store,
      async leaseDeliveries(of) {
        isLeasing = receiver.received.length > 0
        if (isLeasing) await delay(150)
        if (!isOpen) leasedAfter.push(of.webhook)
        return store.leaseDeliveries(of)
      },
    },
  })
  await happen(...Array.from({ length: 8 }, (_, each) => `e${each}`))
  while (!isLeasing) await delay(5)
  await dispatcher?.stop(1_000)
  isOpen = false
  await delay(300)
  expect(leasedAfter).toEqual([])
})

it('does not disable, in its first hour, a webhook that failed days ago: nothing was sent in between', async () => {
  const DAYS_AGO = Date.now() - 100 * 3_600_000
  await store.commit([
    { change: 'delete-webhook', id: 'wh_1' },
    webhook('wh_2', {
      url: receiver.url,
      failingSince: DAYS_AGO,
      secrets: [secretOf('s', { secret: 'k'.repeat(32) })],
    }),
  ])
  receiver.answer = answerWith(503)
  let passed = 0
  start({ clock: { now: () => Date.now() + passed } })
  await happen('first')
  await expect.poll(() => outcomes, { timeout: 5_000 }).toEqual(['retried'])
  expect(await store.findWebhook('wh_2')).toMatchObject({ disabled: null })
  passed = 3_600_000
  await happen('second')
  const disabled = async () => (await store.findWebhook('wh_2'))?.disabled?.reason
  await expect.poll(disabled, { timeout: 5_000 }).toBe('nothing could be delivered to it for 72 hours')
})

it('takes up nothing new once it stops, and keeps nobody waiting', async () => {
  receiver.answer = () => {}
  start()
  await happen('hangs')
  await receiver.until(({ length }) => length === 1)
  const begun = performance.now()
  const stopping = dispatcher?.stop(200)
  await happen('later')
  dispatcher?.wake()
  await stopping
  expect(performance.now() - begun).toBeLessThan(1_000)
  expect(receiver.received).toHaveLength(1)
  expect((await store.listPendingEvents(10)).map(({ id }) => id)).toEqual(['later'])
  expect(errors).toEqual([])
})

it('gives a webhook that fails one slot, and the others back after a success', async () => {
  let [now, most] = [0, 0]
  receiver.answer = (received, response) => {
    now += 1
    most = Math.max(most, now)
    setTimeout(() => {
      now -= 1
      answerWith(receiver.received.length <= 8 ? 500 : 204)(received, response)
    }, 20)
  }
  start()
  await happen('first')
  await receiver.until(({ length }) => length === 1)
  while ((await store.findWebhook('wh_1'))?.failingSince === null) await delay(5)
  most = 0
  await happen(...Array.from({ length: 30 }, (_, each) => `e${each}`))
  await receiver.until(({ length }) => length === 8)
  expect(most).toBe(1)
  await receiver.until(({ length }) => length >= 31)
  expect(most).toBe(4)
})
