import type { Clock, DeliveryQueue } from '../registry/ports.ts'

const HOUR_MS = 3_600_000
/** For how long what came of deliveries can be looked up and replayed. */
const KEPT_MS = 30 * 24 * HOUR_MS
/** Of one transaction: the database does other things in between. */
const BATCH = 500

/** Forgets deliveries that ended long ago, hourly. Disposing waits for the batch that is being forgotten. */
export function forgetPeriodically({
  store,
  clock,
  onError,
}: {
  readonly store: Pick<DeliveryQueue, 'forgetDeliveries'>
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}): AsyncDisposable {
  let isStopping = false
  let running = Promise.resolve()
  const forget = async (): Promise<void> => {
    const before = clock.now() - KEPT_MS
    while (!isStopping && (await store.forgetDeliveries(before, BATCH)) === BATCH);
  }
  const timer = setInterval(() => (running = running.then(forget).catch(onError)), HOUR_MS)
  timer.unref()
  return {
    async [Symbol.asyncDispose]() {
      isStopping = true
      clearInterval(timer)
      await running
    },
  }
}
