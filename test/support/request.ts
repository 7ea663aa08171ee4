import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'

export type Received = {
  readonly status: number
  /** The reason phrase of HTTP/1.1. */
  readonly reason: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export type Asked = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Milliseconds for all of it; 60 seconds where left out. */
  readonly timeout?: number
}

/** An answer's head; its body is read, or left standing, by whoever asked. Each request has a connection of its own. */
export function open(
  url: string,
  { method = 'GET', headers = {}, body, timeout = 60_000 }: Asked = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: false, signal: AbortSignal.timeout(timeout) }, resolve)
    request.on('error', reject)
    request.end(body)
  })
}

/** Asks and reads the whole answer. Rejects where the connection ends before the body does. */
export async function ask(url: string, asked: Asked = {}): Promise<Received> {
  const answer = await open(url, asked)
  const body = await buffer(answer)
  return {
    status: answer.statusCode ?? 0,
    reason: answer.statusMessage ?? '',
    headers: answer.headers,
    body,
  }
}
