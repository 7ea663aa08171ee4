import { randomUUID } from 'node:crypto'
import { RegistryError, STATUS, type ErrorCode } from '../registry/errors.ts'
import { stsError } from './sts/answers.ts'

export type ManagementResponse = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** aws: as CodeArtifact answers. sts: as STS does, in XML. granary: as `/api` answers. */
export type ManagementDialect = 'aws' | 'sts' | 'granary'

// Statuses of CodeArtifact's service model; AWS answers 403 to whoever it does not know.
const EXCEPTIONS: Partial<Record<ErrorCode, readonly [name: string, status: number]>> = {
  invalid: ['ValidationException', 400],
  mismatch: ['ValidationException', 400],
  unsupported_media: ['ValidationException', 400],
  unauthenticated: ['UnrecognizedClientException', 403],
  quota: ['ServiceQuotaExceededException', 402],
  forbidden: ['AccessDeniedException', 403],
  held: ['AccessDeniedException', 403],
  not_found: ['ResourceNotFoundException', 404],
  method_not_allowed: ['UnknownOperationException', 404],
  conflict: ['ConflictException', 409],
  too_large: ['RequestEntityTooLargeException', 413],
  throttled: ['ThrottlingException', 429],
}

const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' }

export const jsonResponse = (status: number, body: unknown): ManagementResponse => ({
  status,
  headers: JSON_HEADERS,
  body: JSON.stringify(body),
})

/** Any error; what is no RegistryError is a bug, about which the caller learns nothing. Logging it is the caller's business. */
export function renderManagementError(
  dialect: ManagementDialect,
  error: unknown,
  requestId: string = randomUUID(),
): ManagementResponse {
  if (dialect === 'sts') return stsError(error, requestId)
  const known =
    error instanceof RegistryError ? error : new RegistryError('busy', 'An internal error occurred. Please try again')
  const status = error instanceof RegistryError ? undefined : 500
  return dialect === 'aws' ? renderAws(known, status) : renderGranary(known, status)
}

const retryAfter = ({ details }: RegistryError): Record<string, string> =>
  details.retryAfter === undefined ? {} : { 'retry-after': String(Math.ceil(details.retryAfter)) }

function renderAws(error: RegistryError, forced: number | undefined): ManagementResponse {
  const [standard, status] = EXCEPTIONS[error.code] ?? ['InternalServerException', forced ?? STATUS[error.code]]
  const name = error.details.awsCode ?? standard
  const { resourceId, resourceType, reason } = error.details
  return {
    status,
    // botocore reads the header first and the body after it; other clients read one of them.
    headers: { ...JSON_HEADERS, ...retryAfter(error), 'x-amzn-errortype': name },
    body: JSON.stringify({
      __type: name,
      message: error.message,
      ...(name === 'ValidationException' && { reason: reason ?? 'FIELD_VALIDATION_FAILED' }),
      ...(resourceId !== undefined && { resourceId }),
      ...(resourceType !== undefined && { resourceType }),
    }),
  }
}

function renderGranary(error: RegistryError, forced: number | undefined): ManagementResponse {
  const { message, code } = error
  return {
    status: forced ?? STATUS[code],
    headers: {
      ...JSON_HEADERS,
      ...retryAfter(error),
      ...(code === 'unauthenticated' && { 'www-authenticate': 'Bearer realm="granary"' }),
    },
    body: JSON.stringify({ error: { code: forced === undefined ? code : 'internal', message } }),
  }
}
