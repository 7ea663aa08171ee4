import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Webhook, WebhookVerificationError } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { callerOf } from '../support/caller.ts'
import { startCanary } from '../support/canary.ts'
import { startGranary } from '../support/granary.ts'
import { publishNpm } from '../support/npm-publish.ts'
import { npmUpload } from '../support/publishing.ts'
import { answerWith, dataOf, idOf, startReceiver, type Received, type Receiver } from '../support/receiver.ts'
import { readTree, startRegistry, type TestRegistry } from '../support/server.ts'
import { ACCOUNT, PUBLISHES, webhooked } from '../support/webhooked.ts'

// What can be done to, with and by the sending of events. What the API refuses beforehand stands in webhook-api.test.ts.

const HOUR = 3_600_000
const trusting = () => startRegistry({ GRANARY_ALLOW_PRIVATE_TARGETS: '127.0.0.1' })
const publish = (registry: TestRegistry, version: string, name = 'hello') => publishNpm(registry, { name, version })

const verify = (secret: string, { body, headers }: Received): unknown =>
  new Webhook(secret).verify(body, headers as Record<string, string>)

describe('P-80 a name that means something else when it is sent to', () => {
  const names = new Map<string, string>()
  const lookup = dns.lookup

  beforeEach(() => {
    const flipped = (host: string, options: object, callback: (error: Error | null, found: unknown) => void) => {
      const address = names.get(host)
      if (address === undefined) Reflect.apply(lookup, dns, [host, options, callback])
      else callback(null, [{ address, family: 4 }])
    }
    Object.assign(dns, { lookup: flipped })
    syncBuiltinESMExports()
  })
  afterEach(() => {
    names.clear()
    Object.assign(dns, { lookup })
    syncBuiltinESMExports()
  })

  it.each(['127.0.0.1', '10.0.0.1', '169.254.169.254'])(
    'to %s: nothing is sent, and the attempt says so',
    async (at) => {
      await using canary = await startCanary()
      await using registry = await startRegistry()
      const webhooks = webhooked(registry.admin.client)
      const port = new URL(canary.origin).port
      names.set('flips.example', '93.184.216.34')
      const { id } = await webhooks.create({ url: `http://flips.example:${port}/hook?token=t0psecret` })
      names.set('flips.example', at)
      await publish(registry, '1.0.0')
      const failed = await webhooks.delivery(id, ({ attempts }) => attempts === 1)
      expect(failed.history[0]).toMatchObject({ succeeded: false, status: null, response: null })
      expect(failed.history[0]?.error).toContain('flips.example is not a public address')
      expect(failed.history[0]?.error).not.toContain('t0psecret')
      expect(failed.state).toBe('pending')
      expect(canary.connections).toBe(0)
    },
  )

  it('is refused when it is made where it means so then', async () => {
    await using registry = await startRegistry()
    names.set('inside.example', '10.0.0.1')
    const made = webhooked(registry.admin.client).create({ url: 'https://inside.example/hook' })
    await expect(made).rejects.toThrow(/not a public address/)
  })
})

it('P-79 an address that the operator no longer lists is not sent to', async () => {
  await using canary = await startCanary()
  await using granary = await startGranary({ env: { GRANARY_ALLOW_PRIVATE_TARGETS: '127.0.0.1' } })
  const before = await callerOf(granary)
  const { id } = await webhooked(before.api).create({ url: canary.origin })
  await granary.restart({ GRANARY_ALLOW_PRIVATE_TARGETS: '' })
  const after = await callerOf(granary)
  expect((await after.publish(await npmUpload('hello', '1.0.0'))).status).toBe(201)
  const failed = await webhooked(after.api).delivery(id, ({ attempts }) => attempts === 1)
  expect(failed.history[0]?.error).toContain('127.0.0.1 is not a public address')
  expect(canary.connections).toBe(0)
})

