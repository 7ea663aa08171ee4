// The least that a durable publish takes: the document is parsed, the file written and synchronised with its folder, one row
// committed. Run as a process of its own by start-floor.ts:
//
//   node floor-server.ts FOLDER PORT
//   PUT /NAME        as npm publishes
//   GET /NAME/-/FILE
import Sqlite from 'better-sqlite3'
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { open, readFile, rename } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'

const [folder = '', port] = process.argv.slice(2)
const files = join(folder, 'files')
mkdirSync(files, { recursive: true })
const database = new Sqlite(join(folder, 'floor.db'))
database.pragma('journal_mode = WAL')
database.pragma('synchronous = FULL')
database.exec('CREATE TABLE files (path TEXT PRIMARY KEY, sha512 TEXT NOT NULL, manifest TEXT NOT NULL)')
const insert = database.prepare('INSERT INTO files VALUES (?, ?, ?)')

type Body = { readonly versions: object; readonly _attachments: Readonly<Record<string, { readonly data: string }>> }

async function publish(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { versions, _attachments } = (await json(request)) as Body
  const [file = '', { data = '' } = {}] = Object.entries(_attachments)[0] ?? []
  const bytes = Buffer.from(data, 'base64')
  const landed = join(files, encodeURIComponent(file))
  await durably(`${landed}.part`, (handle) => handle.writeFile(bytes))
  await rename(`${landed}.part`, landed)
  await durably(files)
  insert.run(`${name}/-/${file}`, createHash('sha512').update(bytes).digest('base64'), JSON.stringify(versions))
  response.writeHead(201, { 'content-type': 'application/json' }).end('{"ok":true}')
}

async function durably(path: string, write?: (handle: Awaited<ReturnType<typeof open>>) => Promise<void>) {
  const handle = await open(path, write ? 'w' : 'r')
  try {
    await write?.(handle)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = decodeURIComponent(request.url ?? '').slice(1)
  if (request.method === 'PUT') return publish(path, request, response)
  if (path === '') return void response.end()
  response.end(await readFile(join(files, encodeURIComponent(path.split('/-/')[1] ?? ''))))
}

createServer((request, response) => {
  serve(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)))
}).listen(Number(port), '127.0.0.1')
