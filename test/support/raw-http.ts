import { connect } from 'node:net'

/** What came back over the socket, as it came. */
export type RawAnswer = {
  /** 0 where no answer came. */
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
  /** Everything that the server sent, further answers included. */
  readonly text: string
  /** How many status lines there are in it: more than one means that more than one request was seen. */
  readonly answers: number
  /** The server closed the connection. */
  readonly closed: boolean
}

/** Writes bytes as they are, so that no client tidies them up, and reads until the server closes or `quietMs` pass in silence. */
export async function sendRaw(url: string, bytes: string | Uint8Array, quietMs = 1_500): Promise<RawAnswer> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const chunks: Buffer[] = []
  const closed = await new Promise<boolean>((resolve) => {
    socket.setTimeout(quietMs, () => resolve(false))
    socket.on('data', (chunk) => void chunks.push(chunk))
    socket.on('close', () => resolve(true))
    // A server that refuses early resets what is still being written to it.
    socket.on('error', () => resolve(true))
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  })
  socket.destroy()
  return parse(Buffer.concat(chunks), closed)
}

/** One GET (or other request without a body) whose path is exactly `target`. */
export function getRaw(
  url: string,
  target: string,
  {
    token,
    method = 'GET',
    headers = {},
  }: {
    readonly token?: string
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
  } = {},
): Promise<RawAnswer> {
  const lines = Object.entries({
    host: new URL(url).host,
    connection: 'close',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  return sendRaw(url, `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 10_000)
}

function parse(bytes: Buffer, closed: boolean): RawAnswer {
  const text = bytes.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = (end < 0 ? text : text.slice(0, end)).split('\r\n')
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? 0),
    headers,
    body: end < 0 ? Buffer.alloc(0) : bytes.subarray(end + 4),
    text,
    answers: text.match(/HTTP\/1\.1 \d{3} /g)?.length ?? 0,
    closed,
  }
}
