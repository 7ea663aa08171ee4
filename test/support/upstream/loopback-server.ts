import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { answerWithFault, Faults, sendBody } from './faults.ts'
import { inRange, type RangeManners } from './ranges.ts'

/** One request as it arrived. `path` is raw (not decoded), without the query. */
export type SeenRequest = {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string | undefined>>
  /** Of a POST. */
  readonly body: Buffer
  /** Bytes that the answer had, set when it was begun. */
  sent: number
}

export type UpstreamAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** Documents: they carry an ETag, answer conditions, and are compressed for who asks. Files are not. */
  readonly document: boolean
}

export const json = (
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): UpstreamAnswer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: Buffer.from(JSON.stringify(value)),
  document: true,
})

export const file = (body: Uint8Array, headers: Readonly<Record<string, string>> = {}): UpstreamAnswer => ({
  status: 200,
  headers: {
    'content-type': 'application/octet-stream',
    'cache-control': 'public, max-age=31557600, immutable',
    ...headers,
  },
  body,
  document: false,
})

/** A registry on the loopback interface that can be made to fail. */
export type LoopbackServer = AsyncDisposable & {
  /** `http://127.0.0.1:PORT`, without a slash; it stays the same over `down` and `up`. */
  readonly origin: string
  /** Everything that was asked, in order. */
  readonly requests: SeenRequest[]
  readonly faults: Faults
  /** How many requests asked for this path. */
  countOf(path: string | RegExp): number
  /** Bytes that were sent for this path. */
  bytesOf(path: string | RegExp): number
  /** How parts of files are given from now on; faithfully at first. */
  giveRanges(manners: RangeManners): void
  /** Connections are refused and open ones cut until `up`. */
  down(): Promise<void>
  up(): Promise<void>
}

export async function startLoopbackServer(answer: (request: SeenRequest) => UpstreamAnswer): Promise<LoopbackServer> {
  const faults = new Faults()
  const requests: SeenRequest[] = []
  let manners: RangeManners = 'faithful'
  const asking = (path: string | RegExp) =>
    requests.filter((seen) => (path instanceof RegExp ? path.test(seen.path) : path === seen.path))
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path = '/', query = ''] = (incoming.url ?? '/').split('?', 2)
    const headers = incoming.headers as Record<string, string | undefined>
    const method = incoming.method ?? 'GET'
    const body = method === 'POST' ? await buffer(incoming) : Buffer.alloc(0)
    const request = { method, path, query, headers, body, sent: 0 }
    requests.push(request)
    incoming.resume()
    const fault = faults.meet(path)
    if (fault && answerWithFault(fault, response)) return
    const conditional = fault?.kind !== 'no-etag'
    const {
      status,
      headers: head,
      body: content,
    } = prepared(inRange(answer(request), request, manners), request, conditional)
    response.writeHead(status, status === 304 ? head : { ...head, 'content-length': String(content.length) })
    if (method !== 'HEAD') request.sent = content.length
    void sendBody(content, fault, response)
  }
  let server = await listen(handle, 0)
  const port = (server.address() as AddressInfo).port
  let isUp = true
  const down = async () => {
    if (!isUp) return
    isUp = false
    await new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
  }
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    faults,
    countOf: (path) => asking(path).length,
    bytesOf: (path) => asking(path).reduce((bytes, { sent }) => bytes + sent, 0),
    giveRanges(given) {
      manners = given
    },
    down,
    async up() {
      if (isUp) return
      server = await listen(handle, port)
      isUp = true
    },
    [Symbol.asyncDispose]: down,
  }
}

function listen(
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  port: number,
): Promise<Server> {
  const server = createServer((request, response) => void handle(request, response))
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

/** Conditions and compression, as the public registries' CDNs do them. */
function prepared(answer: UpstreamAnswer, request: SeenRequest, conditional: boolean): UpstreamAnswer {
  const isDocument = answer.document && answer.status === 200
  if (!isDocument) return answer
  const headers: Record<string, string> = { ...answer.headers }
  if (conditional) {
    headers['etag'] ??= `"${createHash('sha256').update(answer.body).digest('hex').slice(0, 32)}"`
    const isKnown = request.headers['if-none-match']?.split(/\s*,\s*/).includes(headers['etag'])
    if (isKnown) return { ...answer, status: 304, headers, body: new Uint8Array() }
  } else {
    delete headers['etag']
    delete headers['last-modified']
  }
  if (!request.headers['accept-encoding']?.includes('gzip')) return { ...answer, headers }
  return { ...answer, headers: { ...headers, 'content-encoding': 'gzip' }, body: gzipSync(answer.body, { level: 1 }) }
}
