import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { publishNpm } from '../support/npm-publish.ts'
import { answerWith, dataOf, idOf, startReceiver, type Answer, type Receiver } from '../support/receiver.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { ACCOUNT, webhooked } from '../support/webhooked.ts'

// What receivers do to those who send: each of them is a real server, and so is what sends.

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

let registry: TestRegistry
let receiver: Receiver
let webhooks: ReturnType<typeof webhooked>

beforeEach(async () => {
  registry = await startRegistry({ GRANARY_ALLOW_PRIVATE_TARGETS: '127.0.0.1' })
  receiver = await startReceiver()
  webhooks = webhooked(registry.admin.client)
})

afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

/** With a token of the moment: days pass here. */
async function publish(version = '1.0.0', name = 'hello'): Promise<void> {
  const token = await registry.admin.token()
  expect((await publishNpm(registry, { name, version }, { token })).status).toBe(201)
}
const hang: Answer = () => {}

describe('a receiver that works', () => {
  it('hears of a publish within a second, and of nothing that it does not want', async () => {
    const { id } = await webhooks.create({ url: receiver.url, pattern: { detail: { packageName: ['hello'] } } })
    await publish('1.0.0', 'other')
    const begun = performance.now()
    await publish('1.0.0')
    await receiver.until(({ length }) => length === 1, 1_000)
    expect(performance.now() - begun).toBeLessThan(1_000)
    const [only] = receiver.received
    expect(only).toMatchObject({
      method: 'POST',
      path: '/hook',
      headers: { 'content-type': 'application/json', 'user-agent': expect.stringMatching(/^granary\//) },
    })
    expect(JSON.parse(only?.body ?? '')).toMatchObject({
      type: 'package_version.created',
      data: {
        'detail-type': 'CodeArtifact Package Version State Change',
        account: ACCOUNT,
        resources: ['arn:aws:codeartifact:us-east-1:000000000000:package/local/main/npm//hello'],
        detail: { packageName: 'hello', packageVersion: '1.0.0', packageVersionOrigin: 'INTERNAL', sequenceNumber: 1 },
      },
    })
    const told = await webhooks.delivery(id, ({ state }) => state === 'delivered')
    expect(told).toMatchObject({ event: only && idOf(only), attempts: 1, reason: null })
    expect(told.history).toEqual([expect.objectContaining({ number: 1, succeeded: true, status: 204, error: null })])
    expect(receiver.received).toHaveLength(1)
  })

  it('hears of all of a hundred publishes once, four at a time at most', async () => {
    let [now, most] = [0, 0]
    receiver.answer = (received, response) => {
      now += 1
      most = Math.max(most, now)
      setTimeout(() => {
        now -= 1
        answerWith(200)(received, response)
      }, 10)
    }
    await webhooks.create({ url: receiver.url })
    await Promise.all(Array.from({ length: 100 }, (_, each) => publish('1.0.0', `bulk-${each}`)))
    await receiver.until(({ length }) => length >= 100)
    await delay(600)
    expect(new Set(receiver.received.map(idOf)).size).toBe(100)
    expect(receiver.received).toHaveLength(100)
    expect(most).toBe(4)
  })
})

describe('a receiver that fails', () => {
  it('is tried again with the same id and bytes, and the log says why', async () => {
    receiver.answer = answerWith(500, {}, 'no disk')
    const { id } = await webhooks.create({ url: receiver.url })
    await publish()
    const failed = await webhooks.delivery(id, ({ attempts }) => attempts === 1)
    expect(failed).toMatchObject({ state: 'pending', reason: null })
    const wait = Date.parse(failed.dueAt ?? '') - Date.parse(failed.firstAttemptAt ?? '')
    expect(wait).toBeGreaterThanOrEqual(4_000)
    expect(wait).toBeLessThan(7_000)
    expect((await webhooks.describe(id)).failingSince).not.toBeNull()
    for (let times = 2; times <= 4; times++) {
      registry.passTime(15 * MINUTE)
      await receiver.until(({ length }) => length === times)
      await webhooks.delivery(id, ({ attempts }) => attempts === times)
    }
    receiver.answer = answerWith(200, {}, 'better')
    registry.passTime(15 * MINUTE)
    const told = await webhooks.delivery(id, ({ state }) => state === 'delivered')
    expect(told.history.map(({ status, error, response }) => [status, error, response])).toEqual([
      ...Array.from({ length: 4 }, () => [500, 'the receiver answered 500', 'no disk']),
      [200, null, 'better'],
    ])
    expect(new Set(receiver.received.map(idOf)).size).toBe(1)
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1)
    const times = receiver.received.map(({ headers }) => Number(headers['webhook-timestamp']))
    expect(times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0))).toBe(true)
    expect((await webhooks.describe(id)).failingSince).toBeNull()
  })

  it('is given up after 24 hours, and takes what is replayed', async () => {
    receiver.answer = answerWith(500)
    const { id } = await webhooks.create({ url: receiver.url })
    await publish()
    const begun = Date.now()
    let given = await webhooks.delivery(id, ({ attempts }) => attempts === 1)
    while (given.state === 'pending') {
      const { attempts, dueAt } = given
      registry.passTime(Date.parse(dueAt ?? '') - Date.now() + 1)
      given = await webhooks.delivery(id, (now) => now.attempts > attempts)
    }
    expect(Date.now() - begun).toBeLessThan(DAY + MINUTE)
    expect(given).toMatchObject({ state: 'dead', dueAt: null })
    expect(given.attempts).toBeGreaterThanOrEqual(10)
    expect(given.reason).toBe(
      `it was tried ${given.attempts} times within 24 hours; the last time the receiver answered 500`,
    )
    receiver.answer = answerWith(204)
    await webhooks.replay(given.id)
    const told = await webhooks.delivery(id, ({ state }) => state === 'delivered')
    expect(told).toMatchObject({ attempts: 1, reason: null })
    expect(new Set(receiver.received.map(idOf)).size).toBe(1)
  })

  it('is disabled after 72 hours of nothing but failures, and its owner is told', async () => {
    const owner = await startReceiver()
    await using _ = owner
    await webhooks.create({ url: owner.url, pattern: { 'detail-type': ['Webhook Disabled'] } })
    receiver.answer = answerWith(500)
    const { id } = await webhooks.create({ url: receiver.url })
    await publish()
    await webhooks.delivery(id, ({ attempts }) => attempts === 1)
    registry.passTime(71 * HOUR)
    await receiver.until(({ length }) => length === 2)
    expect((await webhooks.describe(id)).disabled).toBeNull()
    registry.passTime(HOUR)
    await publish('1.0.1')
    await owner.until(({ length }) => length === 1)
    expect((await webhooks.describe(id)).disabled).toMatchObject({
      reason: 'nothing could be delivered to it for 72 hours',
    })
    expect(owner.received.map(dataOf)).toMatchObject([
      { 'detail-type': 'Webhook Disabled', detail: { webhook: id, url: receiver.url, actor: 'granary:system' } },
    ])
    const states = (await webhooks.deliveries(id)).map(({ state }) => state)
    expect(states).toEqual(['dead', 'dead'])
    await publish('1.0.2')
    registry.passTime(DAY)
    await delay(1_200)
    expect(receiver.received).toHaveLength(3)
  })

  it.each([301, 302, 307, 308])('by redirecting (%i) leads nowhere', async (status) => {
    await using elsewhere = await startReceiver()
    receiver.answer = answerWith(status, { location: elsewhere.url })
    const { id } = await webhooks.create({ url: receiver.url })
    await publish()
    const failed = await webhooks.delivery(id, ({ attempts }) => attempts === 1)
    expect(failed.history[0]).toMatchObject({
      succeeded: false,
      status,
      error: `the receiver answered ${status}; redirects are not followed`,
    })
    expect(elsewhere.received).toEqual([])
  })

  it('with 410 gets no more, and its owner is told', async () => {
    await using owner = await startReceiver()
    await webhooks.create({ url: owner.url, pattern: { 'detail-type': ['Webhook Disabled'] } })
    receiver.answer = answerWith(410)
    const { id } = await webhooks.create({ url: receiver.url })
    await publish()
    await owner.until(({ length }) => length === 1)
    const reason = 'the receiver answered 410: it wants no more events'
    expect((await webhooks.describe(id)).disabled).toMatchObject({ reason })
    expect(await webhooks.delivery(id, ({ state }) => state === 'dead')).toMatchObject({ attempts: 1, reason })
    await publish('1.0.1')
    registry.passTime(DAY)
    await delay(1_200)
    expect(receiver.received).toHaveLength(1)
  })

  it.each([
    ['seconds', 429, () => '120', 120],
    ['seconds', 503, () => '120', 120],
    ['a date', 503, () => new Date(Date.now() + 600_000).toUTCString(), 598],
    ['far too many seconds', 429, () => '1000000', 3_600],
  ])('and asks for %s of peace (%i) gets them', async (_what, status, wish, least) => {
    receiver.answer = (received, response) => answerWith(status, { 'retry-after': wish() })(received, response)
    const { id } = await webhooks.create({ url: receiver.url })
    await publish()
    const failed = await webhooks.delivery(id, ({ attempts }) => attempts === 1)
    const wait = (Date.parse(failed.dueAt ?? '') - Date.parse(failed.firstAttemptAt ?? '')) / 1000
    expect(wait).toBeGreaterThanOrEqual(least)
    expect(wait).toBeLessThan(least + 10)
    registry.passTime((least - 30) * 1000)
    await delay(1_200)
    expect(receiver.received).toHaveLength(1)
  })

  it('by being down gets everything when it is back', async () => {
    const { id } = await webhooks.create({ url: receiver.url })
    await receiver[Symbol.asyncDispose]()
    for (const version of ['1.0.0', '1.0.1', '1.0.2']) await publish(version)
    const deadline = performance.now() + 10_000
    while ((await webhooks.deliveries(id)).some(({ attempts }) => attempts === 0) && performance.now() < deadline)
      await delay(50)
    const errors = (await webhooks.deliveries(id)).flatMap(({ history }) => history.map(({ error }) => error))
    expect(errors).toEqual(errors.map(() => `cannot connect to http://127.0.0.1:${receiver.port} (ECONNREFUSED)`))
    receiver = await startReceiver({ port: receiver.port })
    registry.passTime(MINUTE)
    await receiver.until(({ length }) => length === 3)
    expect(new Set(receiver.received.map((each) => dataOf(each).detail['packageVersion'])).size).toBe(3)
  })
})

