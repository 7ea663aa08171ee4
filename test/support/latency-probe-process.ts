import { readFileSync } from 'node:fs'
import { Agent, get } from 'node:http'

// The process of latency-probe.ts.

export type Asked = {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** The server's process. */
  readonly pid: number
}

/** Of one answer, in milliseconds. */
export type Latency = {
  /** From the request to the last byte. */
  readonly took: number
  /** For how long of that the server's main thread was computing: what a noisy machine does not alter. null where the system does not tell. */
  readonly computed: number | null
}

/** In the order in which they were asked for. */
export type Latencies = readonly Latency[]

/** Milliseconds for which the process's main thread had a processor so far. Linux: Documentation/scheduler/sched-stats. */
function computedBy(pid: number): number | null {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6
  } catch {
    return null
  }
}

const { url, headers, pid } = JSON.parse(process.argv[2] ?? '{}') as Asked
const agent = new Agent({ keepAlive: true, maxSockets: 1 })

const ask = () =>
  new Promise<Latency>((resolve, reject) => {
    const before = computedBy(pid)
    const begun = performance.now()
    get(url, { agent, headers }, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`The probe was answered ${response.statusCode}`))
      response.resume().on('end', () => {
        const took = performance.now() - begun
        const after = computedBy(pid)
        resolve({ took, computed: before === null || after === null ? null : after - before })
      })
    }).on('error', reject)
  })

let measuring = false
process.on('message', async (message: 'begin' | 'end') => {
  measuring = message === 'begin'
  if (!measuring) return
  await ask() // the connection is open before anything counts
  process.send?.('begun')
  const latencies: Latency[] = []
  while (measuring) {
    latencies.push(await ask())
    // What it asks for is no load that would compete with what is measured.
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  process.send?.(latencies)
})
process.on('disconnect', () => process.exit())
