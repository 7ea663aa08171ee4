// A registry on the loopback interface that holds what it was once asked for: run as a process of its own by start.ts, so that
// what it does is not measured. Documents name itself as the place of their tarballs, and it counts what it is asked.
//
//   node server.ts FOLDER UPSTREAM      `port NUMBER` on standard output
//   GET  /NAME  /NAME/VERSION  /NAME/-/FILE.tgz
//   GET  /-/mirror/counts                         { "/express": 1, "/express/4.19.2": 1, … }
//   POST /-/mirror/reset?delay=MS&sending=MS      counts from 0; from now on every answer is that late, and a tarball takes that long
//   POST /-/mirror/outage?on=true                 from now on every connection is cut without an answer, until `on=false`
//
// FOLDER/documents/NAME.json.gz       as the upstream sent them
// FOLDER/files/NAME/-/FILE.tgz        laid out as in URLs, so that nginx can serve them
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'

const [folder, upstream] = process.argv.slice(2)
if (folder === undefined || upstream === undefined) throw new Error('usage: server.ts FOLDER UPSTREAM')

let counts: Record<string, number> = {}
let delay = 0
let isOut = false
let sending = 0

type Document = { readonly gzip: Buffer; readonly etag: string }
const documents = new Map<string, Promise<Document | null>>()
const manifests = new Map<string, Promise<Document | null>>()
const files = new Map<string, Promise<string | null>>()

const server = createServer((request, response) => {
  serve(request, response).catch((error: unknown) => {
    if (!response.headersSent) response.writeHead(502)
    response.end(String(error))
  })
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`))
const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

/** A name; then nothing, `/-/` and a file, or a version. */
const PATH = /^\/((?:@[\w.~-]+\/)?[\w~][\w.~-]*)(?:\/-\/([\w.~+-]+)|\/([\w.~+-]+))?$/

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', origin())
  const path = decodeURIComponent(pathname)
  if (path === '/-/mirror/counts') return void response.end(JSON.stringify(counts))
  if (path === '/-/mirror/reset') {
    counts = {}
    delay = Number(searchParams.get('delay') ?? 0)
    sending = Number(searchParams.get('sending') ?? 0)
    return void response.end()
  }
  if (path === '/-/mirror/outage') {
    isOut = searchParams.get('on') === 'true'
    return void response.end()
  }
  if (isOut) return void request.socket.destroy()
  if (path === '/-/ping') return void response.end('{}')
  const [, name, file, version] = PATH.exec(path) ?? []
  if (name === undefined || path.includes('..')) return void response.writeHead(404).end('{}')
  counts[path] = (counts[path] ?? 0) + 1
  await sleep(delay)
  if (file !== undefined) return serveFile(path, response)
  const document = await (version === undefined
    ? joined(documents, `/${name}`, readDocument)
    : joined(manifests, path, () => readManifest(`/${name}`, version)))
  serveDocument(document, request, response)
}

function serveDocument(document: Document | null, request: IncomingMessage, response: ServerResponse): void {
  if (!document)
    return void response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}')
  const headers = {
    etag: document.etag,
    'content-type': 'application/json',
    'cache-control': 'public, max-age=300',
    vary: 'accept-encoding',
  }
  if (request.headers['if-none-match'] === document.etag) return void response.writeHead(304, headers).end()
  const isGzip = request.headers['accept-encoding']?.includes('gzip') === true
  const body = isGzip ? document.gzip : gunzipSync(document.gzip)
  response
    .writeHead(200, { ...headers, ...(isGzip ? { 'content-encoding': 'gzip' } : {}), 'content-length': body.length })
    .end(body)
}

async function serveFile(path: string, response: ServerResponse): Promise<void> {
  const file = await joined(files, path, readUpstreamFile)
  if (file === null) return void response.writeHead(404).end()
  const { size } = await stat(file)
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size })
  if (sending === 0) return pipeline(createReadStream(file), response)
  await using source = await open(file)
  const part = Buffer.alloc(Math.ceil(size / PARTS))
  for (let at = 0; at < size;) {
    await sleep(sending / PARTS)
    const { bytesRead } = await source.read(part, 0, part.length, at)
    if (!response.write(part.subarray(0, bytesRead))) await drained(response)
    at += bytesRead
  }
  response.end()
}

/** In how many parts a tarball leaves that is to take its time. */
const PARTS = 20

/** Also where the client has gone. */
async function drained(response: ServerResponse): Promise<void> {
  const settled = new AbortController()
  const { signal } = settled
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]).finally(() =>
    settled.abort(),
  )
}

/** Joins callers that ask for the same; forgets failures. */
function joined<T>(held: Map<string, Promise<T>>, path: string, make: (path: string) => Promise<T>): Promise<T> {
  const running = held.get(path) ?? make(path)
  held.set(path, running)
  running.catch(() => held.delete(path))
  return running
}

type Packument = {
  readonly name: string
  readonly 'dist-tags'?: Readonly<Record<string, string>>
  readonly versions: Readonly<Record<string, { readonly dist: { tarball: string } }>>
}

const documentOf = (content: unknown): Document => {
  const gzip = gzipSync(JSON.stringify(content))
  return { gzip, etag: `"${createHash('sha256').update(gzip).digest('hex').slice(0, 32)}"` }
}

async function readDocument(path: string): Promise<Document | null> {
  const packument = await readPackument(path)
  return packument && documentOf(packument)
}

/** As the upstream would say it of the version alone, or of the tag. */
async function readManifest(path: string, version: string): Promise<Document | null> {
  const document = await joined(documents, path, readDocument)
  if (!document) return null
  const { versions, 'dist-tags': tags = {} } = JSON.parse(gunzipSync(document.gzip).toString()) as Packument
  const manifest = versions[tags[version] ?? version]
  return manifest ? documentOf(manifest) : null
}

async function readPackument(path: string): Promise<Packument | null> {
  const kept = join(folder!, 'documents', `${path.slice(1)}.json.gz`)
  const sent = await readOr(kept, async () => {
    const body = await fetchUpstream(`/${path.slice(1).replace('/', '%2f')}`)
    return body && gzipSync(body)
  })
  if (!sent) return null
  const packument = JSON.parse(gunzipSync(sent).toString()) as Packument
  for (const { dist } of Object.values(packument.versions)) {
    dist.tarball = `${origin()}/${packument.name}/-/${dist.tarball.slice(dist.tarball.lastIndexOf('/') + 1)}`
  }
  return packument
}

async function readUpstreamFile(path: string): Promise<string | null> {
  const kept = join(folder!, 'files', path)
  return (await readOr(kept, () => fetchUpstream(path))) && kept
}

async function readOr(kept: string, make: () => Promise<Buffer | null>): Promise<Buffer | null> {
  const held = await readFile(kept).catch(() => null)
  if (held) return held
  const made = await make()
  if (!made) return null
  await mkdir(dirname(kept), { recursive: true })
  await writeFile(`${kept}.part`, made)
  await rename(`${kept}.part`, kept)
  return made
}

async function fetchUpstream(path: string): Promise<Buffer | null> {
  const answer = await fetch(new URL(path.slice(1), upstream), { signal: AbortSignal.timeout(60_000) })
  if (answer.status === 404) return null
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}`)
  return Buffer.from(await answer.arrayBuffer())
}
