import { setTimeout as delay } from 'node:timers/promises'
import type { DeliveryQueue, MetadataStore } from '../registry/ports.ts'
import type { Webhook } from '../registry/webhooks.ts'
import { ATTEMPT_TIMEOUT_MS } from './attempt.ts'
import { deliver, type Delivering } from './deliver.ts'
import { createFanOut, type FannedOut, type FanningOut } from './fan-out.ts'
import { forgetPeriodically } from './forget.ts'
import { inTurns, type InTurns } from './turns.ts'

/** At once to one webhook. One that fails has one: what hangs must not tie up more, and one success gives it the others back. */
const SLOTS = 4
const SLOTS_WHILE_FAILING = 1
/** Covers the attempt, and the commit of what came of it. What a killed process had leased is sent again after it. */
const LEASE_MS = 2 * ATTEMPT_TIMEOUT_MS
/** Between two looks where nobody wakes it: for what other processes recorded, and for what falls due. */
const LOOK_EVERY_MS = 500
/** Events that come shortly after each other are fanned out in one commit. */
const GATHER_MS = 25
/** Writes side by side: the database's connections are for requests, too. */
const WRITES = 4
const LONGEST_PAUSE_MS = 30_000

export type Dispatching = Omit<Delivering & FanningOut, 'store' | 'startedAt'> & {
  readonly store: Pick<MetadataStore, 'findWebhook'> & DeliveryQueue & Delivering['store'] & FanningOut['store']
  /** Of the first failure in a row. */
  readonly onError: (error: unknown) => void
}

export type Dispatcher = {
  /** Looks for what is pending or due now, instead of in half a second. */
  wake(): void
  /** Takes up nothing new and waits for what is under way; ends that, too, after `graceMs`. Its leases then run out. */
  stop(graceMs: number): Promise<void>
}

/** One webhook's deliveries that are under way here. */
type Lane = {
  inFlight: number
  isFilling: boolean
  /** The last lease was as large as it could be, so there may be more. */
  mayHaveMore: boolean
}

