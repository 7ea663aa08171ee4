import { describe, expect, it } from 'vitest'
import type { Change } from './changes.ts'
import {
  checkWebhookHeaders,
  MAX_WEBHOOKS,
  parseWebhookUrl,
  planCreateWebhook,
  planDeleteWebhook,
  planDisableWebhook,
  planEnableWebhook,
  planReplayDeliveries,
  planRotateWebhookSecret,
  planTestWebhook,
  planUpdateWebhook,
  webhookId,
} from './manage-webhooks.ts'
import type { ManageContext } from './manage.ts'
import type { AccountId } from './names.ts'
import type { Delivery, DeliveryState, Webhook, WebhookSecret } from './webhooks.ts'

const HOUR = 3_600_000
const NOW = Date.UTC(2030, 0, 1)
const ACCOUNT = '111122223333' as AccountId

let ids = 0
const context: ManageContext = {
  caller: {
    kind: 'user',
    account: ACCOUNT,
    userName: 'bob',
    userId: 'AIDAEXAMPLEEXAMPLE12',
    arn: `arn:aws:iam::${ACCOUNT}:user/bob`,
    domain: null,
    credential: 'AKIAEXAMPLEEXAMPLE12',
  },
  now: NOW,
  id: () => `id-${++ids}`,
}

const secret = (id: string, expiresAt: number | null = null): WebhookSecret => ({
  id,
  secret: `sealed key ${id}`,
  createdAt: NOW - HOUR,
  expiresAt,
})

const webhook: Webhook = {
  id: 'wh_4Tz0xU7QvH2cLr9KpWn5Ys',
  account: ACCOUNT,
  url: 'sealed url',
  shownUrl: 'https://ci.example/hook?token=***',
  headers: 'sealed headers',
  pattern: null,
  description: 'Rebuild',
  createdAt: NOW - HOUR,
  disabled: null,
  failingSince: null,
  secrets: [secret('a')],
}
const disabled: Webhook = { ...webhook, disabled: { at: NOW - HOUR, reason: 'gone' } }

const delivery = (id: string, state: DeliveryState): Delivery => ({
  id,
  webhook: webhook.id,
  account: ACCOUNT,
  event: `event of ${id}`,
  eventType: 'Domain Created',
  createdAt: NOW - HOUR,
  state,
  reason: state === 'dead' ? 'it answered 500' : null,
  attempts: 1,
  firstAttemptAt: NOW - HOUR,
  dueAt: state === 'pending' ? NOW : null,
})

const announced = (changes: readonly Change[]) =>
  changes.flatMap((change) => (change.change === 'announce' ? [change.event] : []))
const others = (changes: readonly Change[]) => changes.filter(({ change }) => change !== 'announce')

describe('the id of a webhook', () => {
  it.each([
    ['00000000-0000-0000-0000-000000000000', 'wh_AAAAAAAAAAAAAAAAAAAAAA'],
    ['00000000-0000-0000-0000-00000000003e', 'wh_AAAAAAAAAAAAAAAAAAAABA'],
    ['ffffffff-ffff-ffff-ffff-ffffffffffff', 'wh_HxECNQWFdpvuJxIw3HPrmH'],
  ])('is all of %s', (uuid, id) => {
    expect(webhookId(uuid)).toMatch(/^wh_[A-Za-z0-9]{22}$/)
    const digits = Array.from(webhookId(uuid).slice(3), (digit) =>
      'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'.indexOf(digit),
    )
    const number = digits.reduce((sum, digit) => sum * 62n + BigInt(digit), 0n)
    expect(number).toBe(BigInt(`0x${uuid.replaceAll('-', '')}`))
    expect(webhookId(uuid)).toBe(id)
  })
})

