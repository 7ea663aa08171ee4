import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { join } from 'node:path'

/** One local copy of what a real registry said: whoever draws on it gets the same bytes, and they cross the network once. */
export type Mirror = AsyncDisposable & {
  /** Ends in a slash. */
  readonly registry: string
  /** Where its files lie, as in their URLs. */
  readonly files: string
  /** How often each path was asked for since the last reset: `/name`, `/name/1.0.0`, `/name/-/name-1.0.0.tgz`; or `/simple/name/`, `/packages/…`. */
  counts(): Promise<Readonly<Record<string, number>>>
  /** Starts counting anew; from now on every answer is `delay` milliseconds late, and a file takes at least `sending` more. */
  reset(slow?: { readonly delay?: number; readonly sending?: number }): Promise<void>
  /** Cuts every connection from now on; or answers again. */
  setOutage(on: boolean): Promise<void>
}

export const isDocument = (path: string): boolean => /^\/(@[^/]+\/)?[^/]+$/.test(path)
export const isTarball = (path: string): boolean => path.includes('/-/')

/** Of an npm registry. */
export const startMirror = (folder: string, upstream: string): Promise<Mirror> => start('npm', folder, upstream)

/** Of an index of Python packages; `upstream` is its simple root, as `registry` is of the mirror. */
export const startPypiMirror = (folder: string, upstream: string): Promise<Mirror> => start('pypi', folder, upstream)

async function start(format: 'npm' | 'pypi', folder: string, upstream: string): Promise<Mirror> {
  const script = join(import.meta.dirname, format, 'server.ts')
  const child = spawn(process.execPath, [script, folder, upstream], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error('the mirror did not start'))),
  ])) as [string]
  const origin = `http://127.0.0.1:${line.split(' ')[1]}/`
  return {
    registry: format === 'npm' ? origin : `${origin}simple/`,
    files: join(folder, 'files'),
    async counts() {
      return (await (await fetch(`${origin}-/mirror/counts`)).json()) as Record<string, number>
    },
    async reset({ delay = 0, sending = 0 } = {}) {
      await fetch(`${origin}-/mirror/reset?delay=${delay}&sending=${sending}`, { method: 'POST' })
    },
    async setOutage(on) {
      await fetch(`${origin}-/mirror/outage?on=${on}`, { method: 'POST' })
    },
    async [Symbol.asyncDispose]() {
      child.kill()
      await once(child, 'close')
    },
  }
}
