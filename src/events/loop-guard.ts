import { randomUUID } from 'node:crypto'
import { PACKAGE_VERSION_EVENT, type EventDraft, type RecordedEvent } from '../registry/events.ts'
import type { EventReads } from '../registry/ports.ts'
import type { Webhook } from '../registry/webhooks.ts'

// A webhook that starts a pipeline that publishes the package that the webhook is about runs for ever. What tells such a
// loop is its rate, so the events themselves are counted: no process remembers anything, and all come to the same result.

const WINDOW_MS = 10 * 60_000
/** Publishes of one package of one repository that one webhook hears of within the window. */
const MOST_PUBLISHES = 100
/** Deletions and what else happens between the publishes of a loop are looked at, too, up to here. */
const MOST_EVENTS = 1_000

export const LOOP_REASON =
  `more than ${MOST_PUBLISHES} publishes of this package within ${WINDOW_MS / 60_000} minutes went to this webhook before: ` +
  'it may be what causes them. Replay it if it is not'

export const LOOP_EVENT = 'Webhook Loop Suspected'

/** What somebody published or changed here. Fetching from upstream ends by itself, and deleting makes nothing that could be deleted. */
const isPublish = ({ type, detail }: RecordedEvent): boolean =>
  type === PACKAGE_VERSION_EVENT &&
  detail['operationType'] !== 'Deleted' &&
  detail['packageVersionOrigin'] !== 'EXTERNAL'

/** Events of the same subject within the window before it, newest first: at most `limit`. Each look-up is made once. */
export type RecentEvents = (limit: number) => Promise<readonly RecordedEvent[]>

export function recentEvents(store: Pick<EventReads, 'listEventsOfSubject'>, event: RecordedEvent): RecentEvents {
  const known = new Map<number, ReturnType<RecentEvents>>()
  const { subject, sequence: before, time } = event
  return (limit) => {
    const found = known.get(limit) ?? store.listEventsOfSubject({ subject, before, since: time - WINDOW_MS, limit })
    known.set(limit, found)
    return found
  }
}

/** Whether too many like it went to whoever `hears` of them. */
export async function isLoop(
  recent: RecentEvents,
  event: RecordedEvent,
  hears: (event: RecordedEvent) => boolean,
): Promise<boolean> {
  if (!isPublish(event) || event.sequence <= MOST_PUBLISHES) return false
  // Most packages have a handful of events a day.
  if ((await recent(MOST_PUBLISHES)).length < MOST_PUBLISHES) return false
  let heard = 0
  for (const earlier of await recent(MOST_EVENTS)) {
    if (isPublish(earlier) && hears(earlier)) heard += 1
    if (heard === MOST_PUBLISHES) return true
  }
  return false
}

const subjectOf = ({ id }: Webhook): string => `webhook/${id}`

/** The event that tells people of it; null where one did within the window. */
export async function suspicion(
  store: Pick<EventReads, 'listEventsOfSubject'>,
  webhook: Webhook,
  event: RecordedEvent,
): Promise<EventDraft | null> {
  const { domainName, repositoryName, packageFormat, packageNamespace, packageName } = event.detail
  const about = { domainName, repositoryName, packageFormat, packageNamespace, packageName }
  const told = await store.listEventsOfSubject({
    subject: subjectOf(webhook),
    since: event.time - WINDOW_MS,
    limit: MOST_EVENTS,
  })
  const isSame = ({ type, detail }: RecordedEvent) =>
    type === LOOP_EVENT && Object.entries(about).every(([name, value]) => detail[name] === value)
  if (told.some(isSame)) return null
  return {
    id: randomUUID(),
    type: LOOP_EVENT,
    time: event.time,
    actor: 'granary:system',
    account: webhook.account,
    subject: subjectOf(webhook),
    detail: { webhook: webhook.id, url: webhook.shownUrl, ...about, reason: LOOP_REASON, actor: 'granary:system' },
  }
}
