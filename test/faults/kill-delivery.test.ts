import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { callerOf, type Caller } from '../support/caller.ts'
import { readEvents, type LoggedEvent } from '../support/event-log.ts'
import { startGranary } from '../support/granary.ts'
import { npmUpload } from '../support/publishing.ts'
import { dataOf, idOf, startReceiver, type Received } from '../support/receiver.ts'
import { seeded } from '../support/seeded.ts'
import { webhooked } from '../support/webhooked.ts'

const ROUNDS = Number(process.env.GRANARY_FAULT_ROUNDS ?? 25)
const LATEST_KILL_MS = 400
const SLOWEST_ANSWER_MS = 60
const PUBLISHERS = 3
/** What a killed server had leased is free after half a minute, and what failed meanwhile is due by then, too. */
const ALL_SENT_MS = 120_000

/** Publishes until the server is gone; the versions that it was told are published. */
async function publishUntilKilled(caller: Caller, name: string, round: number): Promise<string[]> {
  const acknowledged: string[] = []
  for (let count = 0; ; count++) {
    const version = `1.${round}.${count}`
    try {
      const { status, body } = await caller.publish(await npmUpload(name, version))
      expect(status, body.toString()).toBe(201)
      acknowledged.push(`${name}@${version}`)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error
      return acknowledged
    }
  }
}

const isPublish = ({ detail }: Pick<LoggedEvent, 'detail'>): boolean => detail['packageVersion'] !== undefined
const publishedBy = (detail: Readonly<Record<string, unknown>>): string =>
  `@${String(detail['packageNamespace'])}/${String(detail['packageName'])}@${String(detail['packageVersion'])}`

function expectNothingInvented(received: readonly Received[], events: readonly LoggedEvent[]): void {
  const known = new Map(events.map((event) => [event.id, event]))
  for (const [id, copies] of Map.groupBy(received, idOf)) {
    const event = known.get(id)
    expect(event, `${id} was received, and never happened`).toBeDefined()
    expect(new Set(copies.map(({ body }) => body)).size, `${id} has other bytes the second time`).toBe(1)
    const [first] = copies as [Received]
    expect(dataOf(first).detail).toMatchObject({ ...event?.detail, sequenceNumber: event?.sequence })
  }
}

it(
  `a server that is killed ${ROUNDS} times while it publishes and sends loses no event and invents none`,
  { timeout: 60_000 + ROUNDS * 20_000 + ALL_SENT_MS },
  async () => {
    const random = seeded('kills during deliveries')
    await using receiver = await startReceiver({
      answer: (_received, response) =>
        void setTimeout(() => response.writeHead(204).end(), random.below(SLOWEST_ANSWER_MS)),
    })
    await using granary = await startGranary({ env: { GRANARY_ALLOW_PRIVATE_TARGETS: '127.0.0.1' } })
    const caller = await callerOf(granary)
    const webhooks = webhooked(caller.api)
    const { id } = await webhooks.create({ url: receiver.url })
    const acknowledged: string[] = []

    for (let round = 0; round < ROUNDS; round++) {
      const before = receiver.received.length
      const publishing = Array.from({ length: PUBLISHERS }, (_, publisher) =>
        // New names now and then: none has so many publishes that it looks like a loop.
        publishUntilKilled(caller, `@kill/${publisher}-${Math.floor(round / 3)}`, round),
      )
      // Every other server is killed in the middle of its first sendings, the rest at any moment.
      if (round % 2 === 1) await receiver.until(({ length }) => length > before)
      await delay(random.below(LATEST_KILL_MS))
      await granary.kill()
      acknowledged.push(...(await Promise.all(publishing)).flat())
      await granary.restart()
    }

    const events = (await readEvents(caller.api)).filter(isPublish)
    const happened = new Set(events.map(({ detail }) => publishedBy(detail)))
    expect(acknowledged.filter((each) => !happened.has(each))).toEqual([])
    const missing = (received: readonly Received[]) => {
      const ids = new Set(received.map(idOf))
      return events.filter((event) => !ids.has(event.id))
    }
    await receiver.until((received) => missing(received).length === 0, ALL_SENT_MS).catch(() => {})
    expect(missing(receiver.received)).toEqual([])
    expectNothingInvented(receiver.received, events)

    // And it knows that it sent them.
    const end = performance.now() + ALL_SENT_MS
    while ((await webhooks.count(id, 'pending')) > 0 && performance.now() < end) await delay(1_000)
    expect([await webhooks.count(id, 'pending'), await webhooks.count(id, 'dead')]).toEqual([0, 0])
    const attempts = receiver.received.length
    console.info(`${ROUNDS} kills: ${acknowledged.length} acknowledged, ${events.length} events, ${attempts} requests`)
    expect(acknowledged.length).toBeGreaterThan(ROUNDS)
    expect(attempts).toBeGreaterThan(events.length)
  },
)
