import { describe, expect, it } from 'vitest'
import type { Change } from '../../src/registry/changes.ts'
import type { AccessKey, IdentityPolicy, Role, SigningKey } from '../../src/registry/model.ts'
import type { AccountId } from '../../src/registry/names.ts'
import type { StoreUnderTest } from './metadata-store.ts'
import {
  ACCOUNT,
  account,
  at,
  DOMAIN,
  ODD_NAMES,
  expectRefused,
  role,
  roleOf,
  rolePolicy,
  rolePolicyOf,
  user,
  userOf,
} from './metadata-store-things.ts'

const keyOf = (id: string, userName: string, more: Partial<AccessKey> = {}): AccessKey => ({
  id,
  account: ACCOUNT,
  userName,
  userId: `AIDA-${userName}`,
  secret: 'sealed',
  createdAt: 5,
  revokedAt: null,
  ...more,
})
const key = (id: string, userName: string, more: Partial<AccessKey> = {}): Change => ({
  change: 'create-access-key',
  key: keyOf(id, userName, more),
})
const policyOf = (userName: string, name: string, document = '{}'): IdentityPolicy => ({
  account: ACCOUNT,
  userName,
  name,
  document,
})
const policy = (userName: string, name: string, document?: string): Change => ({
  change: 'put-identity-policy',
  policy: policyOf(userName, name, document),
})
const signingKeyOf = (id: string, createdAt: number): SigningKey => ({
  id,
  algorithm: 'EdDSA',
  publicJwk: '{}',
  privateJwk: 'sealed',
  createdAt,
  retiredAt: null,
})

