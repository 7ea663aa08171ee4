import { describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import type { GivenInput } from '../../src/api/operation.ts'
import { openClient, type Client } from '../../src/cli/client.ts'
import type { DeliveryOutcome } from '../../src/registry/webhooks.ts'
import { webhookSeal } from '../../src/registry/webhooks.ts'
import { startManagement, type ManagementServer, type TestKey } from '../support/management-server.ts'

// The API of webhooks and deliveries over HTTP, with real storage. What the sending does is played by the test: it leases and
// records attempts as the engine does.

const HOME = '000000000000'
const OTHER = '111122223333'
const CI = 'https://ci.example/hooks/build?token=t0psecret'

const as = (server: ManagementServer, key: TestKey): Client =>
  openClient({ url: server.url, region: 'us-east-1', credentials: { kind: 'access-key', sessionToken: null, ...key } })

const allow = (action: readonly string[], resource = '*') =>
  JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: action, Resource: resource } })

async function addUser(server: ManagementServer, account: string, user: string, document: string): Promise<Client> {
  const operator = as(server, server.key)
  await operator.call(operations.createUser, { account, user })
  await operator.call(operations.attachUserPolicy, { account, user, policy: 'own', document })
  return as(server, await operator.call(operations.createAccessKey, { account, user }))
}

/** Attempts everything that is due at the webhook, once. */
async function attemptAll(server: ManagementServer, webhook: string, outcome: DeliveryOutcome): Promise<number> {
  const now = Date.now()
  const until = now + 60_000
  const leased = await server.store.leaseDeliveries({ webhook, now, until, limit: 1000 })
  for (const delivery of leased) {
    const succeeded = outcome.state === 'delivered'
    await server.store.commit([
      {
        change: 'record-delivery-attempt',
        attempt: {
          delivery: delivery.id,
          at: now,
          duration: 12,
          succeeded,
          status: succeeded ? 204 : 500,
          error: succeeded ? null : 'the receiver answered 500',
          response: succeeded ? '' : 'Internal Server Error',
        },
        outcome,
        leasedUntil: delivery.leasedUntil,
      },
    ])
  }
  return leased.length
}

const DEAD: DeliveryOutcome = { state: 'dead', reason: 'the last of 10 attempts failed' }

/** `count` deliveries to the webhook, each of an event of its own. */
async function deliver(server: ManagementServer, webhook: string, count: number): Promise<readonly string[]> {
  const made: string[] = []
  for (let at = 0; at < count; at++) {
    const event = crypto.randomUUID()
    const id = crypto.randomUUID()
    made.push(id)
    await server.store.commit([
      {
        change: 'announce',
        event: {
          id: event,
          type: 'Something Happened',
          time: Date.now(),
          actor: 'granary:system',
          account: HOME as never,
          subject: 'installation',
          detail: { number: at },
        },
      },
      { change: 'create-delivery', id, webhook, event, at: Date.now() },
    ])
  }
  return made
}

const forbidden = expect.objectContaining({ exitCode: 3 })
const missing = expect.objectContaining({ exitCode: 4 })

