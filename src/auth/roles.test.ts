import { describe, expect, it } from 'vitest'
import type { Change } from '../registry/changes.ts'
import type { Role } from '../registry/model.ts'
import { parseAccountId } from '../registry/names.ts'
import {
  planAssumeRole,
  planAttachRolePolicy,
  planCreateRole,
  planDeleteRole,
  planDetachRolePolicy,
  planRevokeSessions,
  planUpdateRole,
} from './roles.ts'

const ACCOUNT = parseAccountId('111122223333')
const act = { actor: 'arn:aws:iam::111122223333:user/ann', now: 5_000, eventId: 'event-1' }
const role: Role = {
  account: ACCOUNT,
  name: 'build',
  id: 'AROABUILD',
  createdAt: 1_000,
  trust: '{"trust":1}',
  trusted: { 'arn:aws:iam::111122223333:user/bob': 'AIDABOB' },
  maxSessionSeconds: 3_600,
  sessionsValidFrom: 1_000,
}

const eventOf = (changes: readonly Change[]) => {
  const last = changes.at(-1)
  if (last?.change !== 'announce') throw new Error('The last change must be the event')
  return last.event
}

describe('plans of roles', () => {
  const trust = { trust: '{"trust":2}', trusted: {} }
  it.each<[string, readonly Change[], Change | null, object]>([
    [
      'Role Created',
      planCreateRole({ ...role, ...trust }, act).changes,
      { change: 'create-role', role: { ...role, ...trust, createdAt: 5_000, sessionsValidFrom: 5_000 } },
      {},
    ],
    [
      'Role Updated',
      planUpdateRole(role, { trust, maxSessionSeconds: undefined }, 7, act).changes,
      { change: 'set-role', role: { ...role, ...trust }, plannedAt: 7 },
      {},
    ],
    [
      'Role Updated',
      planUpdateRole(role, { trust: undefined, maxSessionSeconds: 7_200 }, 7, act).changes,
      { change: 'set-role', role: { ...role, maxSessionSeconds: 7_200 }, plannedAt: 7 },
      {},
    ],
    [
      'Role Sessions Revoked',
      planRevokeSessions(role, 7, act).changes,
      { change: 'set-role', role: { ...role, sessionsValidFrom: 5_001 }, plannedAt: 7 },
      {},
    ],
    ['Role Deleted', planDeleteRole(role, act), { change: 'delete-role', account: ACCOUNT, name: 'build' }, {}],
    [
      'Role Policy Attached',
      planAttachRolePolicy(role, { name: 'read', document: '{}' }, act),
      {
        change: 'put-role-policy',
        policy: { account: ACCOUNT, roleName: 'build', name: 'read', document: '{}' },
      },
      { policyName: 'read' },
    ],
    [
      'Role Policy Detached',
      planDetachRolePolicy(role, 'read', act),
      { change: 'delete-role-policy', account: ACCOUNT, roleName: 'build', name: 'read' },
      { policyName: 'read' },
    ],
    [
      'Role Assumed',
      planAssumeRole(role, { sessionName: 'run-7', durationSeconds: 900 }, act),
      null,
      { sessionName: 'run-7', durationSeconds: 900 },
    ],
  ])('%s', (type, changes, change, detail) => {
    expect(changes.slice(0, -1)).toEqual(change === null ? [] : [change])
    expect(eventOf(changes)).toEqual({
      id: 'event-1',
      type,
      time: 5_000,
      actor: act.actor,
      account: ACCOUNT,
      subject: 'installation',
      detail: { accountId: ACCOUNT, roleName: 'build', roleId: 'AROABUILD', ...detail, actor: act.actor },
    })
  })

  it.each(['', 'a b', 'a/b', 'x'.repeat(65), 'é'])('refuse the name %j', (name) => {
    expect(() => planCreateRole({ ...role, name }, act)).toThrow(expect.objectContaining({ code: 'invalid' }))
    expect(() => planAttachRolePolicy(role, { name, document: '{}' }, act)).toThrow(
      expect.objectContaining({ code: 'invalid' }),
    )
  })
})
