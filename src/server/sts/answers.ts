import { RegistryError, STATUS, type ErrorCode } from '../../registry/errors.ts'
import { document, type Element } from './xml.ts'

export type StsResponse = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const HEADERS = { 'content-type': 'text/xml', 'cache-control': 'no-store' }

/** `action`: AssumeRole, say, after which the answer's elements are named. */
export const stsAnswer = (action: string, result: readonly Element[], requestId: string): StsResponse => ({
  status: 200,
  headers: HEADERS,
  body: document(`${action}Response`, [
    [`${action}Result`, result],
    ['ResponseMetadata', [['RequestId', requestId]]],
  ]),
})

/** Names and statuses of the Query protocol's common errors. */
const ERRORS: Partial<Record<ErrorCode, readonly [name: string, status: number]>> = {
  invalid: ['ValidationError', 400],
  unsupported_media: ['ValidationError', 400],
  unauthenticated: ['InvalidClientTokenId', 403],
  forbidden: ['AccessDenied', 403],
  too_large: ['RequestEntityTooLarge', 413],
  throttled: ['Throttling', 429],
}

/** Any error; what is no RegistryError is a bug, about which the caller learns nothing. Logging it is the caller's business. */
export function stsError(error: unknown, requestId: string): StsResponse {
  const [code, status, message] = describe(error)
  const retryAfter = error instanceof RegistryError ? error.details.retryAfter : undefined
  return {
    status,
    headers: {
      ...HEADERS,
      ...(retryAfter !== undefined && { 'retry-after': String(Math.ceil(retryAfter)) }),
    },
    body: document('ErrorResponse', [
      [
        'Error',
        [
          ['Type', status < 500 ? 'Sender' : 'Receiver'],
          ['Code', code],
          ['Message', message],
        ],
      ],
      ['RequestId', requestId],
    ]),
  }
}

function describe(error: unknown): readonly [code: string, status: number, message: string] {
  if (!(error instanceof RegistryError)) return ['InternalFailure', 500, 'An internal error occurred. Please try again']
  const [name, status] = ERRORS[error.code] ?? ['ServiceUnavailable', STATUS[error.code]]
  // Too many log-ins have a name of the JSON protocols; all other names are STS's own.
  return [error.code === 'throttled' ? name : (error.details.awsCode ?? name), status, error.message]
}
