import { describe, expect, it } from 'vitest'
import { parsePrincipal } from './explained-principal.ts'

describe('a principal', () => {
  it.each([
    ['anonymous', { kind: 'anonymous', account: null }],
    ['arn:aws:iam::111122223333:user/bob', { kind: 'user', account: '111122223333', name: 'bob' }],
    ['arn:aws:iam::111122223333:user/b@b,c', { kind: 'user', account: '111122223333', name: 'b@b,c' }],
    [
      'arn:aws:iam::111122223333:role/build',
      { kind: 'role', account: '111122223333', name: 'build', session: 'explained' },
    ],
    [
      'arn:aws:sts::111122223333:assumed-role/build/run-7',
      { kind: 'role', account: '111122223333', name: 'build', session: 'run-7' },
    ],
  ])('%s is read', (text, expected) => {
    expect(parsePrincipal(text)).toEqual(expected)
  })

  it.each([
    '',
    '*',
    'Anonymous',
    '111122223333',
    'arn:aws:iam::111122223333:root',
    'arn:aws:iam::111122223333:user/',
    'arn:aws:iam::111122223333:user/team/bob',
    'arn:aws:iam::111122223333:user/*',
    'arn:aws:iam::11112222333:user/bob',
    'arn:aws:iam::111122223333:group/bob',
    'arn:aws:sts::111122223333:assumed-role/build',
    'arn:aws:sts::111122223333:assumed-role/build/run/7',
    'arn:aws:iam::111122223333:assumed-role/build/run-7',
    ' arn:aws:iam::111122223333:user/bob',
    'arn:aws:iam::111122223333:user/bob\n',
  ])('%j is refused', (text) => {
    expect(() => parsePrincipal(text)).toThrow(expect.objectContaining({ code: 'invalid' }))
  })
})