describe('a webhook', () => {
  it('is made, shown, changed and deleted', async () => {
    await using server = await startManagement()
    const { call } = as(server, server.key)
    const pattern = '{ "detail": { "packageFormat": ["npm"] } }'
    const { secret, ...made } = await call(operations.createWebhook, {
      account: HOME,
      url: CI,
      pattern,
      description: 'Rebuild',
      headers: { Authorization: 'Bearer h1dden', 'X-Ref': 'main' },
    })
    expect(made).toEqual({
      id: expect.stringMatching(/^wh_[A-Za-z0-9]{22}$/),
      account: HOME,
      url: 'https://ci.example/hooks/build?token=***',
      headerNames: ['Authorization', 'X-Ref'],
      pattern,
      description: 'Rebuild',
      createdAt: expect.any(String),
      disabled: null,
      failingSince: null,
      secrets: [{ id: expect.any(String), createdAt: made.createdAt, expiresAt: null }],
    })
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    const at = { account: HOME, webhook: made.id }
    expect(await call(operations.describeWebhook, at)).toEqual(made)
    expect(await call(operations.listWebhooks, { account: HOME })).toEqual({ webhooks: [made] })

    const updated = await call(operations.updateWebhook, { ...at, pattern: '', description: '', headers: { A: 'b' } })
    expect(updated).toEqual({ ...made, pattern: null, description: null, headerNames: ['A'] })
    const moved = await call(operations.updateWebhook, { ...at, url: 'https://ci2.example/', headers: {} })
    expect(moved).toEqual({ ...updated, url: 'https://ci2.example/', headerNames: [] })
    expect(await call(operations.describeWebhook, at)).toEqual(moved)
    expect(await call(operations.updateWebhook, at)).toEqual(moved)

    expect(await call(operations.deleteWebhook, at)).toEqual({})
    for (const gone of [operations.describeWebhook, operations.deleteWebhook, operations.testWebhook])
      await expect(call(gone, at)).rejects.toEqual(missing)
    expect(await call(operations.listWebhooks, { account: HOME })).toEqual({ webhooks: [] })

    const { events } = await call(operations.listEvents, { limit: 1000 })
    expect(events.filter(({ type }) => type.startsWith('Webhook')).map(({ type, detail }) => [type, detail])).toEqual([
      ['Webhook Created', expect.objectContaining({ webhook: made.id, url: made.url })],
      ['Webhook Updated', expect.objectContaining({ changed: ['description', 'headers', 'pattern'] })],
      ['Webhook Updated', expect.objectContaining({ changed: ['headers', 'url'], url: 'https://ci2.example/' })],
      ['Webhook Deleted', expect.objectContaining({ webhook: made.id })],
    ])
  })

  it('is stored sealed, so that what sends can open it', async () => {
    await using server = await startManagement()
    const { call } = as(server, server.key)
    const headers = { Authorization: 'Bearer h1dden' }
    const { id, secret } = await call(operations.createWebhook, { account: HOME, url: CI, headers })
    const stored = await server.store.findWebhook(id)
    expect(JSON.stringify(stored)).not.toMatch(/t0psecret|h1dden|whsec_/)
    const [key] = stored?.secrets ?? []
    const open = (sealed: string | null | undefined, context: string) => server.sealer.open(sealed ?? '', context)
    expect(open(stored?.url, webhookSeal.url({ id })).toString()).toBe(CI)
    expect(JSON.parse(open(stored?.headers, webhookSeal.headers({ id })).toString())).toEqual(headers)
    const opened = open(key?.secret, webhookSeal.secret({ id: key?.id ?? '' }))
    expect(`whsec_${opened.toString('base64')}`).toBe(secret)
  })

  it('keeps its headers from another server', async () => {
    await using server = await startManagement()
    const { call } = as(server, server.key)
    const { id } = await call(operations.createWebhook, { account: HOME, url: CI, headers: { A: 'h1dden' } })
    const move = { account: HOME, webhook: id, url: 'https://elsewhere.example/' }
    await expect(call(operations.updateWebhook, move)).rejects.toThrow(/give them again/)
    expect(await call(operations.updateWebhook, { ...move, headers: { A: 'new' } })).toMatchObject({ url: move.url })
  })

  it('is disabled, which gives up what is pending, and enabled again', async () => {
    await using server = await startManagement()
    const { call } = as(server, server.key)
    const { id } = await call(operations.createWebhook, { account: HOME, url: CI })
    const at = { account: HOME, webhook: id }
    const [delivery = ''] = await deliver(server, id, 1)
    const disabled = await call(operations.disableWebhook, { ...at, reason: 'moving' })
    expect(disabled.disabled).toEqual({ at: expect.any(String), reason: 'moving' })
    expect(await call(operations.disableWebhook, { ...at, reason: 'again' })).toEqual(disabled)
    expect(await call(operations.describeDelivery, { account: HOME, delivery })).toMatchObject({
      state: 'dead',
      reason: 'moving',
    })
    await expect(call(operations.testWebhook, at)).rejects.toThrow('enable it first')
    await expect(call(operations.replayDelivery, { account: HOME, delivery })).rejects.toThrow('enable it first')
    await expect(call(operations.replayDeliveries, at)).rejects.toThrow('enable it first')
    expect(await call(operations.enableWebhook, at)).toMatchObject({ disabled: null })
    expect(await call(operations.enableWebhook, at)).toMatchObject({ disabled: null })
    expect(await call(operations.replayDeliveries, at)).toEqual({ replayed: 1, next: null })
    const { events } = await call(operations.listEvents, { limit: 1000 })
    expect(events.map(({ type }) => type).filter((type) => type.endsWith('abled'))).toEqual([
      'Webhook Disabled',
      'Webhook Enabled',
    ])
  })

  it('is one of a hundred at most', async () => {
    await using server = await startManagement()
    const { call } = as(server, server.key)
    const create = () => call(operations.createWebhook, { account: HOME, url: 'https://ci.example/' })
    for (let made = 0; made < 100; made++) await create()
    await expect(create()).rejects.toThrow('it may have 100')
    expect((await call(operations.listWebhooks, { account: HOME })).webhooks).toHaveLength(100)
    await call(operations.createAccount, { id: OTHER })
    expect(await call(operations.createWebhook, { account: OTHER, url: CI })).toMatchObject({ account: OTHER })
  })

  it('gets a new key, beside the old one for as long as is said', async () => {
    await using server = await startManagement()
    const { call } = as(server, server.key)
    const first = await call(operations.createWebhook, { account: HOME, url: CI })
    const at = { account: HOME, webhook: first.id }
    const second = await call(operations.rotateWebhookSecret, at)
    expect(second.secret).toMatch(/^whsec_/)
    expect(second.secret).not.toBe(first.secret)
    expect(second.secrets).toHaveLength(2)
    const [newest, oldest] = second.secrets
    expect(newest?.expiresAt).toBeNull()
    const overlap = Date.parse(oldest?.expiresAt ?? '') - Date.parse(newest?.createdAt ?? '')
    expect(overlap).toBe(86_400_000)
    const { secret: _, ...shown } = second
    expect(await call(operations.describeWebhook, at)).toEqual(shown)

    const third = await call(operations.rotateWebhookSecret, { ...at, overlap: 60 })
    expect(third.secrets.map(({ expiresAt }) => expiresAt === null)).toEqual([true, false, false])
    const fourth = await call(operations.rotateWebhookSecret, { ...at, overlap: 0 })
    expect(fourth.secrets).toEqual([{ id: expect.any(String), createdAt: expect.any(String), expiresAt: null }])
    await expect(call(operations.rotateWebhookSecret, { ...at, overlap: -1 })).rejects.toThrow('overlap')
    await expect(call(operations.rotateWebhookSecret, { ...at, overlap: 604_801 })).rejects.toThrow('overlap')
  })

  it('is tested, ten times a minute at most', async () => {
    await using server = await startManagement()
    const { call } = as(server, server.key)
    const pattern = '{"detail-type":["Nothing Like It"]}'
    const { id } = await call(operations.createWebhook, { account: HOME, url: CI, pattern })
    const at = { account: HOME, webhook: id }
    const before = server.woken
    const { event, delivery } = await call(operations.testWebhook, at)
    expect(await call(operations.describeDelivery, { account: HOME, delivery })).toMatchObject({
      webhook: id,
      event,
      eventType: 'Webhook Tested',
      state: 'pending',
      attempts: 0,
      history: [],
    })
    expect(server.woken).toBe(before + 1)
    for (let more = 0; more < 9; more++) await call(operations.testWebhook, at)
    await expect(call(operations.testWebhook, at)).rejects.toThrow('try again in 60 s')
    expect((await call(operations.listDeliveries, { account: HOME })).deliveries).toHaveLength(10)
    const other = await call(operations.createWebhook, { account: HOME, url: CI })
    expect(await call(operations.testWebhook, { account: HOME, webhook: other.id })).toMatchObject({
      event: expect.any(String),
    })
  })
})

