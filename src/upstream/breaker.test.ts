import { describe, expect, it } from 'vitest'
import type { ConnectionName } from '../registry/names.ts'
import { Breaker, type Route } from './breaker.ts'

const NAME = 'public:npmjs' as ConnectionName
const ROUTE: Route = { connection: NAME, origin: 'https://registry.example' }
const GO = { may: 'go', isProbe: false }
const PROBE = { may: 'go', isProbe: true }
const closedBreaker = () => new Breaker({ firstPauseMs: 3_000, longestPauseMs: 20_000 })

describe('Breaker', () => {
  it('pauses an unreachable origin at once, and no other of the connection, nor another connection', () => {
    const breaker = closedBreaker()
    breaker.failed(ROUTE, 0, 'unreachable')
    expect(breaker.pause(ROUTE, 1_000)).toBe(2_000)
    expect(breaker.pause({ ...ROUTE, origin: 'https://other.example' }, 1_000)).toBe(0)
    expect(breaker.pause({ ...ROUTE, connection: 'other' as ConnectionName }, 1_000)).toBe(0)
  })

  it('pauses a failing origin after three in a row', () => {
    const breaker = closedBreaker()
    breaker.failed(ROUTE, 0, 'failing')
    breaker.failed(ROUTE, 0, 'failing')
    breaker.succeeded(ROUTE, 0)
    breaker.failed(ROUTE, 0, 'failing')
    breaker.failed(ROUTE, 0, 'failing')
    expect(breaker.pause(ROUTE, 0)).toBe(0)
    breaker.failed(ROUTE, 0, 'failing')
    expect(breaker.pause(ROUTE, 0)).toBe(3_000)
  })

  it.each(['succeeded', 'failed', 'holdUntil'] as const)(
    'lets one probe through after the pause, and whoever comes meanwhile wait until it has %s',
    async (outcome) => {
      const breaker = closedBreaker()
      breaker.failed(ROUTE, 0, 'unreachable')
      expect(breaker.enter(ROUTE, 2_999)).toEqual({ may: 'not', forMs: 1 })
      expect(breaker.enter(ROUTE, 3_000)).toEqual(PROBE)
      const waiting = breaker.enter(ROUTE, 3_000)
      if (waiting.may !== 'wait') throw new Error(`It may ${waiting.may}`)
      expect(breaker.pause(ROUTE, 3_000)).toBeGreaterThan(0)
      if (outcome === 'succeeded') breaker.succeeded(ROUTE, 3_001)
      else if (outcome === 'failed') breaker.failed(ROUTE, 3_001, 'failing')
      else breaker.holdUntil(ROUTE, 3_001, 10_000)
      await waiting.decided
      const after = { succeeded: GO, failed: { may: 'not', forMs: 6_000 }, holdUntil: { may: 'not', forMs: 6_999 } }
      expect(breaker.enter(ROUTE, 3_001)).toEqual(after[outcome])
    },
  )

  it('tells how a connection is doing, and since when', () => {
    const breaker = closedBreaker()
    const state = (now: number) =>
      breaker.statesOf(NAME, now).map(({ state: at, since, until }) => ({ at, since, until }))
    expect(state(0)).toEqual([])
    breaker.failed(ROUTE, 10, 'unreachable')
    expect(state(20)).toEqual([{ at: 'open', since: 10, until: 3_010 }])
    expect(state(3_010)).toEqual([{ at: 'half-open', since: 10, until: null }])
    breaker.enter(ROUTE, 3_010)
    breaker.failed(ROUTE, 3_020, 'unreachable')
    expect(state(3_020)).toEqual([{ at: 'open', since: 10, until: 9_020 }])
    breaker.succeeded(ROUTE, 9_100)
    expect(state(9_200)).toEqual([{ at: 'closed', since: 9_100, until: null }])
    expect(breaker.statesOf('other' as ConnectionName, 9_200)).toEqual([])
  })

  it('pauses longer after each probe that fails, up to a limit', () => {
    const breaker = closedBreaker()
    let now = 0
    const pauses: number[] = []
    breaker.failed(ROUTE, now, 'unreachable')
    for (let probe = 0; probe < 5; probe++) {
      pauses.push(breaker.pause(ROUTE, now))
      now += breaker.pause(ROUTE, now)
      expect(breaker.enter(ROUTE, now)).toEqual(PROBE)
      breaker.failed(ROUTE, now, 'failing')
    }
    expect(pauses).toEqual([3_000, 6_000, 12_000, 20_000, 20_000])
  })

  it('does not lengthen the pause for requests that were under way when it began', () => {
    const breaker = closedBreaker()
    for (let request = 0; request < 50; request++) breaker.failed(ROUTE, 0, 'unreachable')
    expect(breaker.pause(ROUTE, 0)).toBe(3_000)
  })

  it('keeps to what the upstream asked for', () => {
    const breaker = closedBreaker()
    breaker.holdUntil(ROUTE, 0, 60_000)
    breaker.failed(ROUTE, 100, 'unreachable')
    expect(breaker.enter(ROUTE, 59_999)).toEqual({ may: 'not', forMs: 1 })
    expect(breaker.enter(ROUTE, 60_000)).toEqual(PROBE)
  })
})
