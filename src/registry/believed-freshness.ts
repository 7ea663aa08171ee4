import type { Instant } from './model.ts'

/** No index is fresh for longer: one that says so is from a clock that was set back since. */
const LONGEST_FRESHNESS_MS = 3600_000

/** Until when an index counts as fresh, for somebody who looks now. */
export const believedFreshness = (freshUntil: Instant, now: Instant): Instant =>
  freshUntil > now + LONGEST_FRESHNESS_MS ? now : freshUntil
