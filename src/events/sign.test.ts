import { Webhook, WebhookVerificationError } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { mintSecret, signatureHeaders } from './sign.ts'

const keyOf = (shown: string): Uint8Array => Buffer.from(shown.slice('whsec_'.length), 'base64')

/** The vector of Standard Webhooks' own documents, and the same without a space. */
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
const AT = 1_614_265_330_000

it.each([
  ['{"test": 2432232314}', 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='],
  ['{"test":2432232314}', 'v1,Vif40peJBP7Iyl0XGmu61n4MwdrcHov5CFREBpE0svs='],
])('signs %s', (body, signature) => {
  expect(signatureHeaders({ id: ID, at: AT, body: Buffer.from(body) }, [keyOf(SECRET)])).toEqual({
    'webhook-id': ID,
    'webhook-timestamp': '1614265330',
    'webhook-signature': signature,
  })
})

describe("what receivers' libraries make of it", () => {
  const body = '{"type":"package_version.created","data":{"name":"é"}}'
  const sign = (keys: readonly Uint8Array[], at = Date.now()) => ({
    ...signatureHeaders({ id: ID, at, body: Buffer.from(body) }, keys),
  })

  it('verifies with a minted secret', () => {
    const { shown, key } = mintSecret()
    expect(shown).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(Buffer.compare(keyOf(shown), key)).toBe(0)
    expect(new Webhook(shown).verify(body, sign([key]))).toEqual(JSON.parse(body))
  })

  it('verifies with either secret while both are alive, and with no other', () => {
    const [old, fresh, strange] = [mintSecret(), mintSecret(), mintSecret()]
    const headers = sign([fresh.key, old.key])
    expect(headers['webhook-signature'].split(' ')).toHaveLength(2)
    for (const { shown } of [old, fresh]) expect(new Webhook(shown).verify(body, headers)).toBeTruthy()
    expect(() => new Webhook(strange.shown).verify(body, headers)).toThrow(WebhookVerificationError)
    expect(() => new Webhook(old.shown).verify(body, sign([fresh.key]))).toThrow(WebhookVerificationError)
  })

  it.each([
    ['another id', { 'webhook-id': `${ID}x` }, body],
    ['another time', { 'webhook-timestamp': String(Math.floor(Date.now() / 1000) - 60) }, body],
    ['another body', {}, body.replace('created', 'deleted')],
  ])('refuses %s', (_what, changed, sent) => {
    const { shown, key } = mintSecret()
    expect(() => new Webhook(shown).verify(sent, { ...sign([key]), ...changed })).toThrow(WebhookVerificationError)
  })

  it.each([-301, 301])('refuses what was signed %d seconds from now', (seconds) => {
    const { shown, key } = mintSecret()
    expect(() => new Webhook(shown).verify(body, sign([key], Date.now() + seconds * 1000))).toThrow(/timestamp/i)
  })
})

it.each(['a.1', 'a\nb', '', 'a b'])('signs nothing under the id %j', (id) => {
  expect(() => signatureHeaders({ id, at: AT, body: Buffer.from('') }, [keyOf(SECRET)])).toThrow('id of a message')
})
