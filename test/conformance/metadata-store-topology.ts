import { describe, expect, it } from 'vitest'
import type { CurationRule } from '../../src/policy/curation/rule.ts'
import type { Change } from '../../src/registry/changes.ts'
import type { Connection, Repository } from '../../src/registry/model.ts'
import type { ConnectionName, DomainName, RepositoryName } from '../../src/registry/names.ts'
import type { StoreUnderTest } from './metadata-store.ts'
import {
  ACCOUNT,
  account,
  asset,
  at,
  connection,
  connectionOf,
  DOMAIN,
  domain,
  GROUND,
  MAIN,
  NPMJS,
  OTHER,
  ODD_NAMES,
  pack,
  putIndex,
  expectRefused,
  repository,
  repositoryOf,
  resourcePolicy,
  resourcePolicyOf,
  role,
  roleOf,
  rolePolicy,
  user,
  version,
  webhook,
} from './metadata-store-things.ts'

const ruleOf = (id: string, inRepository: string | null = null): CurationRule => ({
  id,
  domain: DOMAIN,
  repository: inRepository,
  rule: { kind: 'deny-list', packages: [{ format: 'npm', package: '__proto__' }], reason: "o'clock" },
})
const rule = (id: string, inRepository: string | null = null): Change => ({
  change: 'create-rule',
  rule: ruleOf(id, inRepository),
})

