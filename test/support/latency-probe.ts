import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Asked, Latencies } from './latency-probe-process.ts'

export type { Latencies } from './latency-probe-process.ts'

/** A client that asks for one document again and again, in a process of its own: what keeps the test busy is not taken for a slow server. */
export type LatencyProbe = AsyncDisposable & {
  /** How long the answers took that were asked for while `work` was under way. */
  during(work: () => Promise<unknown>): Promise<Latencies>
}

export async function startLatencyProbe(asked: Asked): Promise<LatencyProbe> {
  const child = fork(new URL('latency-probe-process.ts', import.meta.url), [JSON.stringify(asked)], { execArgv: [] })
  const next = async <T>(): Promise<T> => {
    const ended = new AbortController()
    const exit = once(child, 'exit', { signal: ended.signal }).then(() => Promise.reject(new Error('The probe ended')))
    exit.catch(() => {})
    try {
      const [message] = (await Promise.race([once(child, 'message'), exit])) as [T]
      return message
    } finally {
      ended.abort()
    }
  }
  return {
    async during(work) {
      child.send('begin')
      await next()
      await work()
      child.send('end')
      return next<Latencies>()
    },
    async [Symbol.asyncDispose]() {
      child.kill()
    },
  }
}
