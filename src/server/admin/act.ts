import type { Act } from '../../auth/identities.ts'
import { actorOf } from '../../registry/events.ts'
import type { ManageContext } from '../../registry/manage.ts'

/** For the plans of identities: each announces one event. */
export const actOf = ({ caller, now, id }: ManageContext): Act => ({ actor: actorOf(caller), now, eventId: id() })
