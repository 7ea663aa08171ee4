import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'

/** A port that nobody may connect to. */
export type Canary = AsyncDisposable & {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string
  /** How many did, and the bytes that they sent. */
  readonly connections: number
  readonly received: string
}

export async function startCanary(): Promise<Canary> {
  let connections = 0
  let received = ''
  const server = createServer((socket) => {
    connections += 1
    socket.on('data', (chunk) => (received += chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsecret')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections
    },
    get received() {
      return received
    },
    async [Symbol.asyncDispose]() {
      await new Promise((closed) => server.close(closed))
    },
  }
}
