import { operations } from '../../src/api/index.ts'
import type { OutputOf } from '../../src/api/operation.ts'
import type { Client } from '../../src/cli/client.ts'

export type LoggedEvent = OutputOf<typeof operations.listEvents>['events'][number]

/** Everything that happened in the account of whoever asks, oldest first. */
export async function readEvents(api: Client): Promise<readonly LoggedEvent[]> {
  const events: LoggedEvent[] = []
  for (let after: string | undefined; ;) {
    const page = await api.call(operations.listEvents, { limit: 1000, after })
    events.push(...page.events)
    if (page.next === null) return events
    after = page.next
  }
}

/** The events of one version of a package. */
export const eventsOf = (
  events: readonly LoggedEvent[],
  { format, name, version }: { readonly format: string; readonly name: string; readonly version: string },
): readonly LoggedEvent[] => {
  const plain = name.slice(name.indexOf('/') + 1)
  return events.filter(
    ({ detail }) =>
      detail['packageFormat'] === format && detail['packageName'] === plain && detail['packageVersion'] === version,
  )
}
