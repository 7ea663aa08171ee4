import { describe, expect, it } from 'vitest'
import type { Change } from '../../src/registry/changes.ts'
import type { AccessKey, IdentityPolicy, SigningKey } from '../../src/registry/model.ts'
import type { AccountId } from '../../src/registry/names.ts'
import type { StoreUnderTest } from './metadata-store.ts'
import { ACCOUNT, account, ODD_NAMES, expectRefused, user, userOf } from './metadata-store-things.ts'

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
