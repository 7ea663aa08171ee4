import type { Instant } from '../registry/model.ts'
import type { Clock } from '../registry/ports.ts'

// A timer takes no more than 31 bits.
const LONGEST_TIMER = 2 ** 31 - 1

/** What `promise` gives if it does so before the deadline; else throws what `late` makes. The work behind it goes on. */
export async function within<T>(promise: Promise<T>, deadline: Instant, clock: Clock, late: () => Error): Promise<T> {
  promise.catch(() => {}) // if it fails after the deadline, nobody is there to hear
  const { promise: expired, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(late()), Math.min(Math.max(deadline - clock.now(), 0), LONGEST_TIMER))
  try {
    return await Promise.race([promise, expired])
  } finally {
    clearTimeout(timer)
  }
}
