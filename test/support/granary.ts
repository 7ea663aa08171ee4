import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { ClientHome } from './clients/home.ts'
import { run, type Finished } from './clients/run.ts'

const BIN = resolve(import.meta.dirname, '../../bin/granary.js')

/** Nothing listens there: an upstream behind this proxy is cut off. */
export const CUT_OFF = { HTTPS_PROXY: 'http://127.0.0.1:9', NO_PROXY: '' }

/** A Granary as its users start it: a process of its own, on a free port, with state in a folder of its own. */
export type Granary = AsyncDisposable & {
  readonly url: string
  readonly data: string
  readonly pid: number
  /** The lines that it logged so far. */
  readonly log: readonly Record<string, unknown>[]
  /** All that it wrote so far, to standard output and to standard error. */
  readonly output: string
  /** `granary …` as this server's operator types it, in `home`. */
  cli(home: ClientHome, ...args: readonly string[]): Promise<Finished>
  /** `granary … --json`, parsed. Throws where it fails. */
  json<T = unknown>(home: ClientHome, ...args: readonly string[]): Promise<T>
  /** SIGTERM, and its exit code. The state stays. */
  stop(): Promise<number | null>
  /** SIGKILL. The state stays as it is. */
  kill(): Promise<void>
  /** Stops it and starts it again on the same state and port. */
  restart(env?: Readonly<Record<string, string>>): Promise<void>
}

export async function startGranary(
  options: {
    readonly env?: Readonly<Record<string, string>>
    readonly data?: string
    readonly flags?: readonly string[]
  } = {},
): Promise<Granary> {
  const data = options.data ?? (await mkdtemp(join(tmpdir(), 'granary-data-')))
  let running = await launch(data, options.env ?? {}, ['--port', '0', ...(options.flags ?? [])])
  const granary: Granary = {
    get url() {
      return running.url
    },
    get log() {
      return running.log
    },
    get output() {
      return running.output.join('')
    },
    get pid() {
      return running.child.pid as number
    },
    data,
    cli: (home, ...args) =>
      run(process.execPath, [BIN, ...args], {
        cwd: home.folder,
        env: { ...home.env, GRANARY_URL: running.url, GRANARY_DATA: data },
      }),
    async json<T>(home: ClientHome, ...args: readonly string[]) {
      const { code, stdout, stderr } = await granary.cli(home, ...args, '--json')
      if (code !== 0) throw new Error(`granary ${args.join(' ')} ended with ${code}: ${stderr}`)
      return JSON.parse(stdout) as T
    },
    stop: () => end(running.child, 'SIGTERM'),
    async kill() {
      await end(running.child, 'SIGKILL')
    },
    async restart(env = {}) {
      const { port } = new URL(running.url)
      await end(running.child, 'SIGTERM')
      running = await launch(data, { ...options.env, ...env }, ['--port', port, ...(options.flags ?? [])])
    },
    async [Symbol.asyncDispose]() {
      await end(running.child, 'SIGKILL')
      if (options.data === undefined) await rm(data, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  return granary
}

type Running = {
  readonly child: ChildProcess
  readonly url: string
  readonly log: Record<string, unknown>[]
  readonly output: string[]
}

async function launch(data: string, env: Readonly<Record<string, string>>, flags: readonly string[]): Promise<Running> {
  const scrubbed = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(GRANARY_|AWS_|VITEST|npm_)/.test(name)),
  )
  const child = spawn(process.execPath, [BIN, 'serve', '--data', data, ...flags], {
    env: { ...scrubbed, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log: Record<string, unknown>[] = []
  const output: string[] = []
  let errors = ''
  child.stdout.on('data', (chunk) => void output.push(String(chunk)))
  child.stderr.on('data', (chunk) => {
    errors += chunk
    output.push(String(chunk))
  })
  const url = await new Promise<string>((ready, failed) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = parseLine(line)
      if (!entry) return
      log.push(entry)
      if (entry['msg'] === 'serving') ready(String(entry['url']))
    })
    child.once('exit', (code) => failed(new Error(`granary serve ended with ${code} before it served: ${errors}`)))
  })
  return { child, url, log, output }
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return undefined
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  child.kill(signal)
  const [code] = (await once(child, 'exit')) as [number | null]
  return code
}
