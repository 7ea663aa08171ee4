import { execFile } from 'node:child_process'
import { Agent } from 'node:http'
import { promisify } from 'node:util'
import { ask } from './http.ts'

export type Load = {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly connections: number
  readonly seconds: number
}

export type Loaded = { readonly requestsPerSecond: number; readonly requests: number; readonly failed: number }

const exec = promisify(execFile)

export const hasWrk: boolean = await exec('wrk', ['--version']).then(
  () => true,
  // It prints its version and exits with 1.
  (error: { code?: unknown }) => error.code === 1,
)

/** As many requests as the connections carry, for so many seconds. */
export const load = (asked: Load): Promise<Loaded> => (hasWrk ? loadByWrk(asked) : loadByNode(asked))

async function loadByWrk({ url, headers, connections, seconds }: Load): Promise<Loaded> {
  const lines = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const { stdout } = await exec('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', ...lines, url])
  const number = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? 0)
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)?.slice(1) ?? []
  return {
    requestsPerSecond: number(/Requests\/sec:\s+([\d.]+)/),
    requests: number(/(\d+) requests in/),
    failed: number(/Non-2xx or 3xx responses: (\d+)/) + errors.reduce((sum, count) => sum + Number(count), 0),
  }
}

/** Slower than what it measures, from some 10,000 requests a second on: good for a comparison among slow peers only. */
async function loadByNode({ url, headers, connections, seconds }: Load): Promise<Loaded> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const began = performance.now()
  const deadline = began + seconds * 1000
  const loaded = { requests: 0, failed: 0 }
  const keepAsking = async () => {
    while (performance.now() < deadline) {
      const { status } = await ask(url, { headers, agent }).catch(() => ({ status: 0 }))
      loaded.requests += 1
      if (status < 200 || status >= 400) loaded.failed += 1
    }
  }
  await Promise.all(Array.from({ length: connections }, keepAsking))
  agent.destroy()
  return { ...loaded, requestsPerSecond: (loaded.requests * 1000) / (performance.now() - began) }
}
