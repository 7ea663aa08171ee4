import { randomUUID } from 'node:crypto'
import type { Change } from '../registry/changes.ts'
import { RegistryError, type ErrorCode } from '../registry/errors.ts'
import type { RecordedEvent } from '../registry/events.ts'
import type { AccountId } from '../registry/names.ts'
import type { Clock, MetadataStore } from '../registry/ports.ts'
import type { Webhook } from '../registry/webhooks.ts'
import { isLoop, LOOP_REASON, recentEvents, suspicion } from './loop-guard.ts'
import { compilePattern, type Pattern } from './pattern.ts'
import { eventData, type EventData } from './wire.ts'

/** Events that are read at once. */
const BATCH = 100
/** Deliveries and events that one commit writes: with SQLite the process does nothing else for 0.15 ms each. */
const ROWS_OF_COMMIT = 100
const MAX_PATTERNS = 2_000

export type FanningOut = {
  readonly store: Pick<MetadataStore, 'listPendingEvents' | 'listWebhooks' | 'listEventsOfSubject' | 'commit'>
  readonly clock: Clock
  readonly region: string
  /** Hears of what concerns the installation itself. */
  readonly operatorAccount: AccountId
  /** Seconds from an event to its deliveries. */
  readonly onFannedOut: (lag: number) => void
  /** A pattern in the store that this program cannot read: its webhook hears of nothing. */
  readonly onUnreadable: (webhook: Webhook, error: unknown) => void
}

export type FannedOut = {
  readonly isMorePending: boolean
  /** False where there were events and no webhook that could hear of them. */
  readonly isAnybodyListening: boolean
}

/** Holds the pending events against all webhooks and makes their deliveries. */
export function createFanOut(parts: FanningOut): () => Promise<FannedOut> {
  const { store } = parts
  const patternOf = rememberPatterns(parts.onUnreadable)
  return async () => {
    const events = await store.listPendingEvents(BATCH)
    if (events.length === 0) return { isMorePending: false, isAnybodyListening: true }
    const webhooks = (await store.listWebhooks()).filter(({ disabled }) => disabled === null)
    const told = new Set<string>()
    let plans: Plan[] = []
    let rows = 0
    for (const event of events) {
      const plan = await planOf(parts, event, webhooks, { patternOf, told })
      plans.push(plan)
      rows += 1 + plan.deliveries
      if (rows < ROWS_OF_COMMIT) continue
      await commitAll(parts, plans)
      plans = []
      rows = 0
    }
    if (plans.length > 0) await commitAll(parts, plans)
    return { isMorePending: events.length === BATCH, isAnybodyListening: webhooks.length > 0 }
  }
}

/** What becomes of one event. */
type Plan = { readonly event: RecordedEvent; readonly changes: readonly Change[]; readonly deliveries: number }

/** `told`: loops that a plan of the same batch tells of. */
async function planOf(
  { store, clock, region, operatorAccount }: FanningOut,
  event: RecordedEvent,
  webhooks: readonly Webhook[],
  { patternOf, told }: { patternOf: (webhook: Webhook) => Pattern; told: Set<string> },
): Promise<Plan> {
  const accounts = accountsOf(event, operatorAccount)
  const deliveries: { id: string; webhook: string; reason?: string }[] = []
  const announcements: Change[] = []
  const dataOf = rememberData(region)
  const recent = recentEvents(store, event)
  for (const webhook of webhooks) {
    const { account } = webhook
    const pattern = patternOf(webhook)
    if (!accounts.has(account) || !pattern.matches(dataOf(event, account))) continue
    const delivery = { id: randomUUID(), webhook: webhook.id }
    if (!(await isLoop(recent, event, (earlier) => pattern.matches(dataOf(earlier, account))))) {
      deliveries.push(delivery)
      continue
    }
    deliveries.push({ ...delivery, reason: LOOP_REASON })
    const loop = `${webhook.id} ${event.subject}`
    const suspected = told.has(loop) ? null : await suspicion(store, webhook, event)
    told.add(loop)
    if (suspected) announcements.push({ change: 'announce', event: suspected })
  }
  const fanOut: Change = { change: 'fan-out-event', event: event.id, deliveries, at: clock.now() }
  return { event, changes: [fanOut, ...announcements], deliveries: deliveries.length }
}

/** A hundred webhooks of an account look at the same data. */
function rememberData(region: string): (event: RecordedEvent, account: AccountId) => EventData {
  const known = new Map<AccountId, Map<RecordedEvent, EventData>>()
  return (event, account) => {
    const ofAccount = known.get(account) ?? new Map<RecordedEvent, EventData>()
    known.set(account, ofAccount)
    const data = ofAccount.get(event) ?? eventData(event, { region, account })
    ofAccount.set(event, data)
    return data
  }
}

/** CodeArtifact: the domain's owner and the repository's administrator each receive one, and one where they are the same. */
function accountsOf({ account, detail }: RecordedEvent, operatorAccount: AccountId): ReadonlySet<AccountId> {
  const administrator = detail['repositoryAdministrator']
  return new Set([
    account ?? operatorAccount,
    ...(typeof administrator === 'string' ? [administrator as AccountId] : []),
  ])
}

/** All at once, which is one write to the disk; one by one where another process was quicker with one of them. */
async function commitAll(parts: FanningOut, plans: readonly Plan[]): Promise<void> {
  const { store, clock, onFannedOut } = parts
  const commit = async (some: readonly Plan[]): Promise<void> => {
    // That nobody hears of an event is found out again.
    const isReplaceable = some.every(({ changes }) => changes.every(isUnheard))
    await store.commit(
      some.flatMap(({ changes }) => changes),
      { isReplaceable },
    )
    for (const { event } of some) onFannedOut(Math.max(0, clock.now() - event.time) / 1000)
  }
  try {
    return await commit(plans)
  } catch (error) {
    if (!isRefused(error, 'conflict') && !isRefused(error, 'busy')) throw error
  }
  for (const plan of plans) {
    await commit([plan]).catch((error: unknown) => {
      // A store that is busy again is away: each of the others would wait as long for it.
      if (!isRefused(error, 'conflict')) throw error
    })
  }
}

const isUnheard = (change: Change): boolean => change.change === 'fan-out-event' && change.deliveries.length === 0

const isRefused = (error: unknown, code: ErrorCode): boolean => error instanceof RegistryError && error.code === code

const EVERYTHING: Pattern = { matches: () => true }
const NOTHING: Pattern = { matches: () => false }

function rememberPatterns(onUnreadable: FanningOut['onUnreadable']): (webhook: Webhook) => Pattern {
  const known = new Map<string, Pattern>()
  return (webhook) => {
    if (webhook.pattern === null) return EVERYTHING
    let pattern = known.get(webhook.pattern)
    if (pattern) return pattern
    try {
      pattern = compilePattern(webhook.pattern)
    } catch (error) {
      onUnreadable(webhook, error)
      pattern = NOTHING
    }
    if (known.size >= MAX_PATTERNS) known.clear()
    known.set(webhook.pattern, pattern)
    return pattern
  }
}
