import { AwsClient } from 'aws4fetch'
import type { Credentials } from './credentials.ts'
import { EXIT, Failure } from './failure.ts'

export type WrittenRequest = {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

/** Who asks, and the region that requests are signed for. */
export type Asking = { readonly credentials: Credentials; readonly region: string }

const TIMEOUT_MS = 60_000

/** `service`: what the signature is for: `codeartifact`, `granary`, `sts`. */
export async function send(
  url: string,
  { method, headers, body }: Omit<WrittenRequest, 'target'>,
  service: string,
  { credentials, region }: Asking,
): Promise<Response> {
  const init = {
    method,
    headers,
    // A redirect would take the signature, or the token, to a server that nobody named.
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(body !== null && { body }),
  } satisfies RequestInit
  try {
    if (credentials.kind === 'token') {
      return await fetch(url, { ...init, headers: { ...headers, authorization: `Bearer ${credentials.token}` } })
    }
    const { accessKeyId, secretAccessKey, sessionToken } = credentials
    const signer = new AwsClient({
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== null && { sessionToken }),
      service,
      region,
    })
    return await fetch(await signer.sign(url, init))
  } catch (error) {
    throw unreachable(url, error)
  }
}

function unreachable(url: string, error: unknown): Failure {
  const { origin } = new URL(url)
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = (cause as NodeJS.ErrnoException).code
  const why = code === 'ECONNREFUSED' ? 'nothing listens there' : cause instanceof Error ? cause.message : String(cause)
  const hint =
    code === 'ECONNREFUSED' ? '. Is `granary serve` running? Another server is named by --url or GRANARY_URL' : ''
  return new Failure(EXIT.failed, `${origin} cannot be reached: ${why}${hint}`, { cause: error })
}