export function topologySuite(under: StoreUnderTest): void {
  describe('topology', () => {
    it('keeps domains', async () => {
      const { store } = under
      const reserved = ODD_NAMES.map((prefix) => ({ format: 'npm' as const, prefix }))
      await store.commit([account(), domain('zeta'), domain('alpha')])
      await store.commit([{ change: 'set-reserved-prefixes', domain: 'zeta' as DomainName, reserved }])
      expect((await store.listDomains()).map(({ name }) => name)).toEqual(['alpha', 'zeta'])
      expect(await store.findDomain('zeta' as DomainName)).toEqual({
        name: 'zeta',
        owner: ACCOUNT,
        createdAt: 2,
        reserved,
      })
      expect(await store.findDomain(DOMAIN)).toBeUndefined()
      await expectRefused(store.commit([domain('zeta')]), 'conflict')
      await expectRefused(store.commit([{ change: 'set-reserved-prefixes', domain: DOMAIN, reserved }]), 'not_found')
    })

    it('replaces a repository only as long as nothing else changed, where that is asked for', async () => {
      const { store } = under
      await store.commit([account(), domain(), repository(MAIN), repository(OTHER)])
      const { topology } = await store.readRevision({ domain: DOMAIN, format: 'npm', key: at('a').key, index: null })
      const set = (description: string): Change => ({
        change: 'set-repository',
        repository: { ...repositoryOf(MAIN), description },
        plannedAt: topology,
      })
      await store.commit([set('first')])
      await expectRefused(store.commit([set('second')]), 'busy')
      expect(await store.findRepository(DOMAIN, MAIN)).toMatchObject({ description: 'first' })
    })

    it('keeps what a repository does with withdrawn versions, whatever else of it is replaced', async () => {
      const { store } = under
      await store.commit([account(), domain(), repository(MAIN)])
      const set = (withdrawn: 'serve' | 'hold', name = MAIN): Change => ({
        change: 'set-repository-settings',
        domain: DOMAIN,
        repository: name,
        withdrawn,
      })
      const found = async () => (await store.findRepository(DOMAIN, MAIN)) as Repository
      expect(await found()).not.toHaveProperty('withdrawn')
      await store.commit([set('hold')])
      await store.commit([{ change: 'set-repository', repository: { ...(await found()), description: 'x' } }])
      expect(await found()).toMatchObject({ withdrawn: 'hold', description: 'x' })
      await store.commit([set('serve')])
      expect(await found()).not.toHaveProperty('withdrawn')
      await expectRefused(store.commit([set('hold', OTHER)]), 'not_found')
    })

    it('refuses a domain whose owner does not exist', async () => {
      await expectRefused(under.store.commit([domain()]), 'not_found')
    })

    it('deletes a domain without repositories, and the ownership of its names', async () => {
      const { store } = under
      const own: Change = { change: 'own-name', domain: DOMAIN, format: 'npm', key: at('a').key, evenIfIngested: false }
      await store.commit([account(), domain(), rule('r'), repository(MAIN), own])
      await expectRefused(store.commit([{ change: 'delete-domain', domain: DOMAIN }]), 'conflict')
      await store.commit([{ change: 'delete-repository', domain: DOMAIN, repository: MAIN }])
      expect(await store.findName(DOMAIN, 'npm', at('a').key)).toMatchObject({ owned: true })
      await store.commit([{ change: 'delete-domain', domain: DOMAIN }])
      await expectRefused(store.commit([{ change: 'delete-domain', domain: DOMAIN }]), 'not_found')
      await store.commit([domain()])
      expect(await store.findName(DOMAIN, 'npm', at('a').key)).toBeUndefined()
      expect(await store.listRules(DOMAIN)).toEqual([])
    })

    it('keeps repositories with their sources in order', async () => {
      const { store } = under
      const connections = ['zz:one', 'aa:two'] as ConnectionName[]
      const upstreams = [OTHER, MAIN] as RepositoryName[]
      await store.commit([
        ...GROUND,
        ...connections.map(connection),
        repository('all', { upstreams, connections, description: '"x"' }),
      ])
      expect(await store.findRepository(DOMAIN, 'all' as RepositoryName)).toEqual(
        repositoryOf('all', { upstreams, connections, description: '"x"' }),
      )
      await store.commit([
        {
          change: 'set-repository',
          repository: repositoryOf('all', { upstreams: [MAIN], connections: connections.toReversed() }),
        },
      ])
      expect(await store.listRepositories(DOMAIN)).toEqual([
        repositoryOf('all', { upstreams: [MAIN], connections: connections.toReversed() }),
        repositoryOf(MAIN),
        repositoryOf(OTHER),
      ])
      expect(await store.listRepositories('elsewhere' as DomainName)).toEqual([])
    })

    it.each<[string, string, Change]>([
      ['is there already', 'conflict', repository(MAIN)],
      ['is in no domain', 'not_found', repository('x', { domain: 'nowhere' as DomainName })],
      ['has an upstream that is missing', 'not_found', repository('x', { upstreams: ['gone' as RepositoryName] })],
      ['has a connection that is missing', 'not_found', repository('x', { connections: [NPMJS] })],
      ['has an upstream twice', 'conflict', repository('x', { upstreams: [MAIN, MAIN] })],
      ['is to be set and missing', 'not_found', { change: 'set-repository', repository: repositoryOf('x') }],
      [
        'is to be deleted and missing',
        'not_found',
        { change: 'delete-repository', domain: DOMAIN, repository: 'x' as RepositoryName },
      ],
    ])('refuses a repository that %s: %s', async (_, code, change) => {
      await under.store.commit(GROUND)
      await expectRefused(under.store.commit([change]), code)
      expect(await under.store.listRepositories(DOMAIN)).toHaveLength(2)
    })

    it('deletes a repository that is nobody’s upstream, and its packages and rules with it', async () => {
      const { store } = under
      await store.commit([...GROUND, repository('top', { upstreams: [MAIN] }), rule('r', MAIN)])
      await store.commit([
        pack('a'),
        version('a', '1.0.0'),
        asset('a', '1.0.0', 'a.tgz'),
        { change: 'put-tag', at: at('a'), tag: 't', version: '1.0.0' },
      ])
      const deletion: Change = { change: 'delete-repository', domain: DOMAIN, repository: MAIN }
      await expectRefused(store.commit([deletion]), 'conflict')
      await store.commit([{ change: 'set-repository', repository: repositoryOf('top') }])
      await store.commit([deletion, repository(MAIN)])
      expect(await store.findPackages(DOMAIN, 'npm', at('a').key)).toEqual([])
      expect(await store.listVersions(DOMAIN, [MAIN], 'npm', at('a').key)).toEqual([])
      expect(await store.findAsset(DOMAIN, [MAIN], 'npm', at('a').key, 'a.tgz')).toBeUndefined()
      expect(await store.listTags(DOMAIN, [MAIN], 'npm', at('a').key)).toEqual([])
      expect(await store.listRules(DOMAIN)).toEqual([])
    })

    it('keeps connections, and deletes one that no repository uses', async () => {
      const { store } = under
      const sealed = { ...connectionOf('public:b'), credentials: 'sealed', builtIn: true, fileOrigins: [] }
      await store.commit([...GROUND, { change: 'create-connection', connection: sealed }, connection('public:a')])
      expect(await store.listConnections()).toEqual([connectionOf('public:a'), sealed])
      expect(await store.findConnection(sealed.name)).toEqual(sealed)
      expect(await store.findConnection(NPMJS)).toBeUndefined()
      await expectRefused(store.commit([connection('public:a')]), 'conflict')
      await store.commit([repository('x', { connections: [sealed.name] })])
      await expectRefused(store.commit([{ change: 'delete-connection', connection: sealed.name }]), 'conflict')
      await store.commit([{ change: 'set-repository', repository: repositoryOf('x') }])
      await store.commit([{ change: 'delete-connection', connection: sealed.name }])
      await expectRefused(store.commit([{ change: 'delete-connection', connection: sealed.name }]), 'not_found')
    })

    it('changes connections, and forgets what the registry said that one led to before', async () => {
      const { store } = under
      const made = connectionOf(NPMJS)
      await store.commit([{ change: 'create-connection', connection: made }, putIndex('a', 'document')])
      const counter = async () =>
        (await store.readRevision({ domain: DOMAIN, format: 'npm', key: at('a').key, index: null })).topology
      const set = async (wanted: Connection, leadsElsewhere = false, plannedAt?: number) =>
        store.commit([
          { change: 'set-connection', connection: wanted, leadsElsewhere, plannedAt: plannedAt ?? (await counter()) },
        ])
      const narrowed = {
        ...made,
        enabled: false,
        timeoutMs: 5,
        only: ['acme/*'],
        except: ['acme/x'],
        credentials: 'new',
      }
      const before = await counter()
      await set(narrowed)
      expect(await store.findConnection(NPMJS)).toEqual(narrowed)
      expect(await counter()).toBe(before + 1)
      expect(await store.findIndex(NPMJS, 'npm', at('a').key)).toMatchObject({ revision: 1 })
      await set({ ...made, url: 'https://other.example/' }, true)
      expect(await store.findConnection(NPMJS)).toEqual({ ...made, url: 'https://other.example/' })
      expect(await store.findIndex(NPMJS, 'npm', at('a').key)).toBeUndefined()
      await expectRefused(set(made, false, before), 'busy')
      await expectRefused(set(connectionOf('public:missing')), 'not_found')
    })

    it('keeps a deleted connection’s indexes, but not for the next one of its name', async () => {
      const { store } = under
      const sideCar: Change = {
        change: 'put-side-car',
        connection: NPMJS,
        format: 'npm',
        key: at('a').key,
        file: 'f',
        sha256: 'aa',
        size: 1,
      }
      await store.commit([connection(NPMJS), putIndex('a', 'document'), sideCar])
      await store.commit([{ change: 'delete-connection', connection: NPMJS }])
      expect(await store.findIndex(NPMJS, 'npm', at('a').key)).toMatchObject({ revision: 1 })
      await store.commit([connection(NPMJS)])
      expect(await store.findIndex(NPMJS, 'npm', at('a').key)).toBeUndefined()
      expect(await store.findSideCar(NPMJS, 'npm', at('a').key, 'f')).toBeUndefined()
    })

    it('keeps rules of a domain and of a repository', async () => {
      const { store } = under
      await store.commit([...GROUND, rule('b'), rule('a', MAIN)])
      expect(await store.listRules(DOMAIN)).toEqual([ruleOf('a', MAIN), ruleOf('b')])
      await expectRefused(store.commit([rule('a')]), 'conflict')
      await expectRefused(store.commit([rule('c', 'missing')]), 'not_found')
      await expectRefused(
        store.commit([{ change: 'create-rule', rule: { ...ruleOf('c'), domain: 'nowhere' } }]),
        'not_found',
      )
      await store.commit([{ change: 'delete-rule', domain: DOMAIN, id: 'a' }])
      await expectRefused(store.commit([{ change: 'delete-rule', domain: DOMAIN, id: 'a' }]), 'not_found')
      expect(await store.listRules(DOMAIN)).toEqual([ruleOf('b')])
    })
  })

  resourcePoliciesSuite(under)

  describe('the topology counter', () => {
    const counter = async () =>
      (await under.store.readRevision({ domain: DOMAIN, format: 'npm', key: at('a').key, index: null })).topology

    it.each<[string, Change]>([
      ['create-account', account('444455556666')],
      ['create-user', user('bob')],
      ['delete-user', { change: 'delete-user', account: ACCOUNT, name: 'eve' }],
      [
        'put-identity-policy',
        { change: 'put-identity-policy', policy: { account: ACCOUNT, userName: 'eve', name: 'p', document: '{}' } },
      ],
      ['delete-identity-policy', { change: 'delete-identity-policy', account: ACCOUNT, userName: 'eve', name: 'q' }],
      [
        'create-access-key',
        {
          change: 'create-access-key',
          key: {
            id: 'AKIA2',
            account: ACCOUNT,
            userName: 'eve',
            userId: 'AIDA-eve',
            secret: '',
            createdAt: 1,
            revokedAt: null,
          },
        },
      ],
      ['revoke-access-key', { change: 'revoke-access-key', id: 'AKIA1', at: 1 }],
      ['create-domain', domain('another')],
      ['delete-domain', { change: 'delete-domain', domain: 'empty' as DomainName }],
      ['set-reserved-prefixes', { change: 'set-reserved-prefixes', domain: DOMAIN, reserved: [] }],
      ['create-repository', repository('x')],
      ['set-repository', { change: 'set-repository', repository: repositoryOf(MAIN) }],
      ['delete-repository', { change: 'delete-repository', domain: DOMAIN, repository: MAIN }],
      ['create-connection', connection('public:b')],
      ['delete-connection', { change: 'delete-connection', connection: NPMJS }],
      ['create-role', role('build')],
      ['set-role', { change: 'set-role', role: roleOf('ship') }],
      ['delete-role', { change: 'delete-role', account: ACCOUNT, name: 'ship' }],
      ['put-role-policy', rolePolicy('ship', 'p')],
      ['delete-role-policy', { change: 'delete-role-policy', account: ACCOUNT, roleName: 'ship', name: 'q' }],
      ['put-resource-policy', resourcePolicy(null)],
      ['put-resource-policy, replacing', resourcePolicy(MAIN, {}, 'r1')],
      ['delete-resource-policy', { change: 'delete-resource-policy', domain: DOMAIN, repository: MAIN }],
      ['create-rule', rule('b')],
      ['delete-rule', { change: 'delete-rule', domain: DOMAIN, id: 'a' }],
    ])('moves with %s', async (_, change) => {
      const key = {
        id: 'AKIA1',
        account: ACCOUNT,
        userName: 'eve',
        userId: 'AIDA-eve',
        secret: '',
        createdAt: 1,
        revokedAt: null,
      }
      await under.store.commit([
        ...GROUND,
        domain('empty'),
        connection(NPMJS),
        rule('a'),
        user('eve'),
        role('ship'),
        rolePolicy('ship', 'q'),
        resourcePolicy(MAIN),
        { change: 'create-access-key', key },
        { change: 'put-identity-policy', policy: { account: ACCOUNT, userName: 'eve', name: 'q', document: '{}' } },
      ])
      const before = await counter()
      await under.store.commit([change])
      expect(await counter()).toBe(before + 1)
    })

    it('moves once per commit, and with nothing else', async () => {
      await under.store.commit(GROUND)
      expect(await counter()).toBe(1)
      await under.store.commit([
        { change: 'create-setting', key: 'k', value: 'v' },
        pack('a'),
        version('a', '1.0.0'),
        putIndex('a', 'document'),
        webhook('wh_1'),
        { change: 'set-webhook', id: 'wh_1', url: 'u' },
        { change: 'disable-webhook', id: 'wh_1', at: 1, reason: 'r' },
        { change: 'delete-webhook', id: 'wh_1' },
      ])
      expect(await counter()).toBe(1)
    })
  })
}

