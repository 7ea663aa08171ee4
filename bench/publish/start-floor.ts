import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, startServer, type ServerProcess } from '../server-process.ts'

export type Floor = ServerProcess & { readonly name: 'floor'; readonly registry: string; readonly token: string }

/** No registry at all: what every one of them has to do at a publish. */
export async function startFloor(): Promise<Floor> {
  const folder = await mkdtemp(join(tmpdir(), 'granary-bench-floor-'))
  const port = await freePort()
  const registry = `http://127.0.0.1:${port}/`
  const server = await startServer({
    name: 'the floor',
    command: process.execPath,
    args: [join(import.meta.dirname, 'floor-server.ts'), folder, String(port)],
    readyAt: registry,
  })
  return {
    name: 'floor',
    ...server,
    registry,
    token: 'ignored',
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
