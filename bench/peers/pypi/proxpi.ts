import { join } from 'node:path'
import { pythonProgram } from '../../python-program.ts'
import { freePort, startServer } from '../../server-process.ts'
import { inNewFolder } from './in-new-folder.ts'
import { OWN_NETWORK } from './own-network.ts'
import type { PypiPeer } from './peer.ts'

/** Served as its container image serves it: one process, two threads. */
export const startProxpi = (simple: string): Promise<PypiPeer> =>
  inNewFolder('proxpi', (folder, stack) => serve(simple, folder, stack))

async function serve(simple: string, folder: string, stack: AsyncDisposableStack): Promise<PypiPeer> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const server = await startServer({
    name: 'proxpi',
    command: await pythonProgram('proxpi', 'gunicorn'),
    args: ['--preload', '--threads', '2', '--bind', `127.0.0.1:${port}`, '--no-control-socket', 'proxpi.server:app'],
    env: {
      ...OWN_NETWORK,
      PROXPI_INDEX_URL: simple,
      PROXPI_CACHE_DIR: join(folder, 'files'),
      PROXPI_LOGGING_LEVEL: 'ERROR',
      // Otherwise who asks for a file that takes a second is sent to the upstream, which is not what is measured.
      PROXPI_DOWNLOAD_TIMEOUT: '60',
    },
    readyAt: `${origin}/health`,
  })
  stack.use(server)
  return {
    name: 'proxpi',
    registry: `${origin}/index/`,
    token: '',
    ...server,
    store: folder,
  }
}