function resourcePoliciesSuite(under: StoreUnderTest): void {
  describe('resource policies', () => {
    const policies = () => under.store.listResourcePolicies(DOMAIN)
    const deletion = (on: RepositoryName | null, was?: string): Change => ({
      change: 'delete-resource-policy',
      domain: DOMAIN,
      repository: on,
      ...(was !== undefined && { was }),
    })

    it('are kept on a domain and its repositories, as they were written and pinned', async () => {
      const principals = Object.fromEntries(ODD_NAMES.map((name) => [name, `AIDA-${name}`]))
      const document = '{ "Version":"2012-10-17",\n "__proto__": {} }'
      await under.store.commit([
        ...GROUND,
        domain('local2'),
        resourcePolicy(OTHER, { principals: {} }),
        resourcePolicy(null, { principals, document }),
        resourcePolicy(MAIN),
        resourcePolicy(null, { domain: 'local2' as DomainName }),
      ])
      expect(await policies()).toEqual([
        resourcePolicyOf(null, { principals, document }),
        resourcePolicyOf(MAIN),
        resourcePolicyOf(OTHER, { principals: {} }),
      ])
      expect(await under.store.listResourcePolicies('nowhere' as DomainName)).toEqual([])
    })

    it.each([
      ['a domain', null],
      ['a repository', MAIN],
    ])('on %s are replaced, and deleted, only as long as they are what was seen', async (_, on) => {
      const { store } = under
      await store.commit([...GROUND, resourcePolicy(OTHER)])
      const rest = await policies()
      await expectRefused(store.commit([resourcePolicy(on, {}, 'r1')]), 'conflict')
      await expectRefused(store.commit([deletion(on)]), 'not_found')
      await expectRefused(store.commit([deletion(on, 'r1')]), 'not_found')
      expect(await policies()).toEqual(rest)
      await store.commit([resourcePolicy(on, { revision: 'r1' })])
      await store.commit([resourcePolicy(on, { revision: 'r2', document: '{}', principals: {} })])
      await expectRefused(store.commit([resourcePolicy(on, { revision: 'r3' }, 'r1')]), 'conflict')
      await expectRefused(store.commit([deletion(on, 'r1')]), 'conflict')
      expect(await policies()).toContainEqual(resourcePolicyOf(on, { revision: 'r2', document: '{}', principals: {} }))
      await store.commit([resourcePolicy(on, { revision: 'r3' }, 'r2')])
      expect(await policies()).toContainEqual(resourcePolicyOf(on, { revision: 'r3' }))
      await store.commit([deletion(on, 'r3')])
      expect(await policies()).toEqual(rest)
      await store.commit([resourcePolicy(on), deletion(on)])
      expect(await policies()).toEqual(rest)
    })

    it('are replaced by one of many that saw the same', async () => {
      const { store } = under
      await store.commit([...GROUND, resourcePolicy(MAIN)])
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, (_, index) =>
          store.commit([resourcePolicy(MAIN, { revision: `next ${index}` }, 'r1')]),
        ),
      )
      const done = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []))
      expect(done).toHaveLength(1)
      expect(await policies()).toEqual([resourcePolicyOf(MAIN, { revision: `next ${done[0]}` })])
    })

    it.each<[string, Change]>([
      ['a domain', resourcePolicy(null, { domain: 'nowhere' as DomainName })],
      ['a domain, replacing', resourcePolicy(null, { domain: 'nowhere' as DomainName }, 'r1')],
      ['a repository', resourcePolicy('missing')],
      ['a repository, replacing', resourcePolicy('missing', {}, 'r1')],
      ['a repository of another domain', resourcePolicy(MAIN, { domain: 'empty' as DomainName })],
    ])('are refused on %s that is missing', async (_, change) => {
      await under.store.commit([...GROUND, domain('empty')])
      await expectRefused(under.store.commit([change]), 'not_found')
    })

    it('go with their repository and with their domain', async () => {
      const { store } = under
      await store.commit([...GROUND, resourcePolicy(null), resourcePolicy(MAIN), resourcePolicy(OTHER)])
      const deletionOf = (name: RepositoryName): Change => ({
        change: 'delete-repository',
        domain: DOMAIN,
        repository: name,
      })
      await store.commit([deletionOf(MAIN), repository(MAIN)])
      expect(await policies()).toEqual([resourcePolicyOf(null), resourcePolicyOf(OTHER)])
      await store.commit([deletionOf(MAIN), deletionOf(OTHER)])
      expect(await policies()).toEqual([resourcePolicyOf(null)])
      await store.commit([{ change: 'delete-domain', domain: DOMAIN }, domain()])
      expect(await policies()).toEqual([])
    })
  })
}