describe('with a registry and a receiver', () => {
  let registry: TestRegistry
  let receiver: Receiver
  let webhooks: ReturnType<typeof webhooked>

  beforeEach(async () => {
    registry = await trusting()
    receiver = await startReceiver()
    webhooks = webhooked(registry.admin.client)
  })
  afterEach(async () => {
    await registry[Symbol.asyncDispose]()
    await receiver[Symbol.asyncDispose]()
  })

  it('P-87 what arrives is signed: any change of id, time or body shows', async () => {
    const { secret } = await webhooks.create({ url: receiver.url })
    await publish(registry, '1.0.0')
    const [sent] = (await receiver.until(({ length }) => length === 1)) as [Received]
    expect(verify(secret, sent)).toMatchObject({ type: 'package_version.created' })
    const changes: readonly Partial<Received>[] = [
      { body: sent.body.replace('1.0.0', '6.6.6') },
      { body: `${sent.body} ` },
      { headers: { ...sent.headers, 'webhook-id': 'another' } },
      { headers: { ...sent.headers, 'webhook-timestamp': String(Number(sent.headers['webhook-timestamp']) + 1) } },
      { headers: { ...sent.headers, 'webhook-timestamp': '1614265330' } },
    ]
    for (const change of changes)
      expect(() => verify(secret, { ...sent, ...change }), JSON.stringify(change)).toThrow(WebhookVerificationError)
  })

  it('P-88 while one key replaces another both sign, and after that only the new one', async () => {
    const made = await webhooks.create({ url: receiver.url })
    const { call } = registry.admin.client
    const overlap = 2 * 3_600
    const rotated = await call(operations.rotateWebhookSecret, { account: ACCOUNT, webhook: made.id, overlap })
    expect(rotated.secret).not.toBe(made.secret)
    await publish(registry, '1.0.0')
    const [during] = (await receiver.until(({ length }) => length === 1)) as [Received]
    expect(String(during.headers['webhook-signature']).split(' ')).toHaveLength(2)
    for (const secret of [made.secret, rotated.secret]) expect(verify(secret, during)).toBeTruthy()

    registry.passTime(2 * HOUR + 1)
    await publish(registry, '1.0.1')
    const [, after] = (await receiver.until(({ length }) => length === 2)) as [Received, Received]
    expect(String(after.headers['webhook-signature']).split(' ')).toHaveLength(1)
    expect(verify(rotated.secret, after)).toBeTruthy()
    expect(() => verify(made.secret, after)).toThrow(WebhookVerificationError)
  })

  it('P-89 names that people choose reach neither id nor type, and no header of their own', async () => {
    await webhooks.create({ url: receiver.url, pattern: { source: ['granary'], 'detail-type': ['User Created'] } })
    const { call } = registry.admin.client
    for (const user of ['a.b', 'user.created', 'x=y,z@w']) await call(operations.createUser, { account: ACCOUNT, user })
    await receiver.until(({ length }) => length === 3)
    for (const received of receiver.received) {
      expect(idOf(received)).toMatch(/^[0-9a-f-]{36}$/)
      expect((JSON.parse(received.body) as { type: string }).type).toBe('user.created')
    }
    expect(receiver.received.map((each) => dataOf(each).detail['userName']).toSorted()).toEqual([
      'a.b',
      'user.created',
      'x=y,z@w',
    ])
  })

  it('P-91 a receiver that publishes what it hears of is cut off, and people are told', async () => {
    await using owner = await startReceiver()
    await webhooks.create({ url: owner.url, pattern: { 'detail-type': ['Webhook Loop Suspected'] } })
    const { id } = await webhooks.create({ url: receiver.url })
    let version = 0
    receiver.answer = (received, response) => {
      // As a pipeline that builds and publishes whenever the package changes.
      void publish(registry, `1.0.${++version}`).finally(() => answerWith(204)(received, response))
    }
    await publish(registry, '1.0.0')
    await owner.until(({ length }) => length > 0, 50_000)
    await delay(1_000)
    expect(receiver.received).toHaveLength(100)
    expect(owner.received.map((each) => dataOf(each))).toMatchObject([
      {
        'detail-type': 'Webhook Loop Suspected',
        detail: { webhook: id, packageName: 'hello', reason: expect.stringContaining('may be what causes them') },
      },
    ])
    // Others are not affected, by other packages neither.
    receiver.answer = answerWith(204)
    await publish(registry, '1.0.0', 'other')
    await receiver.until(({ length }) => length === 101)
    // More of the same is held back, and told of once.
    await publish(registry, '2.0.0')
    await publish(registry, '2.0.1')
    await delay(1_000)
    expect(receiver.received).toHaveLength(101)
    expect(owner.received).toHaveLength(1)
    const { deliveries } = await registry.admin.client.call(operations.listDeliveries, {
      account: ACCOUNT,
      webhook: id,
      state: 'dead',
    })
    expect(deliveries).toHaveLength(3)
    expect(deliveries[0]).toMatchObject({ attempts: 0, reason: expect.stringContaining('more than 100 publishes') })
    await webhooks.replay(deliveries[0]?.id ?? '')
    await receiver.until(({ length }) => length === 102)
    // Ten minutes later all is as it was.
    registry.passTime(11 * 60_000)
    await publish(registry, '2.0.2')
    await receiver.until(({ length }) => length === 103)
  })

  it('P-92 what a receiver echoes is not kept: neither headers, nor the URL, nor signatures', async () => {
    receiver.answer = ({ headers, path }, response) =>
      void response
        .writeHead(500, { 'content-type': 'application/json' })
        .end(JSON.stringify({ headers, path, words: 'all that I know' }))
    const secrets = ['ZmFrZS1zZWNyZXQtdG9rZW4', 'h3ader"with-quote', 'qu3ry/s3cret', 'pa55w0rd!']
    const [token = '', quoted = '', query = '', password = ''] = secrets
    const { id, secret } = await webhooks.create({
      url: `${receiver.url}?token=${encodeURIComponent(query)}&job=rebuild`,
      headers: {
        Authorization: `Bearer ${token}`,
        'X-Key': quoted,
        'X-Basic': `Basic ${Buffer.from(`us:${password}`).toString('base64')}`,
      },
    })
    await publish(registry, '1.0.0')
    const failed = await webhooks.delivery(id, ({ attempts }) => attempts === 1)
    const [sent] = receiver.received as [Received]
    expect(sent.headers).toMatchObject({ authorization: `Bearer ${token}`, 'x-key': quoted })
    expect(sent.path).toContain(encodeURIComponent(query))
    const kept = failed.history[0]?.response ?? ''
    expect(kept).toContain('all that I know')
    expect(kept).toContain('***')
    const signature = String(sent.headers['webhook-signature'])
    const said = JSON.stringify([failed, await webhooks.describe(id), registry.log])
    const files = await readTree(registry.data)
    for (const text of [
      ...secrets,
      encodeURIComponent(query),
      secret,
      secret.slice(6),
      signature,
      signature.slice(3),
    ]) {
      expect(said, text).not.toContain(JSON.stringify(text).slice(1, -1))
      for (const { path, bytes } of files) expect(bytes.includes(text), `${text} in ${path}`).toBe(false)
    }
  })

  it('P-92 a secret that the end of what is kept cuts in two leaves no half behind', async () => {
    const token = 'x7Kq'.repeat(50)
    receiver.answer = (_received, response) =>
      void response.writeHead(500).end(`${'.'.repeat(19_900)}${token}${'.'.repeat(5_000)}`)
    const { id } = await webhooks.create({ url: receiver.url, headers: { Authorization: token } })
    await publish(registry, '1.0.0')
    const failed = await webhooks.delivery(id, ({ attempts }) => attempts === 1)
    expect(failed.history[0]?.response?.length).toBeGreaterThan(19_000)
    expect(failed.history[0]?.response).not.toContain('x7Kq')
  })

  it('headers of its own are sent as they are, what is sent otherwise among them', async () => {
    const headers = { Accept: 'application/vnd.example+json', 'X-Own': 'as given' }
    await webhooks.create({ url: receiver.url, headers })
    await publish(registry, '1.0.0')
    const [sent] = await receiver.until(({ length }) => length === 1)
    expect(sent?.headers).toMatchObject({ accept: headers.Accept, 'x-own': headers['X-Own'] })
  })

  it('headers of its own do not forge what signs', async () => {
    const { secret } = await webhooks.create({ url: receiver.url, headers: { 'X-Webhook-Signature': 'v1,forged' } })
    await publish(registry, '1.0.0')
    const [sent] = (await receiver.until(({ length }) => length === 1)) as [Received]
    expect(verify(secret, sent)).toBeTruthy()
    expect(Object.keys(sent.headers)).not.toContain('authorization')
  })

  it('other accounts hear of nothing that is not theirs', async () => {
    const { call } = registry.admin.client
    await call(operations.createAccount, { id: '444455556666' })
    const pattern = JSON.stringify(PUBLISHES)
    await call(operations.createWebhook, { account: '444455556666', url: receiver.url, pattern })
    await using own = await startReceiver()
    await webhooks.create({ url: own.url })
    await publish(registry, '1.0.0')
    await own.until(({ length }) => length === 1)
    await delay(700)
    expect(receiver.received).toEqual([])
  })
})