describe('a receiver that takes its time', () => {
  it('and never answers is left after fifteen seconds; others do not wait for it', { timeout: 60_000 }, async () => {
    receiver.answer = hang
    await using quick = await startReceiver()
    const { id } = await webhooks.create({ url: receiver.url })
    await webhooks.create({ url: quick.url })
    await publish('1.0.0')
    await receiver.until(({ length }) => length === 1)
    for (let each = 1; each <= 20; each++) {
      const begun = performance.now()
      await publish(`1.0.${each}`)
      await quick.until(({ length }) => length === each + 1)
      expect(performance.now() - begun).toBeLessThan(1_000)
    }
    // Its slots are its own, and no more than these are taken.
    expect(receiver.received).toHaveLength(4)
    await receiver.until(({ length }) => length > 4, 20_000)
    const [first] = await webhooks.deliveries(id)
    expect(first?.history[0]).toMatchObject({ succeeded: false, status: null })
    expect(first?.history[0]?.error).toContain('did not answer in full before the deadline')
    expect(first?.history[0]?.duration).toBeGreaterThan(14_000)
    expect(first?.history[0]?.duration).toBeLessThan(17_000)
  })

  it('over a body that does not end has taken it with its status', { timeout: 60_000 }, async () => {
    receiver.answer = (_received, response) => void response.writeHead(200).write('thanks')
    const { id } = await webhooks.create({ url: receiver.url })
    await publish()
    const told = await webhooks.delivery(id, ({ state }) => state !== 'pending', 25_000)
    expect(told.history).toEqual([expect.objectContaining({ succeeded: true, status: 200 })])
  })

  it('with a gigabyte is read to the twentieth thousand byte', async () => {
    const megabyte = Buffer.alloc(1_000_000, 'é')
    let sent = 0
    receiver.answer = (_received, response) => {
      response.writeHead(200, { 'content-length': '1000000000' })
      const pump = () => {
        while (sent < 1_000 && response.write(megabyte)) sent += 1
        sent += 1
        if (sent < 1_000 && !response.destroyed) response.once('drain', pump)
      }
      pump()
    }
    const { id } = await webhooks.create({ url: receiver.url })
    await publish()
    const told = await webhooks.delivery(id, ({ state }) => state === 'delivered')
    const bytes = Buffer.byteLength(told.history[0]?.response ?? '')
    expect(bytes).toBeGreaterThan(19_000)
    expect(bytes).toBeLessThanOrEqual(20_000)
    expect(told.history[0]?.response).toMatch(/^é+$/)
    expect(sent).toBeLessThan(50)
  })
})