describe('a URL', () => {
  it.each([
    ['https://ci.example/hook', 'https://ci.example/hook', 'https://ci.example/hook'],
    ['HTTPS://CI.example:443/a/../b', 'https://ci.example/b', 'https://ci.example/b'],
    ['http://10.0.0.1:8080', 'http://10.0.0.1:8080/', 'http://10.0.0.1:8080/'],
    ['http://0x7f.1/', 'http://127.0.0.1/', 'http://127.0.0.1/'],
    [
      'https://ci.example/h?token=s3cret&ref=main',
      'https://ci.example/h?token=s3cret&ref=main',
      'https://ci.example/h?token=***&ref=***',
    ],
    ['https://ci.example/h?s3cret', 'https://ci.example/h?s3cret', 'https://ci.example/h?***'],
    ['https://ci.example/h?a=s3cret=s3cret&=s3cret', undefined, 'https://ci.example/h?a=***&=***'],
    ['https://ci.example/h?', 'https://ci.example/h?', 'https://ci.example/h'],
  ])('%s is stored as %s and shown as %s', (raw, url, shownUrl) => {
    expect(parseWebhookUrl(raw)).toEqual({ url: url ?? raw, shownUrl })
    expect(parseWebhookUrl(raw).shownUrl).not.toContain('s3cret')
  })

  it.each([
    ['', /http or https/],
    ['ci.example/hook', /http or https/],
    ['ftp://ci.example/', /http or https/],
    ['javascript:alert(1)', /http or https/],
    ['file:///etc/passwd', /http or https/],
    ['https://', /http or https/],
    [' https://ci.example/', /http or https/],
    ['https://ci.example/\r\nx: y', /http or https/],
    ['https://ci.exa\tmple/', /http or https/],
    ['https://ci.example/\u0000', /http or https/],
    ['https://user@ci.example/', /user name/],
    ['https://user:s3cret@ci.example/', /user name/],
    ['https://ci.example/#part', /fragment/],
    ['https://ci.example/#', /fragment/],
  ])('%j is refused', (raw, message) => {
    expect(() => parseWebhookUrl(raw)).toThrow(
      expect.objectContaining({ code: 'invalid', message: expect.stringMatching(message) }),
    )
    expect(() => parseWebhookUrl(raw)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('s3cret') }),
    )
  })
})

describe('headers', () => {
  it.each([
    [{ Authorization: 'Bearer token', 'X-Gitlab-Token': 'a b', 'x-empty': '' }],
    [{ cookie: 'a=b; c="d"' }],
    [Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`x-${at}`, 'v']))],
  ])('may be %j', (headers) => {
    expect(() => checkWebhookHeaders(headers)).not.toThrow()
  })

  it.each([
    ['webhook-id', 'v', /set by the sender/],
    ['Webhook-Signature', 'v', /set by the sender/],
    ['HOST', 'v', /set by the sender/],
    ['Content-Type', 'v', /set by the sender/],
    ['content-length', '0', /set by the sender/],
    ['Connection', 'close', /set by the sender/],
    ['Transfer-Encoding', 'chunked', /set by the sender/],
    ['Expect', '100-continue', /set by the sender/],
    ['Proxy-Authorization', 'v', /set by the sender/],
    ['', 'v', /not the name/],
    ['a b', 'v', /not the name/],
    ['a:b', 'v', /not the name/],
    [':path', 'v', /not the name/],
    ['x\r\ny', 'v', /not the name/],
    ['x-ü', 'v', /not the name/],
    ['x', 's3cret\r\nX-Other: 1', /printable ASCII/],
    ['x', 's3cret\n', /printable ASCII/],
    ['x', 's3cret\u0000', /printable ASCII/],
    ['x', ' s3cret', /printable ASCII/],
    ['x', 's3cret ', /printable ASCII/],
    ['x', 's3crét', /printable ASCII/],
  ])('may not have %j: %j', (name, value, message) => {
    expect(() => checkWebhookHeaders({ fine: 'value', [name]: value })).toThrow(
      expect.objectContaining({ code: 'invalid', message: expect.stringMatching(message) }),
    )
    expect(() => checkWebhookHeaders({ [name]: value })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('s3cret') }),
    )
  })

  it.each([
    ['a name twice', { 'X-Token': '1', 'x-token': '2' }, /twice/],
    ['too many', Object.fromEntries(Array.from({ length: 21 }, (_, at) => [`x-${at}`, 'v'])), /20, not 21/],
    ['too much', Object.fromEntries(Array.from({ length: 5 }, (_, at) => [`x-${at}`, 'v'.repeat(4000)])), /16384/],
  ])('may not have %s', (_, headers, message) => {
    expect(() => checkWebhookHeaders(headers)).toThrow(message)
  })
})