describe('a pattern', () => {
  it('is refused with the place of what is wrong', async () => {
    await using server = await startManagement()
    const { call } = as(server, server.key)
    const create = (pattern: string) => call(operations.createWebhook, { account: HOME, url: CI, pattern })
    await expect(create('{\n  "source": "granary"\n}')).rejects.toThrow(/\/source \(line 2\)/)
    await expect(create('no JSON')).rejects.toThrow(/pattern/)
    const { id } = await create('  ')
    const update = { account: HOME, webhook: id, pattern: '{"a":[{"nope":1}]}' }
    await expect(call(operations.updateWebhook, update)).rejects.toThrow(/pattern/)
    await expect(call(operations.testEventPattern, { pattern: '[]', data: {} })).rejects.toThrow(/pattern/)
  })

  it('is tried on an event, or on what may be one', async () => {
    await using server = await startManagement()
    const { call } = as(server, server.key)
    await call(operations.createDomain, { domain: 'team' })
    const { events } = await call(operations.listEvents, { limit: 1000 })
    const created = events.find(({ type, detail }) => type === 'Domain Created' && detail['domainName'] === 'team')
    const event = created?.id ?? ''
    const { data } = await call(operations.describeEvent, { event })
    expect(data).toMatchObject({
      version: '0',
      id: event,
      'detail-type': 'Domain Created',
      source: 'granary',
      account: HOME,
      detail: { domainName: 'team', sequenceNumber: expect.any(Number), eventDeduplicationId: expect.any(String) },
    })
    const matches = async (pattern: string, of: Partial<GivenInput<typeof operations.testEventPattern.input>>) =>
      (await call(operations.testEventPattern, { pattern, ...of })).matches
    expect(await matches('{"detail":{"domainName":[{"prefix":"te"}]}}', { event })).toBe(true)
    expect(await matches('{"detail":{"domainName":["other"]}}', { event })).toBe(false)
    expect(await matches('{"detail":{"domainName":["team"]}}', { data: { ...data } })).toBe(true)
    expect(await matches('{"a":[1]}', { data: { a: 2 } })).toBe(false)
    expect(await matches('', { event })).toBe(true)
    await expect(call(operations.testEventPattern, { pattern: '' })).rejects.toThrow('either')
    await expect(call(operations.testEventPattern, { pattern: '', event, data: {} })).rejects.toThrow('either')
    const absent = crypto.randomUUID()
    await expect(call(operations.testEventPattern, { pattern: '', event: absent })).rejects.toEqual(missing)
    await expect(call(operations.describeEvent, { event: absent })).rejects.toEqual(missing)
  })
})

