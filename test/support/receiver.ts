import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** One request as a webhook's receiver got it. */
export type Received = {
  readonly at: number
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** The bytes that were signed. */
  readonly body: string
}

export type Answer = (received: Received, response: ServerResponse) => void

/** What a webhook leads to: it notes what it gets, and answers 204 unless it is told otherwise. */
export type Receiver = AsyncDisposable & {
  readonly url: string
  readonly port: number
  readonly received: readonly Received[]
  /** How it answers from now on. */
  answer: Answer
  /** Until `isEnough` of what it got; throws after ten seconds, or `ms`. */
  until(isEnough: (received: readonly Received[]) => boolean, ms?: number): Promise<readonly Received[]>
}

export const answerWith =
  (status: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (_received, response) =>
    void response.writeHead(status, headers).end(body)

export async function startReceiver(
  options: { readonly port?: number; readonly answer?: Answer } = {},
): Promise<Receiver> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('error', () => {})
    response.on('error', () => {})
    request.on('end', () => {
      const one: Received = {
        at: Date.now(),
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      }
      received.push(one)
      receiver.answer(one, response)
    })
  }).listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}/hook`,
    port,
    received,
    answer: options.answer ?? answerWith(204),
    async until(isEnough, ms = 10_000) {
      const end = performance.now() + ms
      while (!isEnough(received)) {
        if (performance.now() > end) throw new Error(`after ${ms} ms the receiver has ${received.length} requests`)
        await delay(5)
      }
      return received
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
  return receiver
}

/** `webhook-id`, by which receivers know what they had before. */
export const idOf = ({ headers }: Received): string => String(headers['webhook-id'])

export const dataOf = ({ body }: Received): { readonly detail: Record<string, unknown> } & Record<string, unknown> =>
  (JSON.parse(body) as { data: { detail: Record<string, unknown> } }).data
