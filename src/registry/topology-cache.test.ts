import { expect, it } from 'vitest'
import { TopologyCache } from './topology-cache.ts'

const counting = () => {
  const loads: string[] = []
  return { loads, load: (value: string) => async () => void loads.push(value) }
}

it('loads once per value of the counter, also for concurrent requests', async () => {
  const cache = new TopologyCache<void>(10)
  const { loads, load } = counting()
  await Promise.all([cache.read(1, 'a', load('first')), cache.read(1, 'a', load('second'))])
  await cache.read(1, 'a', load('third'))
  await cache.read(2, 'a', load('fourth'))
  await cache.read(1, 'a', load('of an older request'))
  expect(loads).toEqual(['first', 'fourth'])
})

it('forgets what failed, and the oldest beyond its limit', async () => {
  const cache = new TopologyCache<void>(2)
  const { loads, load } = counting()
  await expect(cache.read(1, 'a', () => Promise.reject(new Error('unreachable')))).rejects.toThrow('unreachable')
  for (const key of ['a', 'b', 'c', 'c', 'a']) await cache.read(1, key, load(key))
  expect(loads).toEqual(['a', 'b', 'c', 'a'])
})

it('never gives a load of before the counter moved to a request of after', async () => {
  const cache = new TopologyCache<string>(10)
  const slow = Promise.withResolvers<string>()
  const before = cache.read(1, 'a', () => slow.promise)
  const after = cache.read(2, 'a', async () => 'new')
  slow.resolve('old')
  expect([await before, await after, await cache.read(2, 'a', async () => 'newer')]).toEqual(['old', 'new', 'new'])
})
