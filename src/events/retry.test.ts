import { describe, expect, it } from 'vitest'
import { afterFailure } from './retry.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const FIRST = 1_900_000_000_000

const fail = (attempts: number, now: number, more: { wish?: number; random?: number } = {}) =>
  afterFailure({ attempts, firstAttemptAt: FIRST, now, wish: null, random: 0.5, error: 'it hung', ...more })

describe('the schedule', () => {
  it.each([
    [1, 5 * SECOND],
    [2, 30 * SECOND],
    [3, 2 * MINUTE],
    [4, 10 * MINUTE],
    [5, 30 * MINUTE],
    [6, HOUR],
    [7, 2 * HOUR],
    [8, 4 * HOUR],
    [9, 8 * HOUR],
    [10, 8 * HOUR],
  ])('after failure %d waits %d ms, a fifth more or less', (attempts, wait) => {
    const now = FIRST + HOUR
    const dueAt = (random: number) => fail(attempts, now, { random })
    expect(dueAt(0.5)).toEqual({ state: 'pending', dueAt: now + wait })
    expect(dueAt(0)).toEqual({ state: 'pending', dueAt: now + 0.8 * wait })
    expect(dueAt(1)).toEqual({ state: 'pending', dueAt: now + 1.2 * wait })
  })

  it.each([0, 0.25, 0.5, 0.75, 0.999])('ends within 24 hours (random %d)', (random) => {
    const times: number[] = []
    let now = FIRST
    for (let attempts = 1; ; attempts++) {
      times.push(now)
      const outcome = fail(attempts, now, { random })
      if (outcome.state !== 'pending') {
        expect(outcome).toEqual({
          state: 'dead',
          reason: `it was tried ${attempts} times within 24 hours; the last time it hung`,
        })
        break
      }
      now = outcome.dueAt
    }
    expect(times.length).toBeGreaterThanOrEqual(10)
    expect(times.at(-1)).toBeLessThanOrEqual(FIRST + 24 * HOUR)
    expect(times.at(-1)).toBeGreaterThan(FIRST + 12 * HOUR)
  })
})

describe('what the receiver asks for', () => {
  it.each([
    ['longer than planned', 1, 2 * MINUTE, 2 * MINUTE],
    ['shorter than planned', 4, 2 * MINUTE, 10 * MINUTE],
    ['far too long', 1, 100 * HOUR, HOUR],
  ])('%s', (_what, attempts, wish, wait) => {
    expect(fail(attempts, FIRST, { wish })).toEqual({ state: 'pending', dueAt: FIRST + wait })
  })

  it('never puts it off beyond the end, and never revives it', () => {
    const end = FIRST + 24 * HOUR
    expect(fail(1, end - MINUTE, { wish: HOUR })).toEqual({ state: 'pending', dueAt: end })
    expect(fail(9, end - HOUR, { wish: MINUTE }).state).toBe('dead')
    expect(fail(1, end, { wish: null as never }).state).toBe('dead')
  })
})
