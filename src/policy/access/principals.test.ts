import { describe, expect, it } from 'vitest'
import { parsePolicy } from './parse.ts'
import { principalAccounts, principalArns } from './principals.ts'

const BOB = 'arn:aws:iam::111122223333:user/bob'
const ROLE = 'arn:aws:iam::111122223333:role/ci'
const SESSION = 'arn:aws:sts::111122223333:assumed-role/ci/run-7'

const named = (...principals: object[]) => {
  const statements = principals.map((principal) => ({ Effect: 'Deny', Action: '*', Resource: '*', ...principal }))
  const text = JSON.stringify({ Version: '2012-10-17', Statement: statements })
  const { policy, problems } = parsePolicy(text, 'resource')
  if (!policy) throw new Error(JSON.stringify(problems))
  return [principalArns(policy), principalAccounts(policy)]
}

describe('whom a policy names', () => {
  it.each<[string, object[], string[], string[]]>([
    ['everyone', [{ Principal: '*' }, { Principal: { AWS: '*' } }], [], []],
    ['users, roles and sessions', [{ Principal: { AWS: [BOB, ROLE, SESSION] } }], [BOB, ROLE, SESSION], []],
    [
      'an account in two ways',
      [{ Principal: { AWS: ['444455556666', 'arn:aws:iam::444455556666:root'] } }],
      [],
      ['444455556666'],
    ],
    ['one in two statements', [{ Principal: { AWS: BOB } }, { Principal: { AWS: [BOB, '*'] } }], [BOB], []],
    ['those who are left out', [{ NotPrincipal: { AWS: [BOB, '111122223333'] } }], [BOB], ['111122223333']],
  ])('%s', (_, principals, arns, accounts) => {
    expect(named(...principals)).toEqual([arns, accounts])
  })

  it('nobody, in what is attached to the caller', () => {
    const text = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
    const { policy } = parsePolicy(text, 'identity')
    expect(policy && [principalArns(policy), principalAccounts(policy)]).toEqual([[], []])
  })
})
