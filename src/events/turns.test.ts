import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { inTurns } from './turns.ts'

it('lets others in between two tasks that wait for nothing', async () => {
  const turns = inTurns(4)
  let ran = 0
  const all = Promise.all(Array.from({ length: 20 }, () => turns(async () => void (ran += 1))))
  const seen: number[] = []
  while (ran < 20) {
    seen.push(ran)
    await nextTurn()
  }
  await all
  expect(seen.every((count, index) => index === 0 || count - (seen[index - 1] ?? 0) <= 1)).toBe(true)
})

it('runs so many at once and in order, and goes on after one that fails', async () => {
  const turns = inTurns(2)
  const begun: number[] = []
  let [now, most] = [0, 0]
  const task = (number: number) => async () => {
    begun.push(number)
    most = Math.max(most, ++now)
    await delay(5)
    now -= 1
    if (number === 3) throw new Error('three')
    return number
  }
  const outcomes = await Promise.allSettled([0, 1, 2, 3, 4, 5].map((number) => turns(task(number))))
  expect(begun).toEqual([0, 1, 2, 3, 4, 5])
  expect(most).toBe(2)
  expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual([true, true, true, false, true, true])
  expect(await turns(task(6))).toBe(6)
})