describe('a webhook', () => {
  const { createdAt: _1, disabled: _2, failingSince: _3, secrets: _4, ...what } = webhook

  it('is made enabled, with one key, and announced without what is secret', () => {
    const made = planCreateWebhook(context, { ...what, secret: secret('a') }, 0)
    expect(made.webhook).toEqual({ ...webhook, createdAt: NOW })
    expect(others(made.changes)).toEqual([{ change: 'create-webhook', webhook: made.webhook }])
    expect(announced(made.changes)).toEqual([
      expect.objectContaining({
        type: 'Webhook Created',
        account: ACCOUNT,
        detail: { webhook: webhook.id, url: webhook.shownUrl, actor: `arn:aws:iam::${ACCOUNT}:user/bob` },
      }),
    ])
    expect(JSON.stringify(announced(made.changes))).not.toContain('sealed')
  })

  it(`is refused beside ${MAX_WEBHOOKS} others`, () => {
    const at = (there: number) => () => planCreateWebhook(context, { ...what, secret: secret('a') }, there)
    expect(at(MAX_WEBHOOKS - 1)).not.toThrow()
    expect(at(MAX_WEBHOOKS)).toThrow(expect.objectContaining({ code: 'quota' }))
  })

  it.each([
    [{ pattern: '{"source":["granary"]}' }, ['pattern']],
    [{ pattern: null, description: null }, ['description', 'pattern']],
    [{ headers: null }, ['headers']],
    [{ address: { url: 'sealed too', shownUrl: 'https://ci.example/other' } }, ['url']],
    [
      { address: { url: 'sealed too', shownUrl: 'https://other.example/' }, headers: 'sealed anew' },
      ['headers', 'url'],
    ],
  ])('is changed by %j', (update, changed) => {
    const { address, ...rest } = { address: undefined, ...update }
    const planned = planUpdateWebhook(context, webhook, update)
    expect(planned.webhook).toEqual({ ...webhook, ...rest, ...address })
    expect(others(planned.changes)).toEqual([{ change: 'set-webhook', id: webhook.id, ...rest, ...address }])
    expect(announced(planned.changes)).toEqual([
      expect.objectContaining({ type: 'Webhook Updated', detail: expect.objectContaining({ changed }) }),
    ])
    expect(JSON.stringify(announced(planned.changes))).not.toContain('sealed')
  })

  it('is not changed by nothing', () => {
    expect(planUpdateWebhook(context, webhook, {})).toEqual({ webhook, changes: [] })
  })

  it('does not take its headers to another server', () => {
    const move = (of: Webhook, shownUrl: string) => () =>
      planUpdateWebhook(context, of, { address: { url: 'sealed', shownUrl } })
    expect(move(webhook, 'https://evil.example/hook')).toThrow(/give them again/)
    expect(move(webhook, 'http://ci.example/hook')).toThrow(/give them again/)
    expect(move(webhook, 'https://ci.example:8443/hook')).toThrow(/give them again/)
    expect(move(webhook, 'https://ci.example/elsewhere')).not.toThrow()
    expect(move({ ...webhook, headers: null }, 'https://evil.example/hook')).not.toThrow()
  })

  it('is enabled, disabled and deleted, each once', () => {
    expect(planEnableWebhook(context, webhook)).toEqual([])
    expect(planEnableWebhook(context, disabled)).toEqual([
      { change: 'enable-webhook', id: webhook.id },
      expect.objectContaining({ event: expect.objectContaining({ type: 'Webhook Enabled' }) }),
    ])
    expect(planDisableWebhook(context, disabled, 'why')).toEqual([])
    expect(planDisableWebhook(context, webhook, 'why')).toEqual([
      { change: 'disable-webhook', id: webhook.id, at: NOW, reason: 'why' },
      expect.objectContaining({ event: expect.objectContaining({ type: 'Webhook Disabled' }) }),
    ])
    expect(planDeleteWebhook(context, webhook)).toEqual([
      { change: 'delete-webhook', id: webhook.id },
      expect.objectContaining({ event: expect.objectContaining({ type: 'Webhook Deleted' }) }),
    ])
  })
})