describe('a server that stops', () => {
  it('lets what is under way end, and starts nothing new', async () => {
    receiver.answer = (received, response) => setTimeout(() => answerWith(204)(received, response), 300)
    await webhooks.create({ url: receiver.url })
    await publish()
    await receiver.until(({ length }) => length === 1)
    const begun = performance.now()
    await registry[Symbol.asyncDispose]()
    expect(performance.now() - begun).toBeLessThan(2_000)
    expect(registry.log.filter(({ level }) => level === 'error')).toEqual([])
  })

  it('does not wait for what hangs beyond its grace', async () => {
    receiver.answer = hang
    await webhooks.create({ url: receiver.url })
    await publish()
    await receiver.until(({ length }) => length === 1)
    const begun = performance.now()
    await registry[Symbol.asyncDispose]()
    expect(performance.now() - begun).toBeLessThan(4_000)
    expect(registry.log.filter(({ level }) => level === 'error')).toEqual([])
  })
})

it('what came of it can be counted', async () => {
  await webhooks.create({ url: receiver.url })
  await publish()
  await receiver.until(({ length }) => length === 1)
  receiver.answer = answerWith(500)
  const { id } = await registry.admin.client.call(operations.createWebhook, { account: ACCOUNT, url: receiver.url })
  await publish('1.0.1')
  await receiver.until(({ length }) => length >= 3)
  await delay(300)
  registry.passTime(2 * HOUR)
  const text = await (await registry.fetch('/-/metrics')).text()
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  expect(value('granary_delivery_attempts_total{outcome="delivered"}')).toBeGreaterThanOrEqual(1)
  expect(value('granary_delivery_attempts_total{outcome="retried"}')).toBeGreaterThanOrEqual(2)
  expect(value('granary_delivery_attempt_duration_seconds_count')).toBeGreaterThanOrEqual(3)
  expect(value('granary_event_fan_out_lag_seconds_count')).toBeGreaterThanOrEqual(3)
  expect(value('granary_deliveries_pending')).toBeGreaterThanOrEqual(2)
  expect(value('granary_delivery_overdue_seconds')).toBeGreaterThan(HOUR / 1000)
  expect(text).not.toContain(id)
})
