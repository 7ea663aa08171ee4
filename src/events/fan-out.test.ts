import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { announce, webhook } from '../../test/conformance/metadata-store-things.ts'
import { RegistryError } from '../registry/errors.ts'
import { PACKAGE_VERSION_EVENT, type EventDraft } from '../registry/events.ts'
import type { AccountId } from '../registry/names.ts'
import type { Webhook } from '../registry/webhooks.ts'
import { openSqlite, type SqliteStore } from '../storage/sql/sqlite.ts'
import { createFanOut, type FanningOut } from './fan-out.ts'
import { LOOP_EVENT, LOOP_REASON } from './loop-guard.ts'

const OPERATOR = '000000000000' as AccountId
const OWNER = '111122223333' as AccountId
const ADMINISTRATOR = '444455556666' as AccountId
const START = 1_900_000_000_000
const MINUTE = 60_000

let store: SqliteStore
let now: number
let lags: number[]
let unreadable: string[]

beforeEach(async () => {
  store = await openSqlite(':memory:')
  now = START
  lags = []
  unreadable = []
  for (const id of [OPERATOR, OWNER, ADMINISTRATOR])
    await store.commit([{ change: 'create-account', account: { id, createdAt: 1 } }])
})
afterEach(() => store[Symbol.asyncDispose]())

const fanOutWith = (over: Partial<FanningOut> = {}) =>
  createFanOut({
    store,
    clock: { now: () => now },
    region: 'us-east-1',
    operatorAccount: OPERATOR,
    onFannedOut: (lag) => lags.push(lag),
    onUnreadable: ({ id }) => unreadable.push(id),
    ...over,
  })

const make = (id: string, more: Partial<Webhook> = {}) => store.commit([webhook(id, { account: OWNER, ...more })])

const SUBJECT = 'package/team/main/npm/hello'
const published = (id: string, more: Partial<EventDraft> = {}, detail: Readonly<Record<string, unknown>> = {}) =>
  announce(id, {
    type: PACKAGE_VERSION_EVENT,
    time: now,
    account: OWNER,
    subject: SUBJECT,
    detail: {
      domainName: 'team',
      domainOwner: OWNER,
      repositoryName: 'main',
      repositoryAdministrator: OWNER,
      packageFormat: 'npm',
      packageNamespace: null,
      packageName: 'hello',
      packageVersion: id,
      packageVersionOrigin: 'INTERNAL',
      operationType: 'Created',
      ...detail,
    },
    ...more,
  })

/** `event>webhook` of all deliveries, and how each begins. */
async function deliveries(): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const account of [OPERATOR, OWNER, ADMINISTRATOR]) {
    const { items } = await store.listDeliveries({ account, limit: 1_000 })
    for (const { event, webhook: to, state, reason } of items) found[`${event}>${to}`] = reason ?? state
  }
  return found
}

describe('who hears of an event', () => {
  beforeEach(async () => {
    await make('wh_owner')
    await make('wh_administrator', { account: ADMINISTRATOR })
    await make('wh_operator', { account: OPERATOR })
    await make('wh_off', { disabled: { at: 1, reason: '' } })
  })

  it.each([
    ['in an account', () => announce('e', { account: OWNER, time: now }), ['wh_owner']],
    ['of the installation', () => announce('e', { account: null, time: now }), ['wh_operator']],
    ['of a package', () => published('e'), ['wh_owner']],
    [
      'of a package in a repository that another account administers',
      () => published('e', {}, { repositoryAdministrator: ADMINISTRATOR }),
      ['wh_administrator', 'wh_owner'],
    ],
  ])('%s', async (_what, event, webhooks) => {
    await store.commit([event()])
    now += 250
    expect(await fanOutWith()()).toEqual({ isMorePending: false, isAnybodyListening: true })
    expect(await deliveries()).toEqual(Object.fromEntries(webhooks.map((id) => [`e>${id}`, 'pending'])))
    expect(lags).toEqual([0.25])
    expect(await store.listPendingEvents(10)).toEqual([])
  })

  it('sees the account that it is sent to in a pattern', async () => {
    for (const account of [OWNER, ADMINISTRATOR])
      await make(`wh_own_${account}`, { account, pattern: JSON.stringify({ account: [account] }) })
    await store.commit([published('e', {}, { repositoryAdministrator: ADMINISTRATOR })])
    await fanOutWith()()
    expect(Object.keys(await deliveries()).filter((key) => key.includes('own_'))).toHaveLength(2)
  })
})