describe('a new key', () => {
  it('leaves the others for a while, or until they expire anyway', () => {
    const of = { ...webhook, secrets: [secret('c'), secret('b', NOW + HOUR / 2), secret('a', NOW - 1)] }
    const { webhook: rotated, changes } = planRotateWebhookSecret(context, of, secret('d'), HOUR)
    expect(rotated.secrets.map(({ id, expiresAt }) => [id, expiresAt])).toEqual([
      ['d', null],
      ['c', NOW + HOUR],
      ['b', NOW + HOUR / 2],
    ])
    expect(others(changes)).toEqual([
      { change: 'rotate-webhook-secret', id: webhook.id, secret: secret('d'), expireOthersAt: NOW + HOUR },
    ])
    expect(announced(changes)).toEqual([
      expect.objectContaining({
        type: 'Webhook Secret Rotated',
        detail: expect.objectContaining({ othersExpireAt: '2030-01-01T01:00:00.000Z' }),
      }),
    ])
    expect(JSON.stringify(announced(changes))).not.toContain('sealed')
  })

  it('may end the others at once', () => {
    const { webhook: rotated } = planRotateWebhookSecret(context, webhook, secret('b'), 0)
    expect(rotated.secrets.map(({ id }) => id)).toEqual(['b'])
  })

  it('is refused where too many would sign', () => {
    const of = { ...webhook, secrets: ['e', 'd', 'c', 'b', 'a'].map((id) => secret(id, NOW + HOUR)) }
    expect(() => planRotateWebhookSecret(context, of, secret('f'), HOUR)).toThrow(/5 secrets/)
    expect(planRotateWebhookSecret(context, of, secret('f'), 0).webhook.secrets).toHaveLength(1)
  })
})

describe('a test', () => {
  it('is an event and its delivery', () => {
    const { event, delivery: id, changes } = planTestWebhook(context, webhook)
    expect(event).toMatchObject({ type: 'Webhook Tested', account: ACCOUNT, detail: { url: webhook.shownUrl } })
    expect(changes).toEqual([
      { change: 'announce', event },
      { change: 'create-delivery', id, webhook: webhook.id, event: event.id, at: NOW },
    ])
  })

  it('of one that is disabled is refused', () => {
    expect(() => planTestWebhook(context, disabled)).toThrow(
      expect.objectContaining({ code: 'conflict', message: expect.stringContaining('gone') }),
    )
  })
})

describe('a replay', () => {
  it('leaves what is pending', () => {
    const all = [delivery('a', 'dead'), delivery('b', 'pending'), delivery('c', 'delivered')]
    const { replayed, changes } = planReplayDeliveries(context, webhook, all)
    expect(replayed.map(({ id }) => id)).toEqual(['a', 'c'])
    expect(others(changes)).toEqual([
      { change: 'replay-delivery', id: 'a', at: NOW },
      { change: 'replay-delivery', id: 'c', at: NOW },
    ])
    expect(announced(changes)).toEqual([
      expect.objectContaining({ type: 'Deliveries Replayed', detail: expect.objectContaining({ count: 2 }) }),
    ])
  })

  it('of one names it', () => {
    const { changes } = planReplayDeliveries(context, webhook, [delivery('a', 'dead')])
    expect(announced(changes)[0]?.detail).toMatchObject({ count: 1, delivery: 'a', event: 'event of a' })
  })

  it('of nothing is nothing, and refused where the webhook is disabled', () => {
    expect(planReplayDeliveries(context, webhook, [delivery('b', 'pending')])).toEqual({ replayed: [], changes: [] })
    expect(() => planReplayDeliveries(context, disabled, [])).toThrow(/disabled/)
  })
})
