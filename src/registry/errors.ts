/** Every way in which a request can fail for a reason that its sender may know. A closed list: protocols translate it, the core never says 404. */
export type ErrorCode =
  | 'invalid'
  | 'unauthenticated'
  | 'quota'
  | 'forbidden'
  | 'held'
  | 'not_found'
  | 'not_acceptable'
  | 'method_not_allowed'
  | 'conflict'
  | 'too_large'
  | 'unsupported_media'
  | 'range'
  | 'mismatch'
  | 'throttled'
  | 'upstream_down'
  | 'busy'
  | 'upstream_slow'
  | 'disk_full'

/** The HTTP status of each code where a protocol does not override it. */
export const STATUS = {
  invalid: 400,
  unauthenticated: 401,
  quota: 402,
  forbidden: 403,
  held: 403,
  not_found: 404,
  method_not_allowed: 405,
  not_acceptable: 406,
  conflict: 409,
  too_large: 413,
  unsupported_media: 415,
  range: 416,
  mismatch: 422,
  throttled: 429,
  upstream_down: 502,
  busy: 503,
  upstream_slow: 504,
  disk_full: 507,
} as const satisfies Record<ErrorCode, number>

/** What a protocol's body may say besides the message. */
export type ErrorDetails = {
  /** What kind of thing the error is about, in CodeArtifact's words. */
  readonly resourceType?: 'domain' | 'repository' | 'package' | 'package-version' | 'asset'
  readonly resourceId?: string
  /** Seconds after which trying again makes sense; becomes `Retry-After`. */
  readonly retryAfter?: number
  /** Total length in bytes, for `range`. */
  readonly size?: number
  /** What AWS calls this very error, where its clients tell it from others of the same code: `InvalidSignatureException`. */
  readonly awsCode?: string
  /** Which kind of `invalid` it is, in CodeArtifact's words; a field's value if left out. */
  readonly reason?: 'CANNOT_PARSE' | 'ENCRYPTION_KEY_ERROR' | 'FIELD_VALIDATION_FAILED' | 'UNKNOWN_OPERATION' | 'OTHER'
}

/** The one error class whose message is meant for the person at the other end. Anything else that is thrown is a bug. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, options: ErrorDetails & { cause?: unknown } = {}) {
    const { cause, ...details } = options
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.details = details
  }
}

/** An outage is an answer where something can be served without the upstream; anything else is thrown. */
export function outageOf(error: unknown): RegistryError {
  if (error instanceof RegistryError && (error.code === 'upstream_down' || error.code === 'upstream_slow')) return error
  throw error
}
