import { describe, expect, it } from 'vitest'
import { negotiateEncoding } from './respond.ts'
import { matchesEtag } from './validators.ts'

describe('which content encoding a client gets', () => {
  it.each([
    [undefined, 'identity'],
    ['gzip', 'gzip'],
    ['gzip, deflate', 'gzip'],
    ['deflate, GZIP;q=0.5', 'gzip'],
    ['gzip;q=0', 'identity'],
    ['gzip; q=0.0, deflate', 'identity'],
    ['br', 'identity'],
    ['*', 'gzip'],
    ['*;q=0', 'identity'],
    ['identity', 'identity'],
    ['', 'identity'],
  ] as const)('%s -> %s', (accept, expected) => expect(negotiateEncoding(accept)).toBe(expected))
})

describe('whether a validator matches', () => {
  it.each([
    ['"a"', true],
    ['W/"a"', true],
    ['"b", "a"', true],
    ['*', true],
    ['"b"', false],
    ['a', false],
    [undefined, false],
  ] as const)('%s', (list, expected) => expect(matchesEtag(list, '"a"')).toBe(expected))
})
