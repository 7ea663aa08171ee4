import type { Instant } from '../registry/model.ts'
import type { DeliveryOutcome } from '../registry/webhooks.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** What passes after the first failure, the second and so on; the last for all further ones. */
const DELAYS = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  4 * HOUR,
  8 * HOUR,
] as const
/** Receivers that failed at the same moment must not all be asked again at the same moment. */
const JITTER = 0.2
/** After the first attempt. */
const GIVE_UP_AFTER = 24 * HOUR
/** No receiver can put its deliveries off for longer, whatever it asks for. */
const LONGEST_WISH = HOUR

/** A webhook that fails for so long is disabled. */
export const DISABLE_AFTER = 72 * HOUR
/** But not by a server that began to send so short a time ago: while none ran, nothing could be delivered either. */
export const SETTLE_BEFORE_DISABLING = HOUR

/**
 * What becomes of a delivery whose attempt failed.
 * @param attempts including this one, since it was made or replayed
 * @param wish for how long the receiver asked to be left alone, in milliseconds; null where it did not
 * @param random 0 to 1
 */
export function afterFailure({
  attempts,
  firstAttemptAt,
  now,
  wish,
  random,
  error,
}: {
  readonly attempts: number
  readonly firstAttemptAt: Instant
  readonly now: Instant
  readonly wish: number | null
  readonly random: number
  readonly error: string
}): DeliveryOutcome {
  const delay = DELAYS[Math.min(attempts, DELAYS.length) - 1] ?? DELAYS[0]
  const planned = now + Math.round(delay * (1 - JITTER + 2 * JITTER * random))
  const end = firstAttemptAt + GIVE_UP_AFTER
  if (planned > end) {
    const times = attempts === 1 ? 'once' : `${attempts} times`
    return { state: 'dead', reason: `it was tried ${times} within 24 hours; the last time ${error}` }
  }
  const wished = now + Math.min(wish ?? 0, LONGEST_WISH)
  return { state: 'pending', dueAt: Math.min(Math.max(planned, wished), end) }
}
