import { expect, it } from 'vitest'
import { parseRetryAfter } from './retry-after.ts'

it.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['-5', null],
  ['1.5', null],
  ['soon', null],
  ['99999999999', null],
  [undefined, null],
  ['Fri, 01 Feb 2030 00:02:00 GMT', 120_000],
  ['Thu, 31 Jan 2030 00:00:00 GMT', null],
  ['2030-02-01T00:02:00Z', null],
])('Retry-After: %s', (header, expected) => expect(parseRetryAfter(header, Date.UTC(2030, 1, 1))).toBe(expected))