export function identitiesSuite(under: StoreUnderTest): void {
  describe('the installation', () => {
    it('keeps a setting once', async () => {
      const { store } = under
      for (const name of ODD_NAMES) await store.commit([{ change: 'create-setting', key: name, value: `${name}!` }])
      for (const name of ODD_NAMES) expect(await store.findSetting(name)).toBe(`${name}!`)
      expect(await store.findSetting('toString')).toBeUndefined()
      await expectRefused(store.commit([{ change: 'create-setting', key: '__proto__', value: 'x' }]), 'conflict')
    })

    it('lists signing keys newest first and retires them once', async () => {
      const { store } = under
      const [old, young] = [signingKeyOf('old', 1), signingKeyOf('young', 2)]
      await store.commit([
        { change: 'create-signing-key', key: old },
        { change: 'create-signing-key', key: young },
      ])
      expect(await store.listSigningKeys()).toEqual([young, old])
      await expectRefused(store.commit([{ change: 'create-signing-key', key: old }]), 'conflict')
      await store.commit([{ change: 'retire-signing-key', id: 'old', at: 7 }])
      await store.commit([{ change: 'retire-signing-key', id: 'old', at: 8 }])
      expect(await store.listSigningKeys()).toEqual([young, { ...old, retiredAt: 7 }])
      await expectRefused(store.commit([{ change: 'retire-signing-key', id: 'none', at: 7 }]), 'not_found')
    })
  })

  describe('identities', () => {
    it('keeps accounts', async () => {
      const { store } = under
      await store.commit([account('999988887777'), account()])
      expect(await store.listAccounts()).toEqual([
        { id: ACCOUNT, createdAt: 1 },
        { id: '999988887777', createdAt: 1 },
      ])
      expect(await store.findAccount(ACCOUNT)).toEqual({ id: ACCOUNT, createdAt: 1 })
      expect(await store.findAccount('000000000001' as AccountId)).toBeUndefined()
      await expectRefused(store.commit([account()]), 'conflict')
    })

    it('keeps users by name, in an account that exists', async () => {
      const { store } = under
      await store.commit([account(), ...ODD_NAMES.map((name) => user(name))])
      expect((await store.listUsers(ACCOUNT)).map(({ name }) => name)).toEqual(
        [...ODD_NAMES].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      )
      for (const name of ODD_NAMES) expect(await store.findUser(ACCOUNT, name)).toEqual(userOf(name))
      expect(await store.findUser(ACCOUNT, 'nobody')).toBeUndefined()
      await expectRefused(store.commit([user('constructor', 'another id')]), 'conflict')
      await expectRefused(store.commit([user('namesake', 'AIDA-constructor')]), 'conflict')
      const elsewhere = { ...userOf('bob'), account: '000000000001' as AccountId }
      await expectRefused(store.commit([{ change: 'create-user', user: elsewhere }]), 'not_found')
    })

    it('takes keys and policies away with their user, and gives none to a namesake', async () => {
      const { store } = under
      await store.commit([
        account(),
        user('bob'),
        user('eve'),
        key('AKIA1', 'bob'),
        key('AKIA2', 'eve'),
        policy('bob', 'p'),
      ])
      await store.commit([{ change: 'delete-user', account: ACCOUNT, name: 'bob' }, user('bob', 'AIDA-second')])
      expect(await store.findAccessKey('AKIA1')).toBeUndefined()
      expect(await store.findAccessKey('AKIA2')).toEqual(keyOf('AKIA2', 'eve'))
      expect(await store.listIdentityPolicies(ACCOUNT, 'bob')).toEqual([])
      await expectRefused(store.commit([key('AKIA3', 'bob')]), 'not_found')
      await expectRefused(store.commit([{ change: 'delete-user', account: ACCOUNT, name: 'nobody' }]), 'not_found')
    })

    it('keeps access keys and revokes them once', async () => {
      const { store } = under
      await store.commit([account(), user('bob'), key('AKIA2', 'bob', { createdAt: 6 }), key('AKIA1', 'bob')])
      expect(await store.listAccessKeys(ACCOUNT, 'bob')).toEqual([
        keyOf('AKIA1', 'bob'),
        keyOf('AKIA2', 'bob', { createdAt: 6 }),
      ])
      await expectRefused(store.commit([key('AKIA1', 'bob')]), 'conflict')
      await expectRefused(store.commit([key('AKIA9', 'nobody')]), 'not_found')
      await store.commit([{ change: 'revoke-access-key', id: 'AKIA1', at: 8 }])
      await store.commit([{ change: 'revoke-access-key', id: 'AKIA1', at: 9 }])
      expect(await store.findAccessKey('AKIA1')).toMatchObject({ revokedAt: 8 })
      await expectRefused(store.commit([{ change: 'revoke-access-key', id: 'AKIA9', at: 8 }]), 'not_found')
    })

    it('puts and replaces policies as they were written', async () => {
      const { store } = under
      const document = '{ "Version":"2012-10-17",\n "__proto__": {} }'
      await store.commit([
        account(),
        user('bob'),
        policy('bob', 'b'),
        policy('bob', 'a', document),
        policy('bob', 'b', '[]'),
      ])
      expect(await store.listIdentityPolicies(ACCOUNT, 'bob')).toEqual([
        policyOf('bob', 'a', document),
        policyOf('bob', 'b', '[]'),
      ])
      await expectRefused(store.commit([policy('nobody', 'p')]), 'not_found')
      const deletion: Change = { change: 'delete-identity-policy', account: ACCOUNT, userName: 'bob', name: 'a' }
      await store.commit([deletion])
      expect(await store.listIdentityPolicies(ACCOUNT, 'bob')).toHaveLength(1)
      await expectRefused(store.commit([deletion]), 'not_found')
    })
  })

  describe('roles', () => {
    const setRole = (name: string, more: Partial<Role> = {}): Change => ({
      change: 'set-role',
      role: roleOf(name, more),
    })

    it('are kept by name, in an account that exists, with the ids that their trust policy was pinned to', async () => {
      const { store } = under
      const trusted = Object.fromEntries(ODD_NAMES.map((name) => [`arn:aws:iam::111122223333:user/${name}`, name]))
      await store.commit([account(), role('ship'), role('build', { trusted, maxSessionSeconds: 43_200 })])
      const build = roleOf('build', { trusted, maxSessionSeconds: 43_200 })
      expect(await store.listRoles(ACCOUNT)).toEqual([build, roleOf('ship')])
      expect(await store.findRole(ACCOUNT, 'build')).toEqual(build)
      expect(await store.findRole(ACCOUNT, 'constructor')).toBeUndefined()
      expect(await store.listRoles('000000000001' as AccountId)).toEqual([])
      await expectRefused(store.commit([role('build', { id: 'another id' })]), 'conflict')
      await expectRefused(store.commit([role('namesake', { id: 'AROA-build' })]), 'conflict')
      await expectRefused(store.commit([role('x', { account: '000000000001' as AccountId })]), 'not_found')
    })

    it('are replaced, but for their name, id and birthday', async () => {
      const { store } = under
      await store.commit([account(), role('build'), role('ship')])
      const next = {
        trust: '{}',
        trusted: {},
        maxSessionSeconds: 7_200,
        sessionsValidFrom: 99,
      }
      await store.commit([setRole('build', { ...next, createdAt: 77 })])
      expect(await store.findRole(ACCOUNT, 'build')).toEqual(roleOf('build', next))
      expect(await store.findRole(ACCOUNT, 'ship')).toEqual(roleOf('ship'))
      await expectRefused(store.commit([setRole('none')]), 'not_found')
      await expectRefused(store.commit([setRole('build', { id: 'AROA-earlier' })]), 'not_found')
    })

    it('are replaced only as long as nothing else changed, where that is asked for', async () => {
      const { store } = under
      await store.commit([account(), role('build')])
      const of = { domain: DOMAIN, format: 'npm', key: at('a').key, index: null } as const
      const { topology } = await store.readRevision(of)
      const set = (sessionsValidFrom: number): Change => ({
        change: 'set-role',
        role: roleOf('build', { sessionsValidFrom }),
        plannedAt: topology,
      })
      await store.commit([set(50)])
      await expectRefused(store.commit([set(4)]), 'busy')
      expect(await store.findRole(ACCOUNT, 'build')).toEqual(roleOf('build', { sessionsValidFrom: 50 }))
    })

    it('take their policies with them, and leave none to a namesake', async () => {
      const { store } = under
      const deletion: Change = { change: 'delete-role', account: ACCOUNT, name: 'build' }
      await store.commit([account(), role('build'), role('ship'), rolePolicy('build', 'p'), rolePolicy('ship', 'p')])
      await store.commit([deletion, role('build', { id: 'AROA-second' })])
      expect(await store.findRole(ACCOUNT, 'build')).toMatchObject({ id: 'AROA-second' })
      expect(await store.listRolePolicies(ACCOUNT, 'build')).toEqual([])
      expect(await store.listRolePolicies(ACCOUNT, 'ship')).toEqual([rolePolicyOf('ship', 'p')])
      await store.commit([deletion])
      await expectRefused(store.commit([deletion]), 'not_found')
    })

    it('get and lose policies as they were written', async () => {
      const { store } = under
      const document = '{ "Version":"2012-10-17",\n "__proto__": {} }'
      await store.commit([
        account(),
        user('build'),
        role('build'),
        rolePolicy('build', 'b'),
        rolePolicy('build', 'a', document),
        rolePolicy('build', 'b', '[]'),
      ])
      expect(await store.listRolePolicies(ACCOUNT, 'build')).toEqual([
        rolePolicyOf('build', 'a', document),
        rolePolicyOf('build', 'b', '[]'),
      ])
      expect(await store.listIdentityPolicies(ACCOUNT, 'build')).toEqual([])
      await expectRefused(store.commit([rolePolicy('nobody', 'p')]), 'not_found')
      const deletion: Change = { change: 'delete-role-policy', account: ACCOUNT, roleName: 'build', name: 'a' }
      await store.commit([deletion])
      expect(await store.listRolePolicies(ACCOUNT, 'build')).toEqual([rolePolicyOf('build', 'b', '[]')])
      await expectRefused(store.commit([deletion]), 'not_found')
    })
  })

  describe('failed log-ins', () => {
    it('counts them within a window, per key', async () => {
      const { store } = under
      expect(await store.recordFailure('__proto__', 1_000, 100)).toBe(1)
      expect(await store.recordFailure('__proto__', 1_000, 100)).toBe(2)
      expect(await store.recordFailure('__proto__', 1_050, 100)).toBe(3)
      expect(await store.recordFailure('other', 1_050, 100)).toBe(1)
      expect(await store.countFailures('__proto__', 1_099, 100)).toBe(3)
      expect(await store.countFailures('__proto__', 1_100, 100)).toBe(1)
      expect(await store.countFailures('__proto__', 1_150, 100)).toBe(0)
      expect(await store.recordFailure('__proto__', 1_150, 100)).toBe(1)
      await store.clearFailures('__proto__')
      expect(await store.countFailures('__proto__', 1_150, 100)).toBe(0)
      expect(await store.countFailures('constructor', 1_150, 100)).toBe(0)
    })

    it('counts every one of many at once, and forgets those whose window passed', async () => {
      const { store } = under
      const counts = await Promise.all(Array.from({ length: 30 }, () => store.recordFailure('bob', 1_000, 100)))
      expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1))
      await store.recordFailure('eve', 2_000, 100)
      const kept: unknown[] = []
      for await (const { table, row } of store.exportTables()) if (table === 'failures') kept.push(row['key'])
      expect(kept).toEqual(['eve'])
    })
  })
}