/** Makes deliveries of events and sends them, for as long as the process lives. */
export function startDispatcher(dispatching: Dispatching): Dispatcher {
  const write = inTurns(WRITES)
  const store = inTheBackground(dispatching.store, write)
  const { clock } = dispatching
  const parts = { ...dispatching, store, startedAt: clock.now() }
  const fanOut = createFanOut(parts)
  const lanes = new Map<string, Lane>()
  const underWay = new Set<Promise<void>>()
  const abort = new AbortController()
  const forgetting = forgetPeriodically(parts)
  const failures = createFailures(parts.onError)
  const bell = createBell()
  let isStopping = false

  const slotsOf = ({ failingSince }: Webhook) => (failingSince === null ? SLOTS : SLOTS_WHILE_FAILING)

  const fill = async (id: string): Promise<void> => {
    const lane = lanes.get(id) ?? { inFlight: 0, isFilling: false, mayHaveMore: false }
    if (isStopping || lane.isFilling || lane.inFlight >= SLOTS) return
    lanes.set(id, lane)
    lane.isFilling = true
    try {
      const webhook = await store.findWebhook(id)
      // Again where one ended meanwhile: whoever wanted to fill its slot found this at work.
      while (webhook && !isStopping && lane.inFlight < slotsOf(webhook)) {
        const limit = slotsOf(webhook) - lane.inFlight
        const leases = await write(() => {
          // Not before: waiting for the turn must not use up the lease.
          const now = clock.now()
          return store.leaseDeliveries({ webhook: id, now, until: now + LEASE_MS, limit })
        })
        for (const lease of leases) send(webhook, lane, lease)
        lane.mayHaveMore = leases.length === limit
        if (!lane.mayHaveMore) return
      }
    } finally {
      lane.isFilling = false
      if (lane.inFlight === 0) lanes.delete(id)
    }
  }

  const send = (webhook: Webhook, lane: Lane, lease: Parameters<typeof deliver>[2]): void => {
    lane.inFlight += 1
    const sending = deliver(parts, webhook, lease, abort.signal)
      .catch((error: unknown) => {
        if (!abort.signal.aborted) failures.note(error)
      })
      .then(() => {
        lane.inFlight -= 1
        if (lane.inFlight === 0 && !lane.isFilling) lanes.delete(webhook.id)
        return lane.mayHaveMore ? fill(webhook.id) : undefined
      })
      .catch(failures.note)
      // Only now: who stops has to wait for what was being leased, too.
      .finally(() => underWay.delete(sending))
    underWay.add(sending)
  }

  const fillAll = async (): Promise<void> => {
    const due = await store.listDueWebhooks(clock.now())
    await Promise.all(due.map(fill))
  }

  const look = async (): Promise<FannedOut> => {
    const before = failures.count
    // What is due is sent also while no deliveries can be made, and the other way round.
    const fannedOut = await fanOut().catch((error: unknown): FannedOut => {
      failures.note(error)
      return { isMorePending: false, isAnybodyListening: true }
    })
    await fillAll().catch(failures.note)
    if (failures.count === before) failures.end()
    return fannedOut
  }

  const run = async (): Promise<void> => {
    while (!isStopping) {
      bell.hush()
      const { isMorePending, isAnybodyListening } = await look()
      if (failures.count > 0) await bell.silence(Math.min(LOOK_EVERY_MS * 2 ** failures.count, LONGEST_PAUSE_MS))
      // Where nobody waits for the events, a commit for each of them would only be in the way of others.
      else if (!isMorePending) await (isAnybodyListening ? bell.rung(LOOK_EVERY_MS) : bell.silence(LOOK_EVERY_MS))
    }
  }
  const running = run()

  return {
    wake: bell.ring,
    async stop(graceMs) {
      isStopping = true
      bell.stop()
      await Promise.all([running, forgetting[Symbol.asyncDispose]()])
      const grace = new AbortController()
      const settled = async () => {
        while (underWay.size > 0) await Promise.all(underWay)
      }
      const isDone = settled().then(() => grace.abort())
      await Promise.race([isDone, delay(graceMs, undefined, { signal: grace.signal }).catch(() => {})])
      abort.abort(new Error('the server stops'))
      await isDone
    },
  }
}

/** Its writes wait for their turn, so that no number of events, webhooks or deliveries keeps requests waiting. */
function inTheBackground<Store extends Dispatching['store']>(store: Store, write: InTurns): Store {
  return {
    ...store,
    commit: (changes) => write(() => store.commit(changes)),
    forgetDeliveries: (before, limit) => write(() => store.forgetDeliveries(before, limit)),
  }
}

/** A store that is away is away for every look: it is told of once, until it is back. */
function createFailures(onError: (error: unknown) => void) {
  let count = 0
  return {
    get count() {
      return count
    },
    note(error: unknown): void {
      count += 1
      if (count === 1) onError(error)
    },
    end(): void {
      count = 0
    },
  }
}

/** Pauses that end early when somebody rings. Timers are monotonic: a clock that is set back stops nothing. */
function createBell() {
  let isRung = false
  let isStopped = false
  let waiting: (() => void) | null = null
  const pause = (ms: number) =>
    new Promise<void>((resume) => {
      const timer = setTimeout(resume, ms)
      waiting = () => {
        clearTimeout(timer)
        resume()
      }
    })
  return {
    ring(): void {
      if (isRung) return
      isRung = true
      waiting?.()
    },
    stop(): void {
      isStopped = true
      waiting?.()
    },
    hush(): void {
      isRung = false
    },
    /** Until it rings and a little longer, in which more may come; `ms` at most. */
    async rung(ms: number): Promise<void> {
      if (!isRung && !isStopped) await pause(ms)
      if (isRung && !isStopped) await pause(GATHER_MS)
    },
    /** `ms`, however often it rings. */
    async silence(ms: number): Promise<void> {
      isRung = true
      if (!isStopped) await pause(ms)
    },
  }
}
