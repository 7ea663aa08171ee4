import { expect, it } from 'vitest'
import { createMetrics } from './metrics.ts'

it('counts deliveries once for both of their numbers, and anew each time it is asked', async () => {
  let looks = 0
  const { registry } = createMetrics({
    blobs: async () => ({ bytes: 0, cachedBytes: 0, count: 0 }),
    async deliveries() {
      looks += 1
      if (looks === 3) throw new Error('the store is away')
      return { pending: looks, overdueSeconds: looks * 10 }
    },
    upstreams: async () => [],
  })
  const numbers = async () =>
    (await registry.metrics()).match(/^granary_(deliveries_pending|delivery_overdue_seconds) .*$/gm)
  expect(await numbers()).toEqual(['granary_deliveries_pending 1', 'granary_delivery_overdue_seconds 10'])
  expect(await numbers()).toEqual(['granary_deliveries_pending 2', 'granary_delivery_overdue_seconds 20'])
  expect(await numbers()).toBeNull()
  expect(await numbers()).toEqual(['granary_deliveries_pending 4', 'granary_delivery_overdue_seconds 40'])
})
