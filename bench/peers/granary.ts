import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { freePort, startServer } from '../server-process.ts'
import type { Peer } from './peer.ts'

const root = resolve(import.meta.dirname, '../..')
const bin = join(root, 'bin', 'granary.js')

/** What an installed package runs: compiled, and started with the flag that `npm start` and the container image have. */
const COMPILED = `import(${JSON.stringify(join(root, 'dist', 'main.js'))}).then((program) => program.main(process.argv.slice(1)))`

/** As its container image runs it, with the mirror in place of the public registry, and like its peers without a log of requests. */
export async function startGranary(upstream: string): Promise<Peer> {
  await promisify(execFile)('npm', ['run', 'build'], { cwd: root })
  const data = await mkdtemp(join(tmpdir(), 'granary-bench-data-'))
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const server = await startServer({
    name: 'Granary',
    command: process.execPath,
    args: [
      '--max-semi-space-size=8',
      '--input-type=module',
      '-e',
      COMPILED,
      'serve',
      '--port',
      String(port),
      '--data',
      data,
    ],
    env: {
      NODE_ENV: 'production',
      GRANARY_LOG_LEVEL: 'error',
      GRANARY_UPSTREAM_NPMJS: upstream,
      GRANARY_ALLOW_PRIVATE_TARGETS: '127.0.0.1',
    },
    readyAt: `${origin}/-/ready`,
  })
  return {
    name: 'granary',
    registry: `${origin}/npm/local/main/`,
    token: await readToken(origin, data),
    usage: () => server.usage(),
    restart: () => server.restart(),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await rm(data, { recursive: true, force: true })
    },
  }
}

async function readToken(origin: string, data: string): Promise<string> {
  const env = {
    ...process.env,
    GRANARY_URL: origin,
    GRANARY_DATA: data,
    AWS_SHARED_CREDENTIALS_FILE: join(data, 'credentials'),
  }
  const { stdout } = await promisify(execFile)(process.execPath, [bin, 'token', '--domain', 'local'], { env })
  return stdout.trim()
}
