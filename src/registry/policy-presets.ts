// What the management API names of policies: these reach the server through the core.
import { ADMINISTRATOR, PUBLISHER, READER } from '../policy/access/presets.ts'

export { ACTIONS } from '../policy/access/actions.ts'

/** Policy documents that are attached by name. */
export const POLICY_PRESETS = { administrator: ADMINISTRATOR, publisher: PUBLISHER, reader: READER } as const
