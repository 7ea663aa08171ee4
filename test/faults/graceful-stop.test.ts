import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { callerOf } from '../support/caller.ts'
import { startGranary } from '../support/granary.ts'
import { ask } from '../support/request.ts'
import { seeded } from '../support/seeded.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'

const BIG = 20_000_000
/** After the last answer: to close what is open and write down what is noted. */
const TO_END_MS = 5_000

/** As package managers do: over a connection that they keep for later. */
function openOn(agent: Agent, url: string, token: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(url, { agent, headers: { authorization: `Bearer ${token}` } }, resolve)
    asked.on('error', reject)
    asked.end()
  })
}

const refused = (url: string): Promise<string | undefined> =>
  ask(url).then(
    ({ status }) => String(status),
    (error: NodeJS.ErrnoException) => error.code,
  )

describe('a server that is told to stop', () => {
  it('finishes what it streams, takes nothing new, and ends well', async () => {
    const random = seeded('graceful stop')
    await using npm = await startNpmUpstream()
    await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: npm.url } })
    const caller = await callerOf(granary)
    const kept = await npm.publish({ name: 'kept', version: '1.0.0', tarballBytes: random.bytes(BIG) })
    const cold = await npm.publish({ name: 'cold', version: '1.0.0', tarballBytes: random.bytes(BIG) })
    npm.faults.on(cold.path, { kind: 'slow', bytesPerSecond: BIG / 2 })
    const urlOf = (name: string) => caller.address('npm', `${name}/-/${name}-1.0.0.tgz`)
    await caller.get(urlOf('kept'))

    await using agent = {
      pool: new Agent({ keepAlive: true }),
      [Symbol.asyncDispose]: async () => agent.pool.destroy(),
    }
    const answers = await Promise.all(
      ['kept', 'kept', 'kept', 'cold', 'cold'].map((name) => openOn(agent.pool, urlOf(name), caller.token)),
    )
    // One connection on which a balancer will ask once more.
    const { hostname, port } = new URL(granary.url)
    const balancer = connect(Number(port), hostname)
    const head = (path: string) =>
      `GET ${path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${caller.token}\r\n\r\n`
    balancer.write(head(new URL(urlOf('kept')).pathname))
    await new Promise((resolve) => balancer.once('readable', resolve))

    const stopping = granary.stop()
    await expect.poll(() => refused(`${granary.url}/-/live`), { timeout: 5_000 }).toBe('ECONNREFUSED')
    balancer.write(head('/-/ready'))
    const heard = buffer(balancer)
    const bodies = await Promise.all(answers.map((answer) => buffer(answer)))
    expect(bodies.map((body) => body.equals(kept.bytes))).toEqual([true, true, true, false, false])
    expect(bodies.map((body) => body.equals(cold.bytes))).toEqual([false, false, false, true, true])
    const last = (await heard).subarray(-600).toString('latin1')
    expect(last).toMatch(/HTTP\/1\.1 503 [\s\S]*"stopping"/)

    const late = delay(TO_END_MS, 'still running')
    expect(await Promise.race([stopping, late])).toBe(0)
    expect(granary.log.filter(({ level }) => level === 'error')).toEqual([])
    // Both files were kept.
    await npm.down()
    await granary.restart()
    expect((await caller.get(urlOf('cold'))).body.equals(cold.bytes)).toBe(true)
  })

  it('cuts off what does not end within its patience, and says so by no error', async () => {
    const random = seeded('stop with little patience')
    await using npm = await startNpmUpstream()
    await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: npm.url }, flags: ['--stop-grace', '1'] })
    const caller = await callerOf(granary)
    await npm.publish({ name: 'kept', version: '1.0.0', tarballBytes: random.bytes(BIG) })
    const url = caller.address('npm', 'kept/-/kept-1.0.0.tgz')
    await caller.get(url)
    // Nobody reads it.
    const reader = await caller.open(url)
    reader.on('error', () => {})
    const begun = performance.now()
    expect(await granary.stop()).toBe(0)
    expect(performance.now() - begun).toBeLessThan(1_000 + TO_END_MS)
    await expect(buffer(reader)).rejects.toThrow('aborted')
    expect(granary.log.filter(({ level }) => level === 'error')).toEqual([])
  })
})
