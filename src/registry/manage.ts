import type { Change } from './changes.ts'
import { actorOf, managementEvent } from './events.ts'
import type { Caller, Instant } from './model.ts'
import type { AccountId, DomainName } from './names.ts'

// Plans of what people manage: each turns a wish and what is there into changes, or refuses it. They are pure but for `id`.

/** Who manages, when, and where new ids (UUIDs) come from. */
export type ManageContext = { readonly caller: Caller; readonly now: Instant; readonly id: () => string }

/** The event of a plan, as its last change. `type` is noun and past participle: `Domain Created`. */
export const announce = (
  { caller, now, id }: ManageContext,
  type: string,
  about: {
    readonly account: AccountId | null
    readonly domain?: DomainName
    readonly detail: Readonly<Record<string, unknown>>
  },
): Change => ({
  change: 'announce',
  event: managementEvent({ id: id(), type, time: now, actor: actorOf(caller), ...about }),
})
