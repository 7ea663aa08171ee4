import { createServer, request as forward, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request that passed, and how it was answered. */
export type Passed = {
  readonly method: string
  /** As it was sent, without the query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly status: number
  readonly answered: IncomingHttpHeaders
}

/** Stands in front of a server on the loopback interface and writes down what clients ask and hear. */
export type RecordingProxy = AsyncDisposable & {
  /** `http://127.0.0.1:PORT`: the public URL of what stands behind it. */
  readonly origin: string
  /** In the order of the answers. */
  readonly passed: readonly Passed[]
  /** Where requests go from now on. */
  passTo(origin: string): void
  /** Forgets what passed so far. */
  forget(): void
}

/** @param before called with the path of each request, before it is passed on. */
export async function startRecordingProxy(before: (path: string) => void = () => {}): Promise<RecordingProxy> {
  const passed: Passed[] = []
  let target: URL | undefined
  const server = createServer((incoming, outgoing) => {
    const { method = 'GET', headers } = incoming
    // A client that is told that this is its proxy sends the whole address.
    const url = (incoming.url ?? '/').replace(/^http:\/\/[^/]+/, '')
    const { hostname, port } = target ?? {}
    before(url)
    const asked = forward({ hostname, port, method, path: url, headers }, (answer) => {
      const status = answer.statusCode ?? 0
      passed.push({ method, path: url.split('?', 1)[0] ?? '', headers, status, answered: answer.headers })
      outgoing.writeHead(status, answer.statusMessage, answer.rawHeaders)
      answer.pipe(outgoing)
    })
    asked.on('error', () => outgoing.destroy())
    incoming.pipe(asked)
  })
  await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed,
    passTo(origin) {
      target = new URL(origin)
    },
    forget() {
      passed.length = 0
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((closed) => void server.close(closed))
    },
  }
}
