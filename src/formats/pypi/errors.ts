import type { IncomingHttpHeaders } from 'node:http'
import { STATUS, type ErrorCode, type RegistryError } from '../../registry/errors.ts'
import type { RenderedError } from '../format.ts'

/** pip and twine print the reason phrase of HTTP/1.1, and little else. */
const MAX_REASON_LENGTH = 200

/** uv prints it before the message. */
const TITLE: Readonly<Record<ErrorCode, string>> = {
  invalid: 'Bad request',
  unauthenticated: 'Not logged in',
  quota: 'Over quota',
  forbidden: 'Forbidden',
  held: 'Held back',
  not_found: 'Not found',
  not_acceptable: 'Not acceptable',
  method_not_allowed: 'Method not allowed',
  conflict: 'Conflict',
  too_large: 'Too large',
  unsupported_media: 'Unsupported media type',
  range: 'Range not satisfiable',
  mismatch: 'Mismatch',
  throttled: 'Too many requests',
  upstream_down: 'Upstream is down',
  busy: 'Busy',
  upstream_slow: 'Upstream is slow',
  disk_full: 'Disk is full',
}

/** Answers in the words of whoever asks: uv reads problem documents (RFC 9457), twine and uv the public index's own members. */
export function renderError(
  error: RegistryError,
  request: { readonly headers: IncomingHttpHeaders; readonly requestId: string },
): RenderedError {
  // What exists already is no conflict on PyPI but a bad request; old and new twine look for it there.
  const status = error.code === 'conflict' ? 400 : STATUS[error.code]
  const reasonPhrase = reasonOf(error.message)
  const type = bodyType(request.headers.accept)
  const headers = {
    ...headersOf(error),
    'content-type': type ?? 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
  }
  if (type === null) return { status, reasonPhrase, headers, body: `${error.message}\n` }
  const code = `${status} ${error.message}`
  const body = {
    status,
    title: TITLE[error.code],
    detail: error.message,
    message: error.message,
    code,
    requestId: request.requestId,
  }
  return { status, reasonPhrase, headers, body: JSON.stringify(body) }
}

function headersOf({ code, details, message }: RegistryError): Record<string, string> {
  const headers: Record<string, string> = {}
  // Without it no client ever sends its credentials.
  if (code === 'unauthenticated')
    headers['www-authenticate'] =
      `Basic realm="granary", error_description="${reasonOf(message).replaceAll(/["\\]/g, "'")}"`
  if (details.retryAfter !== undefined) headers['retry-after'] = String(Math.ceil(details.retryAfter))
  if (code === 'range' && details.size !== undefined) headers['content-range'] = `bytes */${details.size}`
  if (code === 'method_not_allowed') headers['allow'] = 'GET, HEAD, POST'
  return headers
}

/** RFC 9112: one line of printable Latin-1. */
const reasonOf = (message: string): string =>
  message
    .replace(/\s+/g, ' ')
    .replace(/[^\x20-\x7e\xa0-\xff]/g, '?')
    .slice(0, MAX_REASON_LENGTH)
    .trim()

/** Plain text for people with a browser, who ask for HTML first; JSON for clients. Null for text. */
function bodyType(accept: string | undefined): string | null {
  const wanted = (accept ?? '*/*').toLowerCase()
  if (/application\/problem\+json/.test(wanted)) return 'application/problem+json'
  // uv's uploads ask for this type, and read it under no other.
  if (/application\/json/.test(wanted)) return 'application/json'
  if (/\+json/.test(wanted)) return 'application/problem+json'
  return /text\/|\/xml|xhtml/.test(wanted) ? null : 'application/problem+json'
}
