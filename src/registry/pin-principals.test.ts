import { describe, expect, it } from 'vitest'
import { arn, parseAccountId } from './names.ts'
import type { Role, User } from './model.ts'
import { pinPrincipals, type PrincipalReads } from './pin-principals.ts'

const ACCOUNT = parseAccountId('111122223333')
const BOB = arn.user(ACCOUNT, 'bob')
const ROLE = arn.role(ACCOUNT, 'ci')
const SESSION = arn.roleSession(ACCOUNT, 'ci', 'run-7')

const user: User = { account: ACCOUNT, name: 'bob', id: 'AIDABOB', createdAt: 0 }
const role: Role = {
  account: ACCOUNT,
  name: 'ci',
  id: 'AROACI',
  createdAt: 0,
  trust: '{}',
  trusted: {},
  maxSessionSeconds: 3600,
  sessionsValidFrom: 0,
}
/** One account with one user and one role. */
const store: PrincipalReads = {
  findUser: async (account, name) => (account === user.account && name === user.name ? user : undefined),
  findRole: async (account, name) => (account === role.account && name === role.name ? role : undefined),
  findAccount: async (id) => (id === ACCOUNT ? { id, createdAt: 0 } : undefined),
}

const document = (principal: unknown, element = 'Principal') =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: { Effect: 'Deny', Action: '*', Resource: '*', [element]: principal },
  })
const pin = (principal: unknown, element?: string) => pinPrincipals(store, document(principal, element), 'resource')

describe('pinned are', () => {
  it.each<[string, unknown, Record<string, string>]>([
    ['nobody, where everyone is meant', '*', {}],
    ['nobody, where an account is meant', { AWS: [ACCOUNT, `arn:aws:iam::${ACCOUNT}:root`] }, {}],
    ['a user', { AWS: BOB }, { [BOB]: 'AIDABOB' }],
    ['a role', { AWS: ROLE }, { [ROLE]: 'AROACI' }],
    ['a session, to its role', { AWS: SESSION }, { [SESSION]: 'AROACI' }],
    ['all of a list', { AWS: [ROLE, ACCOUNT, BOB] }, { [BOB]: 'AIDABOB', [ROLE]: 'AROACI' }],
  ])('%s', async (_, principal, pins) => {
    expect(await pin(principal)).toEqual(pins)
    expect(await pin(principal, 'NotPrincipal')).toEqual(pins)
  })

  it('whom a trust policy names', async () => {
    const statement = { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { AWS: BOB } }
    const trust = JSON.stringify({ Version: '2012-10-17', Statement: statement })
    expect(await pinPrincipals(store, trust, 'trust')).toEqual({ [BOB]: 'AIDABOB' })
  })
})

describe('refused are principals that do not exist', () => {
  it.each([
    '444455556666',
    'arn:aws:iam::444455556666:root',
    'arn:aws:iam::444455556666:user/bob',
    `${BOB}by`,
    BOB.replace('bob', 'Bob'),
    BOB.replace('bob', 'team/bob'),
    BOB.replace('user', 'role'),
    ROLE.replace('role', 'user'),
    arn.roleSession(ACCOUNT, 'other', 'run-7'),
  ])('%s', async (principal) => {
    const named = principal.endsWith(':root') ? '444455556666' : principal
    await expect(pin({ AWS: [BOB, principal] })).rejects.toMatchObject({
      name: 'RegistryError',
      code: 'invalid',
      message: `Invalid principal in policy: "AWS": "${named}"`,
    })
  })

  it('all of them at once', async () => {
    const list = { AWS: ['444455556666', `${BOB}by`, `${ROLE}x`] }
    const message = `Invalid principal in policy: "AWS": "${BOB}by", "AWS": "${ROLE}x", "AWS": "444455556666"`
    await expect(pin(list)).rejects.toMatchObject({ message })
  })
})

it('refuses what is no policy, before it looks anybody up', async () => {
  await expect(pinPrincipals(store, document({ AWS: 'bob' }), 'resource')).rejects.toThrow(
    'The policy document is not valid: /Statement/Principal/AWS (line 1)',
  )
})
