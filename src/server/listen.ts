import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Listening = {
  readonly server: Server
  /** The port that was taken, where 0 was asked for. */
  readonly port: number
  /** No new connections; what is under way ends by itself or, after `graceMs`, at once. */
  stop(graceMs: number): Promise<void>
}

/** A client has this long to send a request's head; its body may take as long as an upload takes. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 60 * 60_000
/** A connection on which nothing moves either way for this long is given up. No answer takes longer to begin. */
const SILENT_MS = 120_000
/** How often heads and whole requests are looked at: Node's own half a minute would make nonsense of the shorter one. */
const CHECKING_INTERVAL_MS = 2_000
/** Longer than package managers pause within one install, and than the minute for which load balancers keep a connection to use it again. */
const KEEP_ALIVE_MS = 75_000
const IDLE_LOOK_MS = 200

export async function listen(serve: RequestListener, at: { host: string; port: number }): Promise<Listening> {
  const limits = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CHECKING_INTERVAL_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  }
  const server = createServer(limits, serve)
  server.setTimeout(SILENT_MS)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...at, backlog: 1024 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    server,
    port: (server.address() as AddressInfo).port,
    async stop(graceMs) {
      // What still comes over a connection that is open is answered, and told that it was the last.
      server.prependListener('request', (_request, response) => void (response.shouldKeepAlive = false))
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      // A client keeps its connection after its last answer, and would hold up the end.
      const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS)
      const timer = setTimeout(() => server.closeAllConnections(), graceMs)
      await closed
      clearInterval(idle)
      clearTimeout(timer)
    },
  }
}
