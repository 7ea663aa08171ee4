import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { operations } from '../../src/api/index.ts'
import { openClient, type Client } from '../../src/cli/client.ts'
import { operatorCredentials } from '../../test/support/caller.ts'
import { freePort, startServer } from '../server-process.ts'
import type { Peer } from './peer.ts'

const root = resolve(import.meta.dirname, '../..')

/** What an installed package runs: compiled, and started with the flag that `npm start` and the container image have. */
const COMPILED = `import(${JSON.stringify(join(root, 'dist', 'main.js'))}).then((program) => program.main(process.argv.slice(1)))`

/** Once for all of a run. */
let built: Promise<unknown> | undefined

/** Its management API, too, as its operator uses it. */
export type GranaryPeer = Peer & { readonly origin: string; client(): Client }

/** With the mirror in place of npm's public registry. */
export async function startGranary(upstream: string): Promise<GranaryPeer> {
  const { origin, ...installation } = await startInstallation({ GRANARY_UPSTREAM_NPMJS: upstream })
  return { name: 'granary', registry: `${origin}/npm/local/main/`, origin, ...installation }
}

/** As its container image runs it, and like its peers without a log of requests. `upstreams`: its settings for mirrors. */
export async function startInstallation(
  upstreams: Readonly<Record<string, string>>,
): Promise<Omit<GranaryPeer, 'name' | 'registry'>> {
  await (built ??= promisify(execFile)('npm', ['run', 'build'], { cwd: root }))
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
      ...upstreams,
      GRANARY_ALLOW_PRIVATE_TARGETS: '127.0.0.1',
    },
    readyAt: `${origin}/-/ready`,
  })
  const credentials = await operatorCredentials(data)
  const client = () => openClient({ url: origin, region: 'us-east-1', credentials })
  const { authorizationToken: token } = await client().call(operations.getAuthorizationToken, { domain: 'local' })
  return {
    origin,
    client,
    token,
    ...server,
    store: data,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await rm(data, { recursive: true, force: true })
    },
  }
}
