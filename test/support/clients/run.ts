import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

export type Finished = {
  /** null where a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What a client said: it breaks lines where its window ends. */
export const oneLine = (said: string): string => said.replaceAll(/[\s│╰─▶×]+/g, ' ')

export type RunOptions = {
  readonly cwd: string
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  /** Written to its standard input, which is empty otherwise, so that nothing waits for an answer. */
  readonly input?: string
  /** Milliseconds, after which it is ended with all that it started. */
  readonly timeout?: number
}

/** Runs a program to its end. Throws where it cannot be started or takes too long; a failing exit code is a result like any other. */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<Finished> {
  const { cwd, env, input = '', timeout = 120_000 } = options
  // A group of its own, so that what npm and pip start can be ended with them.
  const child = spawn(command, args, { cwd, env, detached: true, stdio: 'pipe' })
  const output = Promise.all([text(child.stdout), text(child.stderr)])
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  }, timeout)
  try {
    child.stdin.on('error', () => {}) // It may end without reading.
    child.stdin.end(input)
    const [code] = (await once(child, 'close')) as [number | null]
    const [stdout, stderr] = await output
    if (isLate) throw new Error(`${command} ${args.join(' ')} did not end within ${timeout} ms\n${stdout}\n${stderr}`)
    return { code, stdout, stderr }
  } finally {
    clearTimeout(timer)
  }
}
