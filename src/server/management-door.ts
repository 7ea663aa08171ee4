import type { IncomingMessage, ServerResponse } from 'node:http'
import { RegistryError } from '../registry/errors.ts'
import type { Caller } from '../registry/model.ts'
import type { Addresses } from './addresses.ts'
import type { Exchange } from './exchange.ts'
import { bug, sendBytes, sendError } from './respond.ts'

// The door of the management API: a request's body is read whole (it is what a signature signs), its sender established,
// and the operation run.

/** Requests of the API are small documents. */
const MAX_BODY = 1024 * 1024

export type ManagementRequest = {
  readonly method: string
  readonly rawPath: string
  readonly rawQuery: string
  readonly headers: IncomingMessage['headers']
  /** Name, value, name, value … as received. */
  readonly rawHeaders: readonly string[]
  readonly body: Uint8Array
  readonly caller: Caller
  readonly topology: number
  /** The public origin under which the client reached the server. */
  readonly origin: string
}

export type ManagementAnswer = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }

/** `server/management.ts` makes one. `Route` is its own. */
export type Management<Route> = {
  match(method: string, rawPath: string): Route | undefined
  /** For logs and metrics. */
  nameOf(route: Route): string
  handle(route: Route, request: ManagementRequest): Promise<ManagementAnswer>
  renderError(route: Route | undefined, error: RegistryError): ManagementAnswer
}

export type ManagementParts<Route = unknown> = {
  readonly management: Management<Route>
  readonly addresses: Addresses
  readonly readTopology: () => Promise<number>
  readonly authenticate: (request: Omit<ManagementRequest, 'caller' | 'origin'> & { readonly peer: string; readonly hosts: readonly string[] }) => Promise<Caller>
}

/** False where the path is no operation's. */
export async function serveManagement<Route>(
  parts: ManagementParts<Route>,
  request: IncomingMessage,
  response: ServerResponse,
  exchange: Exchange,
): Promise<boolean> {
  const url = request.url ?? ''
  const mark = url.indexOf('?')
  const rawPath = mark < 0 ? url : url.slice(0, mark)
  const method = request.method ?? 'GET'
  const { management, addresses } = parts
  const route = management.match(method, rawPath)
  if (route === undefined) return false
  exchange.route = management.nameOf(route)
  try {
    const received = {
      method,
      rawPath,
      rawQuery: mark < 0 ? '' : url.slice(mark + 1),
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      body: await readBody(request),
      topology: await parts.readTopology(),
    }
    const caller = await parts.authenticate({ ...received, peer: addresses.peerOf(request), hosts: addresses.hosts })
    exchange.caller = caller
    const answer = await management.handle(route, { ...received, caller, origin: addresses.originOf(request) })
    sendBytes(request, response, answer.status, answer.headers, answer.body)
  } catch (error) {
    const known = exchange.explain(error)
    sendError(request, response, known ? management.renderError(route, known) : bug(exchange.id))
  }
  return true
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY) throw new RegistryError('too_large', `A request to this API has at most ${MAX_BODY} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
