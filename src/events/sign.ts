import { createHmac, randomBytes } from 'node:crypto'

const PREFIX = 'whsec_'
const KEY_BYTES = 32

/** A new signing key: the raw bytes, and the one spelling of them that receivers' libraries take. */
export function mintSecret(): { readonly shown: string; readonly key: Uint8Array } {
  const key = randomBytes(KEY_BYTES)
  return { shown: PREFIX + key.toString('base64'), key }
}

/**
 * The headers of Standard Webhooks 1.0 for one attempt: one symmetric signature for each key, so that a receiver which knows
 * any of them is satisfied.
 * @param id the event's, the same at each attempt
 * @param at of the attempt, in milliseconds since 1970
 */
export function signatureHeaders(
  { id, at, body }: { readonly id: string; readonly at: number; readonly body: Uint8Array },
  keys: readonly Uint8Array[],
): Readonly<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>> {
  // INVARIANT: a dot in the id would make two messages of one signature; ids are UUIDs that are made here.
  if (!/^[\w-]+$/.test(id)) throw new Error(`${JSON.stringify(id)} cannot be the id of a message`)
  const timestamp = String(Math.floor(at / 1000))
  const sign = (key: Uint8Array) =>
    `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')}`
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': keys.map(sign).join(' ') }
}