describe('deliveries', () => {
  it('are listed by what is asked for, in pages', async () => {
    await using server = await startManagement()
    const { call } = as(server, server.key)
    const { id: one } = await call(operations.createWebhook, { account: HOME, url: CI })
    const { id: two } = await call(operations.createWebhook, { account: HOME, url: CI })
    const dead = await deliver(server, one, 2)
    await attemptAll(server, one, DEAD)
    const since = new Date().toISOString()
    const delivered = await deliver(server, one, 1)
    await attemptAll(server, one, { state: 'delivered' })
    const pending = await deliver(server, two, 3)

    type Filter = Omit<GivenInput<typeof operations.listDeliveries.input>, 'account'>
    const list = async (filter: Filter) =>
      (await call(operations.listDeliveries, { account: HOME, ...filter })).deliveries.map(({ id }) => id).toSorted()
    expect(await list({})).toEqual([...dead, ...delivered, ...pending].toSorted())
    expect(await list({ webhook: one })).toEqual([...dead, ...delivered].toSorted())
    expect(await list({ state: 'dead' })).toEqual(dead.toSorted())
    expect(await list({ state: 'delivered' })).toEqual(delivered)
    expect(await list({ webhook: two, state: 'pending' })).toEqual(pending.toSorted())
    expect(await list({ webhook: two, state: 'dead' })).toEqual([])
    expect(await list({ since })).toEqual(expect.arrayContaining([...delivered, ...pending]))
    const [delivery = ''] = delivered
    const { event } = await call(operations.describeDelivery, { account: HOME, delivery })
    expect(await list({ event })).toEqual(delivered)

    const pages: string[] = []
    let after: string | undefined
    do {
      const page = await call(operations.listDeliveries, { account: HOME, limit: 4, after })
      pages.push(...page.deliveries.map(({ id }) => id))
      after = page.next ?? undefined
    } while (after !== undefined)
    expect(pages.toSorted()).toEqual([...dead, ...delivered, ...pending].toSorted())
  })

  it('tell of their attempts, and are replayed', async () => {
    await using server = await startManagement()
    const { call } = as(server, server.key)
    const { id } = await call(operations.createWebhook, { account: HOME, url: CI })
    const [delivery = ''] = await deliver(server, id, 1)
    const at = { account: HOME, delivery }
    await expect(call(operations.replayDelivery, at)).rejects.toThrow('pending')
    await attemptAll(server, id, DEAD)
    expect(await call(operations.describeDelivery, at)).toMatchObject({
      state: 'dead',
      reason: 'the last of 10 attempts failed',
      dueAt: null,
      history: [
        {
          number: 1,
          duration: 12,
          succeeded: false,
          status: 500,
          error: 'the receiver answered 500',
          response: 'Internal Server Error',
        },
      ],
    })
    const before = server.woken
    expect(await call(operations.replayDelivery, at)).toMatchObject({
      id: delivery,
      state: 'pending',
      reason: null,
      attempts: 0,
      firstAttemptAt: null,
    })
    expect(server.woken).toBe(before + 1)
    expect(await attemptAll(server, id, { state: 'delivered' })).toBe(1)
    const { history, ...after } = await call(operations.describeDelivery, at)
    expect(after).toMatchObject({ state: 'delivered' })
    expect(history.map(({ number, succeeded }) => [number, succeeded])).toEqual([
      [1, false],
      [2, true],
    ])
    expect(await call(operations.replayDelivery, at)).toMatchObject({ state: 'pending' })
    await expect(call(operations.replayDelivery, { ...at, delivery: crypto.randomUUID() })).rejects.toEqual(missing)
  })

  it('are replayed in bulk: what is dead, or all since a moment', async () => {
    await using server = await startManagement()
    const { call } = as(server, server.key)
    const { id } = await call(operations.createWebhook, { account: HOME, url: CI })
    const at = { account: HOME, webhook: id }
    await deliver(server, id, 2)
    await attemptAll(server, id, { state: 'delivered' })
    await deliver(server, id, 3)
    await attemptAll(server, id, DEAD)
    await expect(call(operations.replayDeliveries, { ...at, state: 'delivered' })).rejects.toThrow('since')
    expect(await call(operations.replayDeliveries, at)).toEqual({ replayed: 3, next: null })
    expect(await call(operations.replayDeliveries, at)).toEqual({ replayed: 0, next: null })
    await attemptAll(server, id, { state: 'delivered' })
    const since = '2026-01-01T00:00:00Z'
    expect(await call(operations.replayDeliveries, { ...at, since, state: 'dead' })).toMatchObject({ replayed: 0 })
    expect(await call(operations.replayDeliveries, { ...at, since })).toEqual({ replayed: 5, next: null })
    const future = new Date(Date.now() + 60_000).toISOString()
    expect(await call(operations.replayDeliveries, { ...at, since: future })).toEqual({ replayed: 0, next: null })
    const { events } = await call(operations.listEvents, { limit: 1000 })
    expect(events.filter(({ type }) => type === 'Deliveries Replayed').map(({ detail }) => detail['count'])).toEqual([
      3, 5,
    ])
  })

  it('are replayed a number at a time', async () => {
    await using server = await startManagement()
    const { call } = as(server, server.key)
    const { id } = await call(operations.createWebhook, { account: HOME, url: CI })
    await deliver(server, id, 501)
    await attemptAll(server, id, DEAD)
    const at = { account: HOME, webhook: id }
    const first = await call(operations.replayDeliveries, at)
    expect(first).toEqual({ replayed: 500, next: expect.any(String) })
    const second = await call(operations.replayDeliveries, { ...at, after: first.next ?? '' })
    expect(second).toEqual({ replayed: 1, next: null })
  })
})

