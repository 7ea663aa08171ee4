import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Authenticator } from '../auth/authenticate.ts'
import { RegistryError } from '../registry/errors.ts'
import type { Addresses } from './addresses.ts'
import type { Exchange } from './exchange.ts'
import type { Management } from './management.ts'
import { splitTarget } from './request-target.ts'
import { sendBytes, sendError } from './respond.ts'

// The door of the management API: a request's body is read whole (it is what a signature signs), its sender established,
// and the operation run.

/** Requests of the API are small documents. */
const MAX_BODY = 1024 * 1024

export type ManagementDoor = {
  readonly management: Management
  readonly addresses: Addresses
  readonly authenticator: Pick<Authenticator, 'management'>
  readonly readTopology: () => Promise<number>
  /** Milliseconds for the whole body: it is read before anybody knows whose it is, and it is small. */
  readonly bodyDeadlineMs: number
}

/** False where the path is no operation's. */
export async function serveManagement(
  door: ManagementDoor,
  request: IncomingMessage,
  response: ServerResponse,
  exchange: Exchange,
): Promise<boolean> {
  const { rawPath, rawQuery } = splitTarget(request)
  const method = request.method ?? 'GET'
  const route = door.management.match(method, rawPath)
  if (route === undefined) return false
  exchange.route = route.name
  // Where AWS's clients look for what they log and show with an error.
  if (route.service !== 'granary') response.setHeader('x-amzn-requestid', exchange.id)
  try {
    const received = {
      method,
      rawPath,
      rawQuery,
      body: await readBody(request, door.bodyDeadlineMs),
    }
    const address = door.addresses.peerOf(request)
    const { caller } = await door.authenticator.management({
      ...received,
      headers: pairs(request.rawHeaders),
      service: route.service,
      address,
      topology: await door.readTopology(),
    })
    exchange.caller = caller
    const answer = await door.management.handle(route, {
      ...received,
      caller,
      headers: request.headers,
      host: request.headers.host ?? '',
      facts: { 'aws:SourceIp': address },
      requestId: exchange.id,
    })
    sendBytes(request, response, answer.status, answer.headers, answer.body)
  } catch (error) {
    exchange.explain(error)
    sendError(request, response, door.management.renderError(route, error, exchange.id))
  }
  return true
}

/** Node gives received headers as name, value, name, value …; a header that came twice is there twice. */
const pairs = (raw: readonly string[]): readonly (readonly [string, string])[] =>
  Array.from({ length: raw.length / 2 }, (_, at) => [raw[2 * at] ?? '', raw[2 * at + 1] ?? ''] as const)

async function readBody(request: IncomingMessage, deadlineMs: number): Promise<Uint8Array> {
  const late = setTimeout(() => request.destroy(), deadlineMs)
  const chunks: Buffer[] = []
  let size = 0
  try {
    // Whoever sends too much still gets an answer: the request must not be destroyed.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > MAX_BODY) throw new RegistryError('too_large', `A request to this API has at most ${MAX_BODY} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof RegistryError) throw error
    throw new RegistryError('invalid', 'The body of the request broke off', { cause: error })
  } finally {
    clearTimeout(late)
  }
  return Buffer.concat(chunks)
}
