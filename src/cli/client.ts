import {
  isCodeArtifact,
  type GivenInput,
  type Members,
  type Operation,
  type OutputOf,
  type Schema,
} from '../api/operation.ts'
import type { Credentials } from './credentials.ts'
import { EXIT, exitCodeOf, Failure } from './failure.ts'
import { send, type WrittenRequest } from './send.ts'
import { assumeRole, type AssumeRole, type RoleCredentials } from './sts.ts'

/** A server of the management API, asked as one caller. */
export type Client = {
  /** Without a trailing slash. */
  readonly url: string
  call<M extends Members, Out extends Schema>(
    operation: Operation<M, Out>,
    input: GivenInput<M>,
  ): Promise<OutputOf<{ readonly output: Out }>>
  /** Asks STS. */
  assumeRole(wish: AssumeRole): Promise<RoleCredentials>
}

export function openClient(options: {
  readonly url: string
  readonly region: string
  readonly credentials: Credentials
}): Client {
  const url = options.url.replace(/\/+$/, '')
  return {
    url,
    async call(operation, input) {
      const request = writeRequest(operation, input as Readonly<Record<string, unknown>>)
      const service = isCodeArtifact(operation) ? 'codeartifact' : 'granary'
      const response = await send(`${url}${request.target}`, request, service, options)
      return (await readAnswer(response)) as never
    },
    assumeRole: (wish) => assumeRole(url, wish, options),
  }
}

/** An operation's input as the HTTP request that it travels in. */
export function writeRequest(
  operation: Pick<Operation, 'method' | 'path' | 'input'>,
  input: Readonly<Record<string, unknown>>,
): WrittenRequest {
  const query = new URLSearchParams()
  const headers: Record<string, string> = {}
  const body: Record<string, unknown> = {}
  let target: string = operation.path
  let hasBody = false
  for (const [key, member] of Object.entries(operation.input)) {
    hasBody ||= member.in === 'body'
    const value = input[key]
    if (value === undefined) continue
    if (member.in === 'query') query.set(member.name, String(value))
    else if (member.in === 'header') headers[member.name] = String(value)
    else if (member.in === 'body') body[member.name] = value
    else target = target.replace(`{${member.name}}`, encodeURIComponent(String(value)))
  }
  if (hasBody) headers['content-type'] = 'application/json'
  return {
    method: operation.method,
    target: query.size > 0 ? `${target}?${query.toString().replaceAll('+', '%20')}` : target,
    headers,
    body: hasBody ? JSON.stringify(body) : null,
  }
}

async function readAnswer(response: Response): Promise<unknown> {
  const text = await response.text()
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    const { origin } = new URL(response.url)
    throw new Failure(
      EXIT.failed,
      `${origin} answered ${response.status} with something that is not JSON: is it a Granary server?`,
    )
  }
  if (response.ok) return body
  throw new Failure(exitCodeOf(response.status), messageOf(body) ?? `The server answered ${response.status}`)
}

/** CodeArtifact's `{ message }` or ours, `{ error: { message } }`. */
function messageOf(body: unknown): string | null {
  const { message, error } = (body ?? {}) as { message?: unknown; error?: { message?: unknown } }
  const found = message ?? error?.message
  return typeof found === 'string' ? found : null
}
