import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { join } from 'node:path'

/** One local copy of what a real registry said: whoever draws on it gets the same bytes, and they cross the network once. */
export type Mirror = AsyncDisposable & {
  /** Ends in a slash. */
  readonly registry: string
  /** Where its tarballs lie, as in their URLs. */
  readonly files: string
  /** How often a path was asked for since the last reset. */
  countOf(path: string): Promise<number>
  /** Starts counting anew; from now on every answer is `delay` milliseconds late. */
  reset(delay?: number): Promise<void>
  /** Cuts every connection from now on; or answers again. */
  setOutage(on: boolean): Promise<void>
}

export async function startMirror(folder: string, upstream: string): Promise<Mirror> {
  const script = join(import.meta.dirname, 'server.ts')
  const child = spawn(process.execPath, [script, folder, upstream], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error('the mirror did not start'))),
  ])) as [string]
  const registry = `http://127.0.0.1:${line.split(' ')[1]}/`
  return {
    registry,
    files: join(folder, 'files'),
    async countOf(path) {
      const counts = (await (await fetch(`${registry}-/mirror/counts`)).json()) as Record<string, number>
      return counts[path] ?? 0
    },
    async reset(delay = 0) {
      await fetch(`${registry}-/mirror/reset?delay=${delay}`, { method: 'POST' })
    },
    async setOutage(on) {
      await fetch(`${registry}-/mirror/outage?on=${on}`, { method: 'POST' })
    },
    async [Symbol.asyncDispose]() {
      child.kill()
      await once(child, 'close')
    },
  }
}