it('a webhook whose secrets the master key no longer opens harms no other', async () => {
  await using receiver = await startReceiver()
  await using granary = await startGranary({ env: { GRANARY_ALLOW_PRIVATE_TARGETS: '127.0.0.1' } })
  const caller = await callerOf(granary)
  const webhooks = webhooked(caller.api)
  const [broken, whole] = [
    await webhooks.create({ url: receiver.url, description: 'moved' }),
    await webhooks.create({ url: receiver.url }),
  ]
  // Somebody who can write to the database gives one webhook the URL of another: sealed for that one, it does not open.
  await granary.stop()
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(join(granary.data, 'granary.db'))
  database
    .prepare('UPDATE webhooks SET url = (SELECT url FROM webhooks WHERE id = ?) WHERE id = ?')
    .run(whole.id, broken.id)
  database.close()
  await granary.restart()
  const again = await callerOf(granary)
  expect((await again.publish(await npmUpload('hello', '1.0.0'))).status).toBe(201)
  await receiver.until(({ length }) => length === 1)
  const failed = await webhooked(again.api).delivery(broken.id, ({ attempts }) => attempts === 1)
  expect(failed.history[0]?.error).toBe('its URL, headers or signing keys do not open under the present master key')
  expect(receiver.received).toHaveLength(1)
})
