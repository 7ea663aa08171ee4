import { OutboundError } from '../outbound/outbound-error.ts'
import type { Outbound } from '../outbound/outbound.ts'
import type { OutboundResponse } from '../outbound/request.ts'
import { parseRetryAfter } from '../outbound/retry-after.ts'
import type { RecordedEvent } from '../registry/events.ts'
import type { Instant, Sealed } from '../registry/model.ts'
import type { Clock } from '../registry/ports.ts'
import { webhookSeal, type DeliveryAttempt, type Webhook } from '../registry/webhooks.ts'
import { scrubber, type Scrub } from './scrub.ts'
import { signatureHeaders } from './sign.ts'
import { eventData, wireBody } from './wire.ts'

/** From the first packet to the last byte of the answer. Standard Webhooks: 15 to 30 s. Milliseconds. */
export const ATTEMPT_TIMEOUT_MS = 15_000
/** Of the answer's body, for the log. */
const RESPONSE_BYTES = 20_000

export type Sending = {
  readonly outbound: Pick<Outbound, 'request'>
  /** Opens what stands sealed in the store. */
  readonly open: (sealed: Sealed, context: string) => Uint8Array
  readonly clock: Clock
  readonly region: string
  /** Milliseconds; 15,000 if left out. */
  readonly timeoutMs?: number
}

export type Made = Omit<DeliveryAttempt, 'delivery' | 'number'>

/** What came of sending an event once. */
export type Attempt = {
  readonly made: Made
  /** For how long the receiver asked to be left alone, in milliseconds; null where it did not. */
  readonly wish: number | null
}

/** Rejects only with the reason of `signal`. */
export async function attempt(
  sending: Sending,
  webhook: Webhook,
  event: RecordedEvent,
  signal: AbortSignal,
): Promise<Attempt> {
  const { outbound, clock, timeoutMs = ATTEMPT_TIMEOUT_MS } = sending
  const at = clock.now()
  const begun = performance.now()
  const made = (what: Omit<Made, 'at' | 'duration'>): Made => ({
    ...what,
    at,
    duration: Math.round(performance.now() - begun),
  })
  const failed = (error: string): Attempt => ({
    made: made({ succeeded: false, status: null, error, response: null }),
    wish: null,
  })
  const request = requestOf(sending, webhook, event, at)
  if (!request) return failed('its URL, headers or signing keys do not open under the present master key')
  const { url, headers, body, scrub } = request
  try {
    const response = await outbound.request({
      url,
      method: 'POST',
      headers,
      body,
      maxRedirects: 0,
      signal,
      deadline: at + timeoutMs,
    })
    const { status } = response
    const text = await readBeginning(response, scrub)
    return {
      made: made({ succeeded: isSuccess(status), status, error: problemOf(status), response: text }),
      wish: parseRetryAfter(response.headers['retry-after'], clock.now()),
    }
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    return failed(scrub(error.message))
  }
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300

function problemOf(status: number): string | null {
  if (isSuccess(status)) return null
  const why = status >= 300 && status < 400 ? '; redirects are not followed' : ''
  return `the receiver answered ${status}${why}`
}

/** null where what stands sealed does not open: that is this webhook's trouble, and nobody else's. */
function opened({ open }: Sending, webhook: Webhook, at: Instant) {
  const textOf = (sealed: Sealed, context: string) => Buffer.from(open(sealed, context)).toString()
  try {
    return {
      url: textOf(webhook.url, webhookSeal.url(webhook)),
      headers: webhook.headers === null ? '{}' : textOf(webhook.headers, webhookSeal.headers(webhook)),
      keys: webhook.secrets
        .filter(({ expiresAt }) => expiresAt === null || expiresAt > at)
        .map((secret) => open(secret.secret, webhookSeal.secret(secret))),
    }
  } catch {
    return null
  }
}

function requestOf(sending: Sending, webhook: Webhook, event: RecordedEvent, at: Instant) {
  const secret = opened(sending, webhook, at)
  if (!secret) return null
  const { url, keys } = secret
  const own = JSON.parse(secret.headers) as Record<string, string>
  const { region } = sending
  const body = wireBody(event, eventData(event, { region, account: webhook.account }))
  const signature = signatureHeaders({ id: event.id, at, body }, keys)
  const secrets = [url, ...Object.values(own), ...queryOf(url), signature['webhook-signature']]
  return {
    url,
    body,
    scrub: scrubber(secrets),
    // Later ones win: nobody gives a webhook headers that forge its signature.
    headers: { accept: '*/*', ...own, 'accept-encoding': 'identity', 'content-type': 'application/json', ...signature },
  }
}

const queryOf = (url: string): readonly string[] => {
  const { search } = new URL(url)
  return [
    search,
    ...search
      .slice(1)
      .split('&')
      .map((part) => part.slice(part.indexOf('=') + 1)),
  ]
}

/** Whether it was taken, the status says; so an answer that breaks off or does not end is only shorter in the log. */
async function readBeginning(response: OutboundResponse, scrub: Scrub): Promise<string> {
  const wanted = RESPONSE_BYTES + scrub.longest
  const chunks: Uint8Array[] = []
  let size = 0
  let isWhole = false
  try {
    for await (const chunk of response.body) {
      chunks.push(chunk)
      size += chunk.length
      if (size > wanted) break
    }
    isWhole = size <= wanted
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
  } finally {
    response.dump()
  }
  const text = scrub(Buffer.concat(chunks).subarray(0, wanted).toString())
  // The end of what was cut off may be the beginning of a secret, which cannot be told from other text.
  const safe = isWhole ? text : text.slice(0, Math.max(0, text.length - scrub.longest))
  return cut(safe)
}

/** Never more bytes than may be kept, and no half of a character. */
const cut = (text: string): string =>
  Buffer.byteLength(text) <= RESPONSE_BYTES
    ? text
    : new TextDecoder().decode(Buffer.from(text).subarray(0, RESPONSE_BYTES), { stream: true })
