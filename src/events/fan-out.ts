import { randomUUID } from 'node:crypto'
import type { Change } from '../registry/changes.ts'
import { RegistryError } from '../registry/errors.ts'
import type { RecordedEvent } from '../registry/events.ts'
import type { AccountId } from '../registry/names.ts'
import type { Clock, MetadataStore } from '../registry/ports.ts'
import type { Webhook } from '../registry/webhooks.ts'
import { isLoop, LOOP_REASON, suspicion } from './loop-guard.ts'
import { compilePattern, type Pattern } from './pattern.ts'
import { eventData } from './wire.ts'

/** Of one commit: each event is a handful of statements. */
const BATCH = 100
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

/** Holds the pending events against all webhooks and makes their deliveries. Resolves to whether more may be pending. */
export function createFanOut(parts: FanningOut): () => Promise<boolean> {
  const { store, clock } = parts
  const patternOf = rememberPatterns(parts.onUnreadable)
  return async () => {
    const events = await store.listPendingEvents(BATCH)
    if (events.length === 0) return false
    const webhooks = (await store.listWebhooks()).filter(({ disabled }) => disabled === null)
    const plans: (readonly Change[])[] = []
    const told = new Set<string>()
    for (const event of events) plans.push(await planOf(parts, event, webhooks, { patternOf, told }))
    await commitAll(store, plans)
    for (const { time } of events) parts.onFannedOut(Math.max(0, clock.now() - time) / 1000)
    return events.length === BATCH
  }
}

/** `told`: loops that a plan of the same commit tells of. */
async function planOf(
  { store, clock, region, operatorAccount }: FanningOut,
  event: RecordedEvent,
  webhooks: readonly Webhook[],
  { patternOf, told }: { patternOf: (webhook: Webhook) => Pattern; told: Set<string> },
): Promise<readonly Change[]> {
  const accounts = accountsOf(event, operatorAccount)
  const deliveries: { id: string; webhook: string; reason?: string }[] = []
  const announcements: Change[] = []
  const dataOf = new Map([...accounts].map((account) => [account, eventData(event, { region, account })]))
  for (const webhook of webhooks) {
    const { account } = webhook
    const pattern = patternOf(webhook)
    if (!accounts.has(account) || !pattern.matches(dataOf.get(account))) continue
    const hears = (earlier: RecordedEvent) => pattern.matches(eventData(earlier, { region, account }))
    const delivery = { id: randomUUID(), webhook: webhook.id }
    if (!(await isLoop(store, event, hears))) {
      deliveries.push(delivery)
      continue
    }
    deliveries.push({ ...delivery, reason: LOOP_REASON })
    const loop = `${webhook.id} ${event.subject}`
    const suspected = told.has(loop) ? null : await suspicion(store, webhook, event)
    told.add(loop)
    if (suspected) announcements.push({ change: 'announce', event: suspected })
  }
  return [{ change: 'fan-out-event', event: event.id, deliveries, at: clock.now() }, ...announcements]
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
async function commitAll(store: FanningOut['store'], plans: readonly (readonly Change[])[]): Promise<void> {
  try {
    return await store.commit(plans.flat())
  } catch (error) {
    if (!isRace(error)) throw error
  }
  for (const plan of plans) {
    try {
      await store.commit(plan)
    } catch (error) {
      if (!isRace(error)) throw error
    }
  }
}

const isRace = (error: unknown): boolean =>
  error instanceof RegistryError && (error.code === 'conflict' || error.code === 'busy')

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
