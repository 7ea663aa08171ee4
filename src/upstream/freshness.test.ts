import { describe, expect, it } from 'vitest'
import type { CachedIndex } from '../registry/model.ts'
import { packageName, type ConnectionName } from '../registry/names.ts'
import { freshUntil, planFetch } from './freshness.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const NOW = Date.UTC(2026, 0, 15, 12)

const cached = (more: Partial<CachedIndex>): CachedIndex => ({
  connection: 'public:npmjs' as ConnectionName,
  format: 'npm',
  key: packageName('npm', null, 'left-pad').key,
  state: 'present',
  document: { sha256: 'ab', size: 1 },
  facts: null,
  etag: '"a"',
  lastModified: null,
  checkedAt: NOW - HOUR,
  freshUntil: NOW - 50 * MINUTE,
  revision: 1,
  ...more,
})
const fresh = { checkedAt: NOW - MINUTE, freshUntil: NOW + MINUTE }

describe('planFetch', () => {
  it.each([
    ['nothing kept', undefined, {}, { do: 'fetch' }],
    ['fresh', cached(fresh), {}, { do: 'serve' }],
    ['fresh, but forced', cached(fresh), { force: true }, { do: 'revalidate', headers: { 'if-none-match': '"a"' } }],
    ['exactly at the end of freshness', cached({ freshUntil: NOW }), {}, { do: 'revalidate' }],
    ['stale', cached({}), {}, { do: 'revalidate', headers: { 'if-none-match': '"a"' } }],
    [
      'stale, both validators',
      cached({ lastModified: 'Mon' }),
      {},
      { headers: { 'if-none-match': '"a"', 'if-modified-since': 'Mon' } },
    ],
    ['stale, no validator', cached({ etag: null }), {}, { do: 'revalidate', headers: {} }],
    [
      'stale, may be served meanwhile',
      cached({}),
      { whileRevalidating: true },
      { do: 'serve-and-revalidate', headers: { 'if-none-match': '"a"' } },
    ],
    [
      'checked just within a day',
      cached({ checkedAt: NOW - 24 * HOUR + 1 }),
      { whileRevalidating: true },
      { do: 'serve-and-revalidate' },
    ],
    ['checked a day ago', cached({ checkedAt: NOW - 24 * HOUR }), { whileRevalidating: true }, { do: 'revalidate' }],
    ['stale and forced', cached({}), { whileRevalidating: true, force: true }, { do: 'revalidate' }],
    ['absent and fresh', cached({ ...fresh, state: 'absent' }), {}, { do: 'serve' }],
    [
      'absent and stale: always asked, never served',
      cached({ state: 'absent' }),
      { whileRevalidating: true },
      { do: 'fetch' },
    ],
    ['absent and forced', cached({ ...fresh, state: 'absent' }), { force: true }, { do: 'fetch' }],
    [
      'written when the clock was ahead',
      cached({ checkedAt: NOW + HOUR, freshUntil: NOW + 2 * HOUR }),
      {},
      { do: 'revalidate' },
    ],
  ] as const)('%s', (_title, index, options, expected) => {
    expect(planFetch(index, NOW, options)).toMatchObject(expected)
  })
})

describe('freshUntil', () => {
  it.each([
    ['says nothing', {}, 5 * MINUTE],
    ['says 5 minutes', { 'cache-control': 'public, max-age=300' }, 5 * MINUTE],
    ['says less than a minute', { 'cache-control': 'max-age=5' }, MINUTE],
    ['says a year', { 'cache-control': 'max-age=31536000, immutable' }, 10 * MINUTE],
    ['says more for shared caches', { 'cache-control': 'max-age=60, s-maxage=480' }, 8 * MINUTE],
    ['says no-cache', { 'cache-control': 'no-cache, max-age=600' }, MINUTE],
    ['says no-store', { 'cache-control': 'no-store' }, MINUTE],
    ['answers from a cache', { 'cache-control': 'max-age=600', age: '240' }, 6 * MINUTE],
    ['answers from an old cache', { 'cache-control': 'max-age=600', age: '6000' }, MINUTE],
    ['writes it in its own way', { 'cache-control': 'Public,Max-Age = "420"' }, 7 * MINUTE],
    ['writes nonsense', { 'cache-control': 'max-age=soon', age: '-1' }, 5 * MINUTE],
    ['writes a number beyond all numbers', { 'cache-control': `max-age=${'9'.repeat(400)}` }, 10 * MINUTE],
  ])('an upstream that %s', (_title, headers, expected) => {
    expect(freshUntil(headers, NOW, 'present') - NOW).toBe(expected)
  })

  it('asks about absent names soon, and about vanished ones sooner', () => {
    const headers = { 'cache-control': 'max-age=86400' }
    expect(freshUntil(headers, NOW, 'absent') - NOW).toBe(MINUTE)
    expect(freshUntil(headers, NOW, 'vanished') - NOW).toBe(10_000)
  })
})
