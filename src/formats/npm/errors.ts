import type { IncomingHttpHeaders } from 'node:http'
import { STATUS, type RegistryError } from '../../registry/errors.ts'
import type { RenderedError } from '../format.ts'
import { noticeText } from './notice.ts'

/**
 * npm's error body: clients print `error`. Neither the challenge nor a 401's body may hold the words that make npm ask for a
 * one-time password or complain of an address (`otp`, `ipaddress`, `one-time pass`).
 */
export function renderError(error: RegistryError, request: { readonly headers: IncomingHttpHeaders }): RenderedError {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  if (error.code === 'unauthenticated') headers['www-authenticate'] = 'Bearer realm="granary", Basic realm="granary"'
  if (error.details.retryAfter !== undefined)
    headers['retry-after'] = String(Math.max(0, Math.ceil(error.details.retryAfter)))
  if (error.code === 'held') headers['npm-notice'] = noticeText(error.message)
  return {
    status: STATUS[error.code],
    ...(showsReasonPhrase(error, request.headers['user-agent']) && { reasonPhrase: noticeText(error.message) }),
    headers,
    body: JSON.stringify({ error: error.message, message: error.message }),
  }
}

/** pnpm prints no body, but the reason phrase; npm prints both, and would say it twice. */
const showsReasonPhrase = ({ code }: RegistryError, client = ''): boolean =>
  (code === 'held' || code === 'forbidden') && !client.startsWith('npm/')