it('makes deliveries of what matches only, and says so of a pattern that nobody can read', async () => {
  await make('wh_match', { pattern: '{"detail":{"packageName":["hello"]}}' })
  await make('wh_other', { pattern: '{"detail":{"packageName":["other"]}}' })
  await make('wh_broken', { pattern: '{"detail":' })
  await store.commit([published('e1'), published('e2')])
  await fanOutWith()()
  expect(Object.keys(await deliveries()).toSorted()).toEqual(['e1>wh_match', 'e2>wh_match'])
  expect(unreadable).toEqual(['wh_broken'])
})

it('takes up a hundred at a time, and says whether more may wait', async () => {
  await make('wh_all')
  await store.commit(Array.from({ length: 150 }, (_, each) => announce(`e${each}`, { time: now })))
  const fanOut = fanOutWith()
  const more = [await fanOut(), await fanOut(), await fanOut()].map(({ isMorePending }) => isMorePending)
  expect(more).toEqual([true, false, false])
  expect(Object.keys(await deliveries())).toHaveLength(150)
})

it('leaves out what another process was quicker with, and makes the rest', async () => {
  await make('wh_all')
  await store.commit([announce('e1', { time: now }), announce('e2', { time: now })])
  const late: FanningOut['store'] = {
    ...store,
    async listPendingEvents(limit) {
      const pending = await store.listPendingEvents(limit)
      const deliveriesOfOther = [{ id: 'by-another', webhook: 'wh_all' }]
      await store.commit([{ change: 'fan-out-event', event: 'e1', deliveries: deliveriesOfOther, at: now }])
      return pending
    },
  }
  await fanOutWith({ store: late })()
  expect(Object.keys(await deliveries()).toSorted()).toEqual(['e1>wh_all', 'e2>wh_all'])
  expect(await store.findDelivery('by-another')).toMatchObject({ event: 'e1' })
})

it('writes about a hundred rows at a time', async () => {
  for (let each = 0; each < 30; each++) await make(`wh_${each}`)
  await store.commit(Array.from({ length: 20 }, (_, each) => announce(`e${each}`, { account: OWNER, time: now })))
  const rows: number[] = []
  const counted: FanningOut['store'] = {
    ...store,
    async commit(changes) {
      rows.push(changes.reduce((sum, change) => sum + ('deliveries' in change ? 1 + change.deliveries.length : 1), 0))
      await store.commit(changes)
    },
  }
  await fanOutWith({ store: counted })()
  expect(rows).toEqual([124, 124, 124, 124, 124])
  expect(Object.keys(await deliveries())).toHaveLength(600)
})

it('asks a store that is busy twice, and not for every event', async () => {
  await make('wh_all')
  await store.commit(Array.from({ length: 20 }, (_, each) => announce(`e${each}`, { time: now })))
  let asked = 0
  const busy: FanningOut['store'] = {
    ...store,
    async commit() {
      asked += 1
      throw new RegistryError('busy', 'The database is too busy')
    },
  }
  await expect(fanOutWith({ store: busy })()).rejects.toMatchObject({ code: 'busy' })
  expect(asked).toBe(2)
  expect(lags).toEqual([])
})

