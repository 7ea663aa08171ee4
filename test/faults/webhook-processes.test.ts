import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { callerAt, callerOf, operatorCredentials } from '../support/caller.ts'
import { npmUpload } from '../support/publishing.ts'
import { dataOf, idOf, startReceiver } from '../support/receiver.ts'
import { startServers, type StoreKind } from '../support/servers.ts'
import { webhooked } from '../support/webhooked.ts'

const EACH = 20

async function startPair(kind: StoreKind) {
  const servers = await startServers(kind, 2, {
    GRANARY_ALLOW_PRIVATE_TARGETS: '127.0.0.1',
    GRANARY_UPSTREAM_NPMJS: 'http://127.0.0.1:9/',
  })
  const [first, second] = servers.all
  if (!first || !second) throw new Error('two servers were wanted')
  const credentials = await operatorCredentials(first.data)
  const caller = await callerOf(first, credentials)
  return {
    servers: [first, second] as const,
    callers: [caller, callerAt(second, caller, credentials)] as const,
    [Symbol.asyncDispose]: () => servers[Symbol.asyncDispose](),
  }
}

describe.each(['SQLite', 'PostgreSQL'] as const)('two processes on one %s', (kind) => {
  it('send each event once, whichever of them recorded it', async () => {
    await using receiver = await startReceiver()
    await using pair = await startPair(kind)
    const [here, there] = pair.callers
    const webhooks = webhooked(here.api)
    const { id } = await webhooks.create({ url: receiver.url })
    const publish = async (caller: typeof here, name: string) => {
      for (let version = 0; version < EACH; version++)
        expect((await caller.publish(await npmUpload(name, `1.0.${version}`))).status).toBe(201)
    }
    await Promise.all([publish(here, '@pair/here'), publish(there, '@pair/there')])
    await receiver.until((received) => new Set(received.map(idOf)).size === 2 * EACH, 20_000)
    await delay(1_500)
    expect(receiver.received).toHaveLength(2 * EACH)
    expect(await webhooks.count(id, 'delivered')).toBe(2 * EACH)
    const sequences = receiver.received.map((each) => dataOf(each).detail['sequenceNumber'])
    expect(sequences.toSorted((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 2 * EACH }, (_, index) => (index >> 1) + 1),
    )
    for (const { log } of pair.servers) expect(log.filter(({ level }) => level === 'error')).toEqual([])
  })

  it('go on with what the other had begun when it was killed', async () => {
    await using receiver = await startReceiver({ answer: () => {} })
    await using pair = await startPair(kind)
    const [here, there] = pair.callers
    await webhooked(here.api).create({ url: receiver.url })
    expect((await here.publish(await npmUpload('@pair/taken-over', '1.0.0'))).status).toBe(201)
    await receiver.until(({ length }) => length === 1)
    receiver.answer = (_received, response) => void response.writeHead(204).end()
    await pair.servers[0].kill()
    const alreadyThere = receiver.received.length
    // It may have been either of them that sent it: then it is the other's turn at the next failure.
    await receiver.until(({ length }) => length > alreadyThere, 60_000)
    expect(new Set(receiver.received.map(idOf)).size).toBe(1)
    const [only] = receiver.received
    expect(only && dataOf(only).detail['packageVersion']).toBe('1.0.0')
    expect((await there.get('/-/ready')).status).toBe(200)
  })
})
