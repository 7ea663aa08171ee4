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

/** Whether too many like it went to whoever `hears` of them. */
export async function isLoop(
  store: Pick<EventReads, 'listEventsOfSubject'>,
  event: RecordedEvent,
  hears: (event: RecordedEvent) => boolean,
): Promise<boolean> {
  if (!isPublish(event) || event.sequence <= MOST_PUBLISHES) return false
  const before = (limit: number) =>
    store.listEventsOfSubject({
      subject: event.subject,
      before: event.sequence,
      since: event.time - WINDOW_MS,
      limit,
    })
  // Most packages have a handful of events a day.
  if ((await before(MOST_PUBLISHES)).length < MOST_PUBLISHES) return false
  return (await before(MOST_EVENTS)).filter((earlier) => isPublish(earlier) && hears(earlier)).length >= MOST_PUBLISHES
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
