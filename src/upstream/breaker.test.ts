import { describe, expect, it } from 'vitest'
import { Breaker } from './breaker.ts'

const ORIGIN = 'https://registry.example'
const closedBreaker = () => new Breaker({ firstPauseMs: 3_000, longestPauseMs: 20_000 })

describe('Breaker', () => {
  it('pauses an unreachable origin at once, and no other', () => {
    const breaker = closedBreaker()
    breaker.failed(ORIGIN, 0, 'unreachable')
    expect(breaker.pause(ORIGIN, 1_000)).toBe(2_000)
    expect(breaker.pause('https://other.example', 1_000)).toBe(0)
  })

  it('pauses a failing origin after three in a row', () => {
    const breaker = closedBreaker()
    breaker.failed(ORIGIN, 0, 'failing')
    breaker.failed(ORIGIN, 0, 'failing')
    breaker.succeeded(ORIGIN)
    breaker.failed(ORIGIN, 0, 'failing')
    breaker.failed(ORIGIN, 0, 'failing')
    expect(breaker.pause(ORIGIN, 0)).toBe(0)
    breaker.failed(ORIGIN, 0, 'failing')
    expect(breaker.pause(ORIGIN, 0)).toBe(3_000)
  })

  it('lets one probe through after the pause, and waits for what it finds', () => {
    const breaker = closedBreaker()
    breaker.failed(ORIGIN, 0, 'unreachable')
    expect(breaker.enter(ORIGIN, 3_000)).toBe(0)
    expect(breaker.enter(ORIGIN, 3_000)).toBeGreaterThan(0)
    breaker.succeeded(ORIGIN)
    expect(breaker.enter(ORIGIN, 3_001)).toBe(0)
    expect(breaker.enter(ORIGIN, 3_001)).toBe(0)
  })

  it('pauses longer after each probe that fails, up to a limit', () => {
    const breaker = closedBreaker()
    let now = 0
    const pauses: number[] = []
    breaker.failed(ORIGIN, now, 'unreachable')
    for (let probe = 0; probe < 5; probe++) {
      pauses.push(breaker.pause(ORIGIN, now))
      now += breaker.pause(ORIGIN, now)
      expect(breaker.enter(ORIGIN, now)).toBe(0)
      breaker.failed(ORIGIN, now, 'failing')
    }
    expect(pauses).toEqual([3_000, 6_000, 12_000, 20_000, 20_000])
  })

  it('does not lengthen the pause for requests that were under way when it began', () => {
    const breaker = closedBreaker()
    for (let request = 0; request < 50; request++) breaker.failed(ORIGIN, 0, 'unreachable')
    expect(breaker.pause(ORIGIN, 0)).toBe(3_000)
  })

  it('keeps to what the upstream asked for', () => {
    const breaker = closedBreaker()
    breaker.holdUntil(ORIGIN, 60_000)
    breaker.failed(ORIGIN, 100, 'unreachable')
    expect(breaker.enter(ORIGIN, 59_999)).toBe(1)
    expect(breaker.enter(ORIGIN, 60_000)).toBe(0)
  })
})
