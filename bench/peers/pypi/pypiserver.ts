import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pythonProgram } from '../../python-program.ts'
import { freePort, startServer } from '../../server-process.ts'
import { inNewFolder } from './in-new-folder.ts'
import { OWN_NETWORK } from './own-network.ts'
import type { PypiPeer } from './peer.ts'

export type Pypiserver = PypiPeer & {
  /** From now on it has this file; it proxies nothing. */
  giveFile(file: string, bytes: Uint8Array): Promise<void>
}

/** As its container image runs it, but without sending anybody elsewhere. */
export const startPypiserver = (): Promise<Pypiserver> =>
  inNewFolder('pypiserver', (folder, stack) => serve(folder, stack))

async function serve(folder: string, stack: AsyncDisposableStack): Promise<Pypiserver> {
  const packages = join(folder, 'packages')
  await mkdir(packages)
  const port = await freePort()
  const at = ['--host', '127.0.0.1', '--port', String(port)]
  const origin = `http://127.0.0.1:${port}`
  const server = await startServer({
    name: 'pypiserver',
    command: await pythonProgram('pypiserver', 'pypi-server'),
    args: ['run', ...at, '--server', 'gunicorn', '--disable-fallback', '--log-stream', 'none', packages],
    env: OWN_NETWORK,
    readyAt: `${origin}/health`,
  })
  stack.use(server)
  return {
    name: 'pypiserver',
    registry: `${origin}/simple/`,
    token: '',
    ...server,
    store: folder,
    giveFile: (file, bytes) => writeFile(join(packages, file), bytes),
  }
}