describe('permission', () => {
  const ID = 'wh_4Tz0xU7QvH2cLr9KpWn5Ys'
  const attempts: Readonly<Record<string, (client: Client, account: string) => Promise<unknown>>> = {
    CreateWebhook: ({ call }, account) => call(operations.createWebhook, { account, url: 'https://ci.example/' }),
    ListWebhooks: ({ call }, account) => call(operations.listWebhooks, { account }),
    'ListWebhooks to describe': ({ call }, account) => call(operations.describeWebhook, { account, webhook: ID }),
    UpdateWebhook: ({ call }, account) => call(operations.updateWebhook, { account, webhook: ID, description: 'x' }),
    'UpdateWebhook to enable': ({ call }, account) => call(operations.enableWebhook, { account, webhook: ID }),
    'UpdateWebhook to disable': ({ call }, account) => call(operations.disableWebhook, { account, webhook: ID }),
    'UpdateWebhook to rotate': ({ call }, account) => call(operations.rotateWebhookSecret, { account, webhook: ID }),
    DeleteWebhook: ({ call }, account) => call(operations.deleteWebhook, { account, webhook: ID }),
    TestWebhook: ({ call }, account) => call(operations.testWebhook, { account, webhook: ID }),
    ListDeliveries: ({ call }, account) => call(operations.listDeliveries, { account }),
    'ListDeliveries to describe': ({ call }, account) =>
      call(operations.describeDelivery, { account, delivery: crypto.randomUUID() }),
    'ReplayDeliveries of one': ({ call }, account) =>
      call(operations.replayDelivery, { account, delivery: crypto.randomUUID() }),
    ReplayDeliveries: ({ call }, account) => call(operations.replayDeliveries, { account, webhook: ID }),
    'ListEvents to describe': ({ call }, account) =>
      call(operations.describeEvent, { account, event: crypto.randomUUID() }),
    'ListEvents to try a pattern': ({ call }, account) =>
      call(operations.testEventPattern, { account, pattern: '', data: {} }),
  }
  const actions = [...new Set(Object.keys(attempts).map((name) => `granary:${name.split(' ')[0]}`))]

  it('is needed for each, by its action and in the account', async () => {
    await using server = await startManagement()
    await as(server, server.key).call(operations.createAccount, { id: OTHER })
    const all = await addUser(server, OTHER, 'all', allow(['*']))
    for (const [name, attempt] of Object.entries(attempts)) {
      const action = `granary:${name.split(' ')[0]}`
      const user = action.slice('granary:'.length).toLowerCase() + Object.keys(attempts).indexOf(name)
      const without = allow(actions.filter((one) => one !== action))
      const other = await addUser(server, OTHER, `${user}-without`, without)
      await expect(attempt(other, OTHER), name).rejects.toEqual(forbidden)
      const only = await addUser(server, OTHER, user, allow([action], `arn:aws:iam::${OTHER}:root`))
      const outcome = await attempt(only, OTHER).catch((error: unknown) => error)
      expect(outcome, name).not.toEqual(forbidden)
      // Whatever an account's own policies say, another account's are out of their reach.
      await expect(attempt(all, HOME), name).rejects.toEqual(forbidden)
      await expect(attempt(only, HOME), name).rejects.toEqual(forbidden)
    }
    expect((await as(server, server.key).call(operations.listWebhooks, { account: HOME })).webhooks).toEqual([])
  })

  it("does not reach another account's things through one's own path", async () => {
    await using server = await startManagement()
    const operator = as(server, server.key)
    await operator.call(operations.createAccount, { id: OTHER })
    const theirs = await operator.call(operations.createWebhook, { account: HOME, url: CI })
    const [delivery = ''] = await deliver(server, theirs.id, 1)
    const { event } = await operator.call(operations.describeDelivery, { account: HOME, delivery })
    const { call } = await addUser(server, OTHER, 'all', allow(['*']))
    const webhook = { account: OTHER, webhook: theirs.id }
    const refused: readonly (() => Promise<unknown>)[] = [
      () => call(operations.describeWebhook, webhook),
      () => call(operations.updateWebhook, { ...webhook, url: 'https://evil.example/' }),
      () => call(operations.enableWebhook, webhook),
      () => call(operations.disableWebhook, webhook),
      () => call(operations.rotateWebhookSecret, webhook),
      () => call(operations.testWebhook, webhook),
      () => call(operations.deleteWebhook, webhook),
      () => call(operations.replayDeliveries, webhook),
      () => call(operations.describeDelivery, { account: OTHER, delivery }),
      () => call(operations.replayDelivery, { account: OTHER, delivery }),
      () => call(operations.describeEvent, { account: OTHER, event }),
      () => call(operations.testEventPattern, { account: OTHER, event, pattern: '' }),
    ]
    for (const attempt of refused) await expect(attempt()).rejects.toEqual(missing)
    expect(await call(operations.listDeliveries, { account: OTHER })).toEqual({ deliveries: [], next: null })
    expect(await call(operations.listDeliveries, { account: OTHER, webhook: theirs.id })).toMatchObject({
      deliveries: [],
    })
    const { secret: _, ...same } = theirs
    expect(await operator.call(operations.describeWebhook, { account: HOME, webhook: theirs.id })).toEqual(same)
  })
})
