import { request, type Agent, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'

export type HttpAnswer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer }

export type HttpRequest = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly agent?: Agent
  readonly signal?: AbortSignal
}

function send<T>(
  url: string,
  { method = 'GET', headers = {}, body, agent, signal }: HttpRequest,
  read: (response: IncomingMessage) => Promise<T>,
) {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const options = { method, headers, ...(agent ? { agent } : {}), ...(signal ? { signal } : {}) }
  const sent = request(url, options, (response) => read(response).then(resolve, reject))
  sent.on('error', reject)
  sent.end(body)
  return promise
}

/** One request over plain HTTP; the body comes as it was sent, not decompressed. */
export const ask = (url: string, asked: HttpRequest = {}): Promise<HttpAnswer> =>
  send(url, asked, async (response) => ({
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: await buffer(response),
  }))

/** How an answer came in, by the client's clock (`performance.now()`). */
export type Arrival = { readonly status: number; readonly size: number; readonly firstByteAt: number }

/** Reads an answer to its end and keeps nothing of it. */
export const askForArrival = (url: string, asked: HttpRequest): Promise<Arrival> =>
  send(url, asked, async (response) => {
    let size = 0
    let firstByteAt = NaN
    for await (const chunk of response) {
      if (size === 0) firstByteAt = performance.now()
      size += (chunk as Buffer).length
    }
    return { status: response.statusCode ?? 0, size, firstByteAt }
  })
