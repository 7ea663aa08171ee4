// Policy documents that the management API attaches by name: policy reaches the server through the core.
import { ADMINISTRATOR, PUBLISHER, READER } from '../policy/access/presets.ts'

export const POLICY_PRESETS = { administrator: ADMINISTRATOR, publisher: PUBLISHER, reader: READER } as const
