export type OutboundErrorCode =
  /** The address is not public and nobody permitted it. Nothing was sent. */
  | 'refused-address'
  | 'timeout'
  /** No connection: refused, unreachable, no such host, TLS. */
  | 'connect'
  /** The connection broke after it stood. */
  | 'reset'
  | 'too-large'
  /** Too many hops, or one that may not be followed. */
  | 'redirect'
  /** What came is not HTTP as agreed, or the request cannot be expressed in it. */
  | 'protocol'

/** The one error that requests out fail with, besides the caller's own abort reason. Messages carry no credentials. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError'
  readonly code: OutboundErrorCode

  constructor(code: OutboundErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** A URL as messages may show it: user, password, query and fragment can all be secrets. */
export function displayUrl(url: URL | string): string {
  if (typeof url === 'string' && !URL.canParse(url)) return '(not a URL)'
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

const CONNECT_CODES = new Set(
  (
    'ECONNREFUSED ENOTFOUND EAI_AGAIN EAI_FAIL EHOSTUNREACH ENETUNREACH EADDRNOTAVAIL ECONNABORTED EPROTO ' +
    'UND_ERR_PRX_TLS UND_ERR_PRX_CONN UND_ERR_ABORTED'
  ).split(' '),
)
const TIMEOUT_CODES = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
])
const RESET_CODES = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'])

/** What the HTTP client or the network stack threw, in our words. */
export function asOutboundError(thrown: unknown, url: URL): OutboundError {
  if (thrown instanceof OutboundError) return thrown
  const error = thrown instanceof AggregateError ? (thrown.errors[0] as unknown) : thrown
  const code = String((error as { code?: unknown } | null)?.code ?? '')
  const where = displayUrl(url)
  if (TIMEOUT_CODES.has(code)) return new OutboundError('timeout', `${where} did not answer in time (${code})`, thrown)
  if (RESET_CODES.has(code)) return new OutboundError('reset', `the connection to ${where} broke (${code})`, thrown)
  const isConnect =
    CONNECT_CODES.has(code) || /^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_OSSL)/.test(code)
  if (isConnect) return new OutboundError('connect', `cannot connect to ${url.origin} (${code})`, thrown)
  return new OutboundError('protocol', `${where} did not answer as HTTP should (${code || 'unknown error'})`, thrown)
}
