import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from './http.ts'

/** What a server and all its child processes used since they started. */
export type Usage = { readonly cpuSeconds: number; readonly residentMiB: number; readonly peakMiB: number }

export type ServerProcess = AsyncDisposable & {
  usage(): Usage
  /** From its spawning, the last time, to its first answer. */
  startSeconds(): number
  /** Ends it and starts the same command anew: what it used begins at nothing, its store is as it was. */
  restart(): Promise<void>
}

/** On a busy machine some of the peers take half a minute. */
const START_DEADLINE_MS = 120_000
const STOP_DEADLINE_MS = 10_000
/** How often it is asked whether it is up: starting is measured, too. */
const LOOK_EVERY_MS = 5
const IDLE_DEADLINE_MS = 60_000
const IDLE_LOOK_MS = 200
const IDLE_CPU_SECONDS = 0.02
/** USER_HZ of Linux on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100
const KEPT_OUTPUT = 4_000

export type ServerCommand = {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** It is up when this address answers with any status below 500. */
  readonly readyAt: string
}

/** Starts a server and waits until it answers; disposing of it ends it. */
export async function startServer(server: ServerCommand): Promise<ServerProcess> {
  let running = await launch(server)
  return {
    usage: () => usageOf(running.pid),
    startSeconds: () => running.startSeconds,
    async restart() {
      await running.stop()
      running = await launch(server)
    },
    [Symbol.asyncDispose]: () => running.stop(),
  }
}

async function launch({ name, command, args, env, cwd, readyAt }: ServerCommand) {
  const began = performance.now()
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-KEPT_OUTPUT)
    })
  }
  const ended = once(child, 'close').catch(() => {}) // `spawn` failing is seen below, by its pid.
  const pid = child.pid
  if (pid === undefined) throw new Error(`${name} could not be started: is ${command} installed?`)
  const stop = async () => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS)
    await ended
    clearTimeout(timer)
  }
  try {
    await isUp(readyAt, () => child.exitCode === null)
  } catch (cause) {
    await stop()
    throw new Error(`${name} did not start:\n${output}`, { cause })
  }
  return { pid, stop, startSeconds: (performance.now() - began) / 1000 }
}

async function isUp(url: string, isAlive: () => boolean): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS
  for (;;) {
    const status = await ask(url).then(
      (answer) => answer.status,
      () => 0,
    )
    if (status > 0 && status < 500) return
    if (!isAlive() || Date.now() > deadline) throw new Error(`${url} answered ${status || 'nothing'}`)
    await sleep(LOOK_EVERY_MS)
  }
}

/** Waits until it has nothing to do any more: what clients gave up on may keep it busy for a while, and is not to fall on others. */
export async function untilIdle(server: Pick<ServerProcess, 'usage'>): Promise<void> {
  const deadline = Date.now() + IDLE_DEADLINE_MS
  for (let before = -1; Date.now() < deadline;) {
    const { cpuSeconds } = server.usage()
    if (cpuSeconds - before <= IDLE_CPU_SECONDS) return
    before = cpuSeconds
    await sleep(IDLE_LOOK_MS)
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((closed) => server.close(closed))
  return port
}

function usageOf(pid: number): Usage {
  const usage = { cpuSeconds: 0, residentMiB: 0, peakMiB: 0 }
  for (const each of withDescendants(pid)) {
    const fields = statOf(each)
    const status = readFileSync(`/proc/${each}/status`, 'utf8')
    const mebibytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024
    // proc(5): utime and stime, and those of children that have ended.
    usage.cpuSeconds += fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND
    usage.residentMiB += mebibytes('VmRSS')
    usage.peakMiB += mebibytes('VmHWM')
  }
  return usage
}

/** The fields of /proc/PID/stat from the third on: what stands before may contain spaces. */
function statOf(pid: number | string): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function withDescendants(root: number): readonly number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [{ pid: Number(name), parent: Number(statOf(name)[1]) }]
      } catch {
        return [] // Ended since the folder was read.
      }
    })
  const family = [root]
  for (const each of family) family.push(...parents.filter(({ parent }) => parent === each).map(({ pid }) => pid))
  return family
}
