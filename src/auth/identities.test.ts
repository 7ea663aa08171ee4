import { expect, it } from 'vitest'
import type { AccessKey, User } from '../registry/model.ts'
import { parseAccountId } from '../registry/names.ts'
import {
  planAttachPolicy,
  planCreateAccessKey,
  planCreateAccount,
  planCreateUser,
  planDeleteUser,
  planDetachPolicy,
  planRevokeAccessKey,
} from './identities.ts'

const ACCOUNT = parseAccountId('111122223333')
const act = { actor: 'arn:aws:iam::111122223333:user/admin', now: 1_000, eventId: 'event-1' }
const bob: User = { account: ACCOUNT, name: 'bob', id: 'AIDABOB', createdAt: 5 }
const key: AccessKey = {
  id: 'AKIABOB',
  account: ACCOUNT,
  userName: 'bob',
  userId: 'AIDABOB',
  secret: 'gs1.sealed',
  createdAt: 5,
  revokedAt: null,
}

it.each([
  [
    'an account',
    planCreateAccount(ACCOUNT, act),
    { change: 'create-account', account: { id: ACCOUNT, createdAt: 1_000 } },
    'Account Created',
    {},
  ],
  [
    'a user',
    planCreateUser({ account: ACCOUNT, name: 'bob', id: 'AIDABOB' }, act),
    { change: 'create-user', user: { ...bob, createdAt: 1_000 } },
    'User Created',
    { userName: 'bob', userId: 'AIDABOB' },
  ],
  [
    'deleting one',
    planDeleteUser(bob, act),
    { change: 'delete-user', account: ACCOUNT, name: 'bob' },
    'User Deleted',
    { userName: 'bob', userId: 'AIDABOB' },
  ],
  [
    'a key',
    planCreateAccessKey(bob, { id: 'AKIABOB', secret: 'gs1.sealed' }, act),
    { change: 'create-access-key', key: { ...key, createdAt: 1_000 } },
    'Access Key Created',
    { accessKeyId: 'AKIABOB', userName: 'bob' },
  ],
  [
    'revoking one',
    planRevokeAccessKey(key, act),
    { change: 'revoke-access-key', id: 'AKIABOB', at: 1_000 },
    'Access Key Revoked',
    { accessKeyId: 'AKIABOB', userName: 'bob' },
  ],
  [
    'a policy',
    planAttachPolicy(bob, { name: 'read', document: '{}' }, act),
    { change: 'put-identity-policy', policy: { account: ACCOUNT, userName: 'bob', name: 'read', document: '{}' } },
    'User Policy Attached',
    { userName: 'bob', policyName: 'read' },
  ],
  [
    'detaching one',
    planDetachPolicy(bob, 'read', act),
    { change: 'delete-identity-policy', account: ACCOUNT, userName: 'bob', name: 'read' },
    'User Policy Detached',
    { userName: 'bob', policyName: 'read' },
  ],
])('%s: one change, and the event that tells of it', (_, changes, change, type, detail) => {
  expect(changes).toEqual([
    change,
    {
      change: 'announce',
      event: {
        id: 'event-1',
        type,
        time: 1_000,
        actor: act.actor,
        account: ACCOUNT,
        subject: 'installation',
        detail: { accountId: ACCOUNT, ...detail, actor: act.actor },
      },
    },
  ])
  expect(JSON.stringify(changes[1])).not.toContain('gs1.')
})

it('leaves a key alone that is revoked already', () => {
  expect(planRevokeAccessKey({ ...key, revokedAt: 7 }, act)).toEqual([])
})

it.each(['', 'a b', 'bob/eve', 'ü', 'x'.repeat(65)])('refuses the name %j', (name) => {
  expect(() => planCreateUser({ account: ACCOUNT, name, id: 'AIDABOB' }, act)).toThrow(/is not a valid user name/)
})
