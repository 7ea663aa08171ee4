import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import type { InputOf } from '../../src/api/operation.ts'
import { callerOf } from '../support/caller.ts'
import { startGranary } from '../support/granary.ts'
import { startLatencyProbe, type Latencies } from '../support/latency-probe.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'

/** A request is answered within 30 seconds; what is over that is for a busy machine. */
const DEADLINE_MS = 35_000
const RECOVERS_WITHIN_MS = 30_000
/** What comes on top of twice the usual where a processor has to be waited for. */
const NOISE_MS = 30
const COLD = 30
const WAYS = ['hang', 'slow', 'reset']
const TROUBLED = Array.from({ length: 60 }, (_, number) => `@partner/${WAYS[number % WAYS.length]}-${number}`)

const p99 = (latencies: Latencies): number => {
  const sorted = latencies.map(({ took }) => took).toSorted((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Infinity
}

it('P-27 an upstream that browns out slows nobody who asks another one, and is asked again once it is well', async () => {
  await using partner = await startNpmUpstream()
  await using healthy = await startNpmUpstream()
  await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: healthy.url } })
  const caller = await callerOf(granary)
  const at = { domain: 'local', repository: 'npm-store' }
  const connection = {
    name: 'private:partner',
    format: 'npm',
    url: partner.url,
    only: ['@partner/*'],
  } satisfies InputOf<typeof operations.createConnection>
  await caller.api.call(operations.createConnection, connection)
  await caller.api.call(operations.createRepository, { domain: 'local', repository: 'partner-store' })
  await caller.api.call(operations.associateExternalConnection, {
    domain: 'local',
    repository: 'partner-store',
    externalConnection: connection.name,
  })
  await caller.api.call(operations.updateRepository, {
    domain: 'local',
    repository: 'main',
    upstreams: [{ repositoryName: 'partner-store' }, { repositoryName: at.repository }],
  })
  for (let number = 0; number < 2 * COLD; number++) await healthy.publish({ name: `cold-${number}`, version: '1.0.0' })
  await healthy.publish({ name: 'warm', version: '1.0.0' })
  await partner.publish({ name: '@partner/ui', version: '1.0.0' })
  for (const name of TROUBLED) await partner.publish({ name, version: '1.0.0' })
  const get = (name: string) => caller.get(caller.address('npm', name.replace('/', '%2f')))
  const askForCold = async (first: number) => {
    for (let number = first; number < first + COLD; number++) {
      expect((await get(`cold-${number}`)).status).toBe(200)
      await delay(50)
    }
  }
  await using probe = await startLatencyProbe({
    url: caller.address('npm', 'warm'),
    headers: { authorization: `Bearer ${caller.token}` },
    pid: granary.pid,
  })
  expect((await get('warm')).status).toBe(200)
  const usual = await probe.during(() => askForCold(0))

  partner.faults.on('*', { kind: 'hang' })
  partner.faults.on(/slow/, { kind: 'slow', bytesPerSecond: 1 })
  partner.faults.on(/reset/, { kind: 'reset' })
  const troubled = TROUBLED.map(async (name) => {
    const begun = performance.now()
    const { status } = await get(name)
    return { status, isInTime: performance.now() - begun < DEADLINE_MS }
  })
  const meanwhile = await probe.during(() => askForCold(COLD))
  console.info(`p99 of answers from another upstream: usually ${p99(usual)} ms, meanwhile ${p99(meanwhile)} ms`)
  expect(p99(meanwhile)).toBeLessThan(2 * p99(usual) + NOISE_MS)
  for (const outcome of await Promise.all(troubled)) {
    expect([502, 504]).toContain(outcome.status)
    expect(outcome.isInTime).toBe(true)
  }
  const { connections } = await caller.api.call(operations.describeConnections, { connection: connection.name })
  expect(connections[0]?.state).toMatch(/^(open|half-open)$/)

  partner.faults.clear()
  const begun = performance.now()
  while ((await get('@partner/ui')).status !== 200) {
    expect(performance.now() - begun).toBeLessThan(RECOVERS_WITHIN_MS)
    await delay(250)
  }
})
