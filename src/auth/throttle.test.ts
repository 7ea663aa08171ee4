import { afterEach, beforeEach, expect, it } from 'vitest'
import { RegistryError } from '../registry/errors.ts'
import { startInstallation, type Installation } from '../../test/support/installation.ts'
import { createThrottle, FAILURE_WINDOW_MS, MAX_FAILURES, type Attempt, type Throttle } from './throttle.ts'

let installation: Installation
const startThrottle = (): Throttle => createThrottle({ ledger: installation.store, clock: installation.clock })
beforeEach(async () => {
  installation = await startInstallation()
})
afterEach(() => installation[Symbol.asyncDispose]())

const refusal = new RegistryError('unauthenticated', 'The token has expired')
const attempt = (credential: string, address = '203.0.113.7'): Attempt => ({ credential, address })
const failures = async (throttle: Throttle, times: number, of: Attempt): Promise<readonly string[]> => {
  const codes: string[] = []
  for (let i = 0; i < times; i++) codes.push((await throttle.failed(of, refusal)).code)
  return codes
}

it('answers what was refused, until it is one too many', async () => {
  const throttle = startThrottle()
  expect(new Set(await failures(throttle, MAX_FAILURES, attempt('AKIA1')))).toEqual(new Set(['unauthenticated']))
  expect(() => throttle.check(attempt('AKIA1'))).not.toThrow()
  const last = await throttle.failed(attempt('AKIA1'), refusal)
  expect(last).toMatchObject({
    code: 'throttled',
    details: { retryAfter: 60 },
    message: 'Too many failed log-ins (the last one: The token has expired); try again in 60 s',
  })
  installation.clock.time += 45_500
  expect(() => throttle.check(attempt('AKIA1'))).toThrow('Too many failed log-ins; try again in 15 s')
  installation.clock.time += 14_500
  expect(() => throttle.check(attempt('AKIA1'))).not.toThrow()
  expect(await failures(throttle, 1, attempt('AKIA1'))).toEqual(['unauthenticated'])
})

it('failures that are spread over time are forgotten', async () => {
  const throttle = startThrottle()
  for (let i = 0; i < 30; i++) {
    installation.clock.time += FAILURE_WINDOW_MS / MAX_FAILURES
    expect((await throttle.failed(attempt('AKIA1'), refusal)).code).toBe('unauthenticated')
  }
})

it('a success clears the credential', async () => {
  const throttle = startThrottle()
  await failures(throttle, MAX_FAILURES, attempt('AKIA1'))
  await throttle.succeeded(attempt('AKIA1'))
  const key = 'login/AKIA1@203.0.113.7'
  expect(await installation.store.countFailures(key, installation.clock.time, FAILURE_WINDOW_MS)).toBe(0)
})

it('an address that tries many credentials is told so, and none of them is blocked', async () => {
  const throttle = startThrottle()
  const codes = []
  for (let i = 0; i < 12; i++) codes.push(...(await failures(throttle, 1, attempt(`AKIA${i}`))))
  expect(codes).toEqual([...Array.from({ length: 10 }, () => 'unauthenticated'), 'throttled', 'throttled'])
  expect(() => throttle.check(attempt('AKIA0'))).not.toThrow()
  expect(await failures(throttle, 1, attempt('AKIA0', '198.51.100.1'))).toEqual(['unauthenticated'])
})

it('processes count together', async () => {
  const [one, two] = [startThrottle(), startThrottle()]
  await failures(one, MAX_FAILURES, attempt('AKIA1'))
  expect(await failures(two, 1, attempt('AKIA1'))).toEqual(['throttled'])
  expect(() => two.check(attempt('AKIA1'))).toThrow(/Too many/)
})

it.each([
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', 'throttled'],
  ['2001:db8:1:2::1', '2001:db8:1:3::1', 'unauthenticated'],
  ['::ffff:203.0.113.7', '203.0.113.7', 'throttled'],
  ['203.0.113.7', '203.0.113.8', 'unauthenticated'],
  ['unix', 'unix', 'throttled'],
])('%s and %s: %s', async (first, second, code) => {
  const throttle = startThrottle()
  await failures(throttle, MAX_FAILURES, attempt('AKIA1', first))
  expect(await failures(throttle, 1, attempt('AKIA2', second))).toEqual([code])
})
