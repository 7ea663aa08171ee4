import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ask } from './http.ts'

export type Load = {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Bearer tokens that the requests carry in turn. */
  readonly tokens?: readonly string[]
  readonly connections: number
  readonly seconds: number
}

export type Loaded = {
  readonly requestsPerSecond: number
  readonly requests: number
  /** Answers with a status of 400 or more. */
  readonly refused: number
  /** Connections that broke and answers that did not come in time. */
  readonly failed: number
  /** All that was received, heads included; exact to a hundredth where wrk counts it. */
  readonly bytes: number
}

const exec = promisify(execFile)

export const hasWrk: boolean = await exec('wrk', ['--version']).then(
  () => true,
  // It prints its version and exits with 1.
  (error: { code?: unknown }) => error.code === 1,
)

/** As many requests as the connections carry, for so many seconds. */
export const load = (asked: Load): Promise<Loaded> => (hasWrk ? loadByWrk(asked) : loadByNode(asked))

async function loadByWrk({ url, headers, tokens = [], connections, seconds }: Load): Promise<Loaded> {
  const lines = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const folder = await mkdtemp(join(tmpdir(), 'granary-bench-load-'))
  const script = join(folder, 'tokens.lua')
  await writeFile(script, inTurn(url, headers, tokens))
  const how = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', ...lines]
  const { stdout } = await exec('wrk', [...how, ...(tokens.length > 0 ? ['-s', script] : []), url]).finally(() =>
    rm(folder, { recursive: true, force: true }),
  )
  const number = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? 0)
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)?.slice(1) ?? []
  return {
    requestsPerSecond: number(/Requests\/sec:\s+([\d.]+)/),
    requests: number(/(\d+) requests in/),
    refused: number(/Non-2xx or 3xx responses: (\d+)/),
    failed: errors.reduce((sum, count) => sum + Number(count), 0),
    bytes: bytesOf(/requests in [\d.]+\w+, ([\d.]+)([KMGT]?B) read/.exec(stdout)),
  }
}

const bytesOf = (read: RegExpExecArray | null): number =>
  read ? Number(read[1]) * 1024 ** ['B', 'KB', 'MB', 'GB', 'TB'].indexOf(read[2] ?? '') : 0

/** wrk's script: every request is written down beforehand, so that the load costs no more than that of one token. */
const inTurn = (url: string, headers: Load['headers'], tokens: readonly string[]): string =>
  [
    'local requests = {}',
    'function init(args)',
    ...tokens.map((token) => {
      const all = { ...headers, Host: new URL(url).host, Authorization: `Bearer ${token}` }
      const table = Object.entries(all).map(([name, value]) => `[${JSON.stringify(name)}]=${JSON.stringify(value)}`)
      return `  requests[#requests + 1] = wrk.format('GET', ${JSON.stringify(new URL(url).pathname)}, {${table.join(', ')}})`
    }),
    'end',
    'local at = 0',
    'function request()',
    '  at = at % #requests + 1',
    '  return requests[at]',
    'end',
  ].join('\n')

/** Slower than what it measures, from some 10,000 requests a second on: good for a comparison among slow peers only. */
async function loadByNode({ url, headers, tokens = [], connections, seconds }: Load): Promise<Loaded> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const began = performance.now()
  const deadline = began + seconds * 1000
  const loaded = { requests: 0, refused: 0, failed: 0, bytes: 0 }
  const keepAsking = async () => {
    while (performance.now() < deadline) {
      const token = tokens[loaded.requests % tokens.length]
      const authorized = token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` }
      const answer = await ask(url, { headers: authorized, agent }).catch(() => null)
      loaded.requests += 1
      if (!answer) loaded.failed += 1
      else if (answer.status >= 400) loaded.refused += 1
      loaded.bytes += answer?.body.length ?? 0
    }
  }
  await Promise.all(Array.from({ length: connections }, keepAsking))
  agent.destroy()
  return { ...loaded, requestsPerSecond: (loaded.requests * 1000) / (performance.now() - began) }
}
