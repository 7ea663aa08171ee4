import { expect, it } from 'vitest'
import { scrubber } from './scrub.ts'

const SECRETS = [
  'Bearer s3cr3t-token',
  'https://ci.example/hook?token=t0p%2Fsecret',
  't0p%2Fsecret',
  'quote"d-secret',
  'abc',
  `Basic ${Buffer.from('us:letmein1').toString('base64')}`,
]

it.each([
  ['as it is', 'got Bearer s3cr3t-token', 'got ***'],
  ['without the scheme', '{"auth":"s3cr3t-token"}', '{"auth":"***"}'],
  ['twice', 's3cr3t-token s3cr3t-token', '*** ***'],
  ['a URL', 'POST https://ci.example/hook?token=t0p%2Fsecret failed', 'POST *** failed'],
  ['decoded', 'token t0p/secret', 'token ***'],
  ['inside JSON', '"quote\\"d-secret"', '"***"'],
  ['what is too short to be one', 'abc', 'abc'],
  ['a password', '{"user":"us","password":"letmein1"}', '{"user":"us","password":"***"}'],
  ['nothing', 'all is well', 'all is well'],
])('takes out %s', (_what, text, expected) => expect(scrubber(SECRETS)(text)).toBe(expected))

it('knows how much of a secret may stand at the end of a text that was cut off', () => {
  expect(scrubber(SECRETS).longest).toBe('https://ci.example/hook?token=t0p%2Fsecret'.length)
  expect(scrubber([]).longest).toBe(0)
})
