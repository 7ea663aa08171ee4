import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ask } from '../../http.ts'
import { pythonProgram } from '../../python-program.ts'
import { freePort, startServer } from '../../server-process.ts'
import { inNewFolder } from './in-new-folder.ts'
import { OWN_NETWORK } from './own-network.ts'
import type { PypiPeer } from './peer.ts'

const QUIET = { version: 1, disable_existing_loggers: false, root: { level: 'ERROR' } }

/** Otherwise it derives its secret for seconds of all cores, and half a gigabyte, each time that it starts. */
const SOON = ['--argon2-memory-cost', '1024', '--argon2-parallelism', '1', '--argon2-time-cost', '1']

/** Its own defaults, but for what it mirrors, how it derives its secret, and no log of requests. Whoever asks may read. */
export const startDevpi = (simple: string): Promise<PypiPeer> =>
  inNewFolder('devpi', (folder, stack) => serve(simple, folder, stack))

async function serve(simple: string, folder: string, stack: AsyncDisposableStack): Promise<PypiPeer> {
  const data = join(folder, 'server')
  const logging = join(folder, 'logging.json')
  await writeFile(logging, JSON.stringify(QUIET))
  await promisify(execFile)(await pythonProgram('devpi', 'devpi-init'), ['--serverdir', data, '--no-root-pypi'])
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const server = await startServer({
    name: 'devpi',
    command: await pythonProgram('devpi', 'devpi-server'),
    args: ['--serverdir', data, '--host', '127.0.0.1', '--port', String(port), '--logger-cfg', logging, ...SOON],
    env: OWN_NETWORK,
    readyAt: `${origin}/+api`,
  })
  stack.use(server)
  await createMirror(origin, simple)
  return {
    name: 'devpi',
    registry: `${origin}/root/mirror/+simple/`,
    token: '',
    ...server,
    store: data,
  }
}

async function createMirror(origin: string, simple: string): Promise<void> {
  const json = { 'content-type': 'application/json', accept: 'application/json' }
  const login = JSON.stringify({ user: 'root', password: '' })
  const { status, body } = await ask(`${origin}/+login`, { method: 'POST', headers: json, body: login })
  if (status !== 200) throw new Error(`devpi lets nobody in: ${status} ${body.toString()}`)
  const { result } = JSON.parse(body.toString()) as { result: { password: string } }
  const credentials = Buffer.from(`root:${result.password}`).toString('base64')
  const made = await ask(`${origin}/root/mirror`, {
    method: 'PUT',
    headers: { ...json, 'x-devpi-auth': credentials },
    // The mirror has no list of all projects.
    body: JSON.stringify({ type: 'mirror', mirror_url: simple, mirror_no_project_list: true }),
  })
  if (made.status !== 200) throw new Error(`devpi made no mirror: ${made.status} ${made.body.toString()}`)
}
