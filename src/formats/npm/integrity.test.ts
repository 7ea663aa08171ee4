import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { declaredDigests, formatIntegrity } from './integrity.ts'

const digest = (algorithm: string, text = 'bytes') => createHash(algorithm).update(text)
const sri = (algorithm: string, text?: string) => `${algorithm}-${digest(algorithm, text).digest('base64')}`
const hex = (algorithm: string, text?: string) => digest(algorithm, text).digest('hex')

describe('declared digests', () => {
  it.each([
    [{ integrity: sri('sha512') }, { sha512: hex('sha512') }],
    [
      { integrity: `${sri('sha512')} ${sri('sha1')}`, shasum: 'f'.repeat(40) },
      { sha512: hex('sha512'), sha1: hex('sha1') },
    ],
    [{ integrity: `${sri('sha384')}?opt  ${sri('sha256')}` }, { sha384: hex('sha384'), sha256: hex('sha256') }],
    [{ integrity: `${sri('sha512', 'first')} ${sri('sha512', 'second')}` }, { sha512: hex('sha512', 'first') }],
    [{ shasum: 'ABCDEF0123456789ABCDEF0123456789ABCDEF01' }, { sha1: 'abcdef0123456789abcdef0123456789abcdef01' }],
    [{ shasum: 'tooshort' }, {}],
    [{ integrity: 'sha512-c2hvcnQ=' }, {}],
    [{ integrity: 'sha3-xyz nonsense' }, {}],
    [{ integrity: 7, shasum: null }, {}],
    [{}, {}],
  ])('%o', (dist, digests) => {
    expect(declaredDigests(dist)).toEqual(digests)
  })

  it('writes what it reads', () => {
    expect(formatIntegrity('sha512', hex('sha512'))).toBe(sri('sha512'))
  })
})
