import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { benchProgram } from '../bench-program.ts'
import { ask } from '../http.ts'
import { freePort, startServer } from '../server-process.ts'
import type { Peer } from './peer.ts'

/** Its own defaults, but for what it proxies, signed tokens (they cost it less than its older ones), no web pages and no log of requests. */
const settings = (folder: string, upstream: string): string => `
storage: ${folder}/storage
web: { enable: false }
auth: { htpasswd: { file: ${folder}/htpasswd } }
security: { api: { jwt: { sign: { expiresIn: 1d } } } }
uplinks: { mirror: { url: ${upstream}, maxage: 30m } }
packages:
  '**': { access: $authenticated, publish: $authenticated, proxy: mirror }
log: { type: stdout, format: json, level: error }
`

export async function startVerdaccio(upstream: string): Promise<Peer> {
  const program = await benchProgram('verdaccio/bin/verdaccio')
  const folder = await mkdtemp(join(tmpdir(), 'granary-bench-verdaccio-'))
  await writeFile(join(folder, 'config.yaml'), settings(folder, upstream))
  const port = await freePort()
  const registry = `http://127.0.0.1:${port}/`
  const server = await startServer({
    name: 'Verdaccio',
    command: process.execPath,
    args: [program, '--config', join(folder, 'config.yaml'), '--listen', `127.0.0.1:${port}`],
    env: { NODE_ENV: 'production' },
    readyAt: `${registry}-/ping`,
  })
  return {
    name: 'verdaccio',
    registry,
    token: await createUser(registry),
    ...server,
    store: folder,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function createUser(registry: string): Promise<string> {
  const { status, body } = await ask(`${registry}-/user/org.couchdb.user:bench`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'bench', password: 'a-password-for-benchmarks' }),
  })
  if (status !== 201) throw new Error(`Verdaccio made no user: ${status} ${body.toString()}`)
  return (JSON.parse(body.toString()) as { token: string }).token
}