describe('a loop', () => {
  let count = 0
  const publishTimes = async (times: number, detail: Readonly<Record<string, unknown>> = {}) => {
    const events = Array.from({ length: times }, () => published(`p${++count}`, {}, detail))
    await store.commit(events)
    const fanOut = fanOutWith()
    while ((await fanOut()).isMorePending);
  }
  const suspected = async () =>
    (await store.listEvents({ limit: 1_000 })).items.filter(({ type }) => type === LOOP_EVENT)
  const states = async (to: string) =>
    Object.entries(await deliveries())
      .filter(([key]) => key.endsWith(`>${to}`))
      .map(([, state]) => state)

  beforeEach(async () => {
    count = 0
    await make('wh_all', { pattern: '{"source":["aws.codeartifact"]}' })
  })

  it('is a hundred publishes of a package within ten minutes, and what comes then is dead', async () => {
    await publishTimes(100)
    expect(await states('wh_all')).toEqual(Array.from({ length: 100 }, () => 'pending'))
    await publishTimes(3)
    expect(await deliveries()).toMatchObject({ 'p101>wh_all': LOOP_REASON, 'p103>wh_all': LOOP_REASON })
    expect(await suspected()).toMatchObject([
      { account: OWNER, actor: 'granary:system', detail: { webhook: 'wh_all', packageName: 'hello' } },
    ])
  })

  it('is over when the publishes are ten minutes ago', async () => {
    await publishTimes(101)
    now += 10 * MINUTE + 1
    await publishTimes(1)
    expect((await deliveries())['p102>wh_all']).toBe('pending')
  })

  it('is told of again when it begins anew', async () => {
    await publishTimes(102)
    now += 10 * MINUTE + 1
    await publishTimes(101)
    expect(await suspected()).toHaveLength(2)
  })

  it('is of the webhook that hears of them', async () => {
    await make('wh_one', { pattern: '{"detail":{"packageVersion":["p102"]}}' })
    await publishTimes(102)
    expect(await deliveries()).toMatchObject({ 'p102>wh_all': LOOP_REASON, 'p102>wh_one': 'pending' })
  })

  it.each([
    ['what is fetched from upstream', { packageVersionOrigin: 'EXTERNAL' }],
    ['what is deleted', { operationType: 'Deleted' }],
  ])('is not %s', async (_what, detail) => {
    await publishTimes(150, detail)
    await publishTimes(1)
    expect(new Set(await states('wh_all'))).toEqual(new Set(['pending']))
  })

  it('is found between deletions, too', async () => {
    for (let round = 0; round < 101; round++) {
      await publishTimes(1)
      await publishTimes(1, { operationType: 'Deleted' })
    }
    expect((await deliveries())['p201>wh_all']).toBe(LOOP_REASON)
    expect((await deliveries())['p202>wh_all']).toBe('pending')
  })

  it('costs two look-ups of the past for each event, however many webhooks hear of it', async () => {
    for (let each = 0; each < 20; each++) await make(`wh_more_${each}`)
    await publishTimes(100)
    const before: number[] = []
    const counted: FanningOut['store'] = {
      ...store,
      listEventsOfSubject(of) {
        if (of.before !== undefined) before.push(of.limit)
        return store.listEventsOfSubject(of)
      },
    }
    await store.commit([published('p101'), published('p102')])
    await fanOutWith({ store: counted })()
    const { items } = await store.listDeliveries({ account: OWNER, event: 'p102', limit: 100 })
    expect(items.map(({ reason }) => reason)).toEqual(Array.from({ length: 21 }, () => LOOP_REASON))
    expect(before).toEqual([100, 1_000, 100, 1_000])
  })

  it('is not a hundred packages', async () => {
    await store.commit(
      Array.from({ length: 120 }, (_, each) => published(`q${each}`, { subject: `${SUBJECT}${each}` })),
    )
    const fanOut = fanOutWith()
    while ((await fanOut()).isMorePending);
    expect(new Set(await states('wh_all'))).toEqual(new Set(['pending']))
  })
})
