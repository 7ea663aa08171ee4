import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'

// What the mirrors of all formats have in common. Each is a process of its own:
//
//   node server.ts FOLDER UPSTREAM      `port NUMBER` on standard output
//   GET  /-/mirror/counts                         { "/express": 1, "/express/4.19.2": 1, … }
//   POST /-/mirror/reset?delay=MS&sending=MS      counts from 0; from now on every answer is that late, and a file takes that long
//   POST /-/mirror/outage?on=true                 from now on every connection is cut without an answer, until `on=false`

export type Document = { readonly gzip: Buffer; readonly etag: string }

export type MirrorAnswer =
  | {
      readonly kind: 'document'
      readonly document: Document
      readonly headers: Readonly<Record<string, string>>
    }
  /** Lies on the disk. */
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'redirect'; readonly location: string }
  | null

/** `find` says who answers for a path; null is a 404 that is not counted. `origin` is the mirror's own, without a slash. */
export type MirrorFormat = {
  find(path: string): ((request: IncomingMessage, origin: string) => Promise<MirrorAnswer>) | null
}

let counts: Record<string, number> = {}
let delay = 0
let isOut = false
let sending = 0

export function readArguments(): { readonly folder: string; readonly upstream: string } {
  const [folder, upstream] = process.argv.slice(2)
  if (folder === undefined || upstream === undefined) throw new Error('usage: server.ts FOLDER UPSTREAM')
  return { folder, upstream }
}

export function serveMirror(format: MirrorFormat): void {
  const server = createServer((request, response) => {
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    serve(format, origin, request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(502)
      response.end(String(error))
    })
  })
  server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`))
}

async function serve(
  format: MirrorFormat,
  origin: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', origin)
  const path = decodeURIComponent(pathname)
  if (path.startsWith('/-/mirror/')) return control(path, searchParams, response)
  if (isOut) return void request.socket.destroy()
  // npm's, which is nothing that a mirror holds.
  if (path === '/-/ping') return void response.end('{}')
  const answer = path.includes('..') ? null : format.find(path)
  if (!answer) return void response.writeHead(404).end('{}')
  counts[path] = (counts[path] ?? 0) + 1
  await sleep(delay)
  const found = await answer(request, origin)
  if (!found) return void response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}')
  if (found.kind === 'redirect') return void response.writeHead(301, { location: found.location }).end()
  if (found.kind === 'file') return serveFile(found.path, request, response)
  serveDocument(found, request, response)
}

function control(path: string, parameters: URLSearchParams, response: ServerResponse): void {
  if (path === '/-/mirror/counts') return void response.end(JSON.stringify(counts))
  if (path === '/-/mirror/outage') isOut = parameters.get('on') === 'true'
  if (path === '/-/mirror/reset') {
    counts = {}
    delay = Number(parameters.get('delay') ?? 0)
    sending = Number(parameters.get('sending') ?? 0)
  }
  response.end()
}

function serveDocument(
  { document, headers: own }: Extract<MirrorAnswer, { kind: 'document' }>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const headers = { etag: document.etag, ...own }
  if (request.headers['if-none-match'] === document.etag) return void response.writeHead(304, headers).end()
  const isGzip = request.headers['accept-encoding']?.includes('gzip') === true
  const body = isGzip ? document.gzip : gunzipSync(document.gzip)
  response.writeHead(200, {
    ...headers,
    ...(isGzip ? { 'content-encoding': 'gzip' } : {}),
    'content-length': body.length,
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

async function serveFile(file: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { size } = await stat(file)
  const headers = { 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes' }
  const range = rangeOf(request.headers.range, size)
  if (range === 'unsatisfiable') return void response.writeHead(416, { 'content-range': `bytes */${size}` }).end()
  const { start, end } = range ?? { start: 0, end: size - 1 }
  response.writeHead(range ? 206 : 200, {
    ...headers,
    'content-length': end - start + 1,
    ...(range && { 'content-range': `bytes ${start}-${end}/${size}` }),
  })
  if (request.method === 'HEAD' || size === 0) return void response.end()
  if (sending === 0) return pipeline(createReadStream(file, { start, end }), response)
  await sendSlowly(file, start, end, response)
}

/** In how many parts a file leaves that is to take its time. */
const PARTS = 20

async function sendSlowly(file: string, start: number, end: number, response: ServerResponse): Promise<void> {
  await using source = await open(file)
  const part = Buffer.alloc(Math.ceil((end - start + 1) / PARTS))
  for (let at = start; at <= end;) {
    await sleep(sending / PARTS)
    const { bytesRead } = await source.read(part, 0, Math.min(part.length, end - at + 1), at)
    // A copy: what was written may wait in the response's buffer.
    if (!response.write(Buffer.from(part.subarray(0, bytesRead)))) await drained(response)
    at += bytesRead
  }
  response.end()
}

/** Of one range only, as the public index's CDN answers them; undefined for the whole file. */
function rangeOf(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === '' && last === '') return undefined
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1)
  return start > end ? 'unsatisfiable' : { start, end }
}

/** Also where the client has gone. */
async function drained(response: ServerResponse): Promise<void> {
  const settled = new AbortController()
  const { signal } = settled
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]).finally(() =>
    settled.abort(),
  )
}

/** Joins callers that ask for the same; forgets failures. */
export function joined<T>(held: Map<string, Promise<T>>, key: string, make: (key: string) => Promise<T>): Promise<T> {
  const running = held.get(key) ?? make(key)
  held.set(key, running)
  running.catch(() => held.delete(key))
  return running
}

export const documentOf = (content: string): Document => {
  const gzip = gzipSync(content)
  return { gzip, etag: `"${createHash('sha256').update(gzip).digest('hex').slice(0, 32)}"` }
}

/** What is kept in that file; it is made and kept where it is missing, and there is nothing where `make` gives null. */
export async function readOr(kept: string, make: () => Promise<Buffer | null>): Promise<Buffer | null> {
  const held = await readFile(kept).catch(() => null)
  if (held) return held
  const made = await make()
  if (!made) return null
  await mkdir(dirname(kept), { recursive: true })
  await writeFile(`${kept}.part`, made)
  await rename(`${kept}.part`, kept)
  return made
}

/** null where the upstream has no such thing. */
export async function fetchUpstream(
  url: string | URL,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly type: string; readonly bytes: Buffer } | null> {
  const answer = await fetch(url, { headers, signal: AbortSignal.timeout(60_000) })
  if (answer.status === 404) return null
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}`)
  return { type: answer.headers.get('content-type') ?? '', bytes: Buffer.from(await answer.arrayBuffer()) }
}
