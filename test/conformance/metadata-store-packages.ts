import { describe, expect, it } from 'vitest'
import type { Change } from '../../src/registry/changes.ts'
import type { Departure } from '../../src/registry/model.ts'
import type { DomainName, PackageKey, RepositoryName } from '../../src/registry/names.ts'
import type { StoreUnderTest } from './metadata-store.ts'
import {
  ACCOUNT,
  announce,
  asset,
  assetOf,
  at,
  DOMAIN,
  GROUND,
  MAIN,
  NOW,
  NPMJS,
  ODD_NAMES,
  OTHER,
  pack,
  expectRefused,
  putIndex,
  retained,
  retainedAsset,
  version,
  versionAt,
  versionOf,
} from './metadata-store-things.ts'

const key = (text: string) => text as PackageKey
const own = (name: string, evenIfIngested = false): Change => ({
  change: 'own-name',
  domain: DOMAIN,
  format: 'npm',
  key: key(name),
  evenIfIngested,
})
const touchIndex = (name: string): Change => ({
  change: 'touch-index',
  connection: NPMJS,
  format: 'npm',
  key: key(name),
  checkedAt: 150,
  freshUntil: 160,
  etag: null,
})
const deriveSideCar = (name: string): Change => ({
  change: 'put-side-car',
  connection: NPMJS,
  format: 'npm',
  key: key(name),
  file: 'a.whl',
  sha256: 'ab'.repeat(32),
  size: 1,
  derivedFrom: 'cd'.repeat(32),
})
const ingest = (name: string, evenIfOwned = false): Change => ({
  change: 'ingest-name',
  domain: DOMAIN,
  format: 'npm',
  key: key(name),
  evenIfOwned,
})
const putTag = (name: string, tag: string, number: string): Change => ({
  change: 'put-tag',
  at: at(name),
  tag,
  version: number,
})

export function packagesSuite(under: StoreUnderTest): void {
  describe('names', () => {
    const found = (name: string) => under.store.findName(DOMAIN, 'npm', key(name))

    it('belong to whoever came first, unless both are wanted', async () => {
      const { store } = under
      await store.commit([...GROUND, own('mine'), ingest('theirs')])
      await store.commit([own('mine'), ingest('theirs')])
      expect(await found('mine')).toEqual({ domain: DOMAIN, format: 'npm', key: 'mine', owned: true, ingested: false })
      await expectRefused(store.commit([ingest('mine')]), 'conflict')
      await expectRefused(store.commit([own('theirs')]), 'conflict')
      expect(await found('theirs')).toMatchObject({ owned: false, ingested: true })
      await store.commit([ingest('mine', true), own('theirs', true)])
      expect([await found('mine'), await found('theirs')]).toMatchObject([
        { owned: true, ingested: true },
        { owned: true, ingested: true },
      ])
      expect(await found('__proto__')).toBeUndefined()
    })

    it('are refused in a domain that does not exist', async () => {
      await expectRefused(under.store.commit([own('a')]), 'not_found')
      await expectRefused(under.store.commit([ingest('a')]), 'not_found')
    })

    it('go to one of a publish and an ingestion at once', async () => {
      await under.store.commit(GROUND)
      const outcomes = await Promise.allSettled([under.store.commit([own('a')]), under.store.commit([ingest('a')])])
      expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    })
  })

  describe('lists of names', () => {
    const none: Departure = { is: 'withdrawn', declares: {}, since: 5 }
    const filled = () =>
      under.store.commit([
        ...GROUND,
        ...['b', 'a', 'empty', 'c', 'unlisted'].map((name) => pack(name)),
        pack('elsewhere', OTHER),
        version('b', '1.0.0'),
        version('b', '2.0.0', { publishedAt: 12, license: null }),
        retained('a', '1.0.0'),
        retainedAsset('a', '1.0.0', 'a-1.tgz'),
        retainedAsset('a', '1.0.0', 'a-1.zip'),
        retainedAsset('a', '1.0.0', 'a-1.whl'),
        version('c', '1.0.0'),
        version('unlisted', '1.0.0', { status: 'Unlisted' }),
        version('elsewhere', '1.0.0', { repository: OTHER }),
        asset('b', '1.0.0', 'b-1.tgz'),
        asset('b', '2.0.0', 'b-2.tgz'),
        { change: 'note-departure', at: versionAt('a', '1.0.0'), file: 'a-1.whl', was: null, departure: none },
      ])
    const names = (limit: number, after: string | null = null, repository = MAIN) =>
      under.store.listNames(DOMAIN, repository, 'npm', { limit, after: after === null ? null : key(after) })

    it('have each name once that has a version which is Published, in order, page by page', async () => {
      await filled()
      expect(await names(10)).toEqual(['a', 'b', 'c'])
      expect(await names(2)).toEqual(['a', 'b'])
      expect(await names(2, 'b')).toEqual(['c'])
      expect(await names(2, 'c')).toEqual([])
      expect(await names(2, 'aa')).toEqual(['b', 'c'])
      expect(await names(10, null, OTHER)).toEqual(['elsewhere'])
      expect(await under.store.listNames(DOMAIN, MAIN, 'pypi', { limit: 10, after: null })).toEqual([])
    })

    it('tell what curation asks about their versions, apart where some of the files were withdrawn', async () => {
      await filled()
      const facts = await under.store.listVersionFacts(DOMAIN, MAIN, 'npm', {
        first: key('a'),
        last: key('b'),
      })
      const fact = { format: 'npm', version: '1.0.0', publishedAt: 9, license: 'MIT', withdrawn: false }
      expect(facts).toHaveLength(4)
      expect(facts).toEqual(
        expect.arrayContaining([
          { ...fact, key: 'a', origin: 'EXTERNAL' },
          { ...fact, key: 'a', origin: 'EXTERNAL', withdrawn: true },
          { ...fact, key: 'b', origin: 'INTERNAL' },
          { ...fact, key: 'b', origin: 'INTERNAL', version: '2.0.0', publishedAt: 12, license: null },
        ]),
      )
    })
  })

  describe('the times of changes', () => {
    const moves = async (...names: readonly string[]) => {
      const of = { names: names.map(key), repositories: [MAIN, OTHER], connections: [NPMJS] }
      return (await under.store.listMoves(DOMAIN, 'npm', of)).toSorted((a, b) => a.at - b.at)
    }

    it('are those of a counter, of what came first, and of an index, with when that was asked about', async () => {
      await under.store.commit([
        ...GROUND,
        ...['a', 'b', 'unlisted'].map((name) => pack(name)),
        pack('b', OTHER),
        retained('a', '1.0.0', { createdAt: 3 }),
        retained('a', '2.0.0', { createdAt: 2 }),
        version('b', '1.0.0', { createdAt: 5 }),
        retained('b', '1.0.0', { createdAt: 4, repository: OTHER }),
        retained('unlisted', '1.0.0', { createdAt: 1, status: 'Unlisted' }),
        putIndex('a', 'one'),
        putIndex('not asked for', 'one'),
      ])
      expect(await moves('a', 'unlisted', 'unknown')).toEqual([
        { key: 'a', at: 2, checkedAt: null },
        { key: 'a', at: NOW, checkedAt: 20 },
      ])
      const alone = { names: [key('a')], repositories: [MAIN], connections: [] }
      expect(await under.store.listMoves(DOMAIN, 'npm', alone)).toEqual([{ key: 'a', at: 2, checkedAt: null }])
      expect(await moves('b')).toEqual([
        { key: 'b', at: 4, checkedAt: null },
        { key: 'b', at: NOW, checkedAt: null },
      ])
    })

    it.each<[string, readonly Change[], boolean]>([
      ['a file that was fetched', [retainedAsset('a', '1.0.0', 'a-1.tgz')], false],
      ['an index that is as it was', [touchIndex('a')], false],
      ['an index that changed', [putIndex('a', 'two')], true],
      ['an index of which more is known', [deriveSideCar('a')], true],
      ['a version that is published', [version('a', '2.0.0')], true],
      ['a tag', [{ change: 'put-tag', at: at('a'), tag: 'latest', version: '1.0.0' }], true],
    ])('move with what changes an answer, and with nothing else: %s', async (_, changes, isMove) => {
      let time = 100
      await using later = await under.open({ clock: { now: () => time } })
      await later.store.commit([...GROUND, pack('a'), retained('a', '1.0.0', { createdAt: 1 }), putIndex('a', 'one')])
      const last = async () => {
        const of = { names: [key('a')], repositories: [MAIN], connections: [NPMJS] }
        return Math.max(...(await later.store.listMoves(DOMAIN, 'npm', of)).map((move) => move.at))
      }
      expect(await last()).toBe(100)
      time = 200
      await later.store.commit(changes)
      expect(await last()).toBe(isMove ? 200 : 100)
    })

    it('tell when anything else last changed that answers hang on', async () => {
      expect(await under.store.readTopologyMove()).toBe(0)
      await under.store.commit(GROUND)
      expect(await under.store.readTopologyMove()).toBe(NOW)
    })
  })

  describe('what was retained', () => {
    const held = async () => {
      await under.store.commit([
        ...GROUND,
        pack('a'),
        retained('a', '1.0.0'),
        retainedAsset('a', '1.0.0', 'a-1.tgz'),
        retained('a', '2.0.0', { entryPoint: 'public:other' }),
        version('a', '3.0.0'),
        asset('a', '3.0.0', 'a-3.tgz'),
      ])
    }
    const withdrawn: Departure = { is: 'withdrawn', declares: {}, since: 5 }
    const other: Departure = { is: 'other', declares: { sha1: 'ab' }, since: 7 }
    const note = (was: Departure | null, departure: Departure | null, file = 'a-1.tgz', metadata?: string): Change => ({
      change: 'note-departure',
      at: versionAt('a', file === 'a-3.tgz' ? '3.0.0' : '1.0.0'),
      file,
      was,
      departure,
      ...(metadata !== undefined && { metadata }),
    })
    const noted = async () => (await under.store.listRetained(NPMJS, 'npm', key('a')))[0]?.version.assets[0]

    it('is listed by the connection that it came through', async () => {
      await held()
      expect(await under.store.listRetained(NPMJS, 'npm', key('a'))).toEqual([
        {
          owner: ACCOUNT,
          version: versionOf('a', '1.0.0', { origin: 'EXTERNAL', entryPoint: NPMJS, assets: [assetOf('a-1.tgz')] }),
        },
      ])
      expect(await under.store.listRetained(NPMJS, 'npm', key('b'))).toEqual([])
    })

    it('has noted how its upstream departs from it, by whoever knows what was noted before', async () => {
      await held()
      await under.store.commit([note(null, withdrawn, 'a-1.tgz', '{"said":1}')])
      expect(await noted()).toEqual(assetOf('a-1.tgz', { departure: withdrawn, metadata: '{"said":1}' }))
      expect((await under.store.findAsset(DOMAIN, [MAIN], 'npm', key('a'), 'a-1.tgz'))?.asset.departure).toEqual(
        withdrawn,
      )
      await expectRefused(under.store.commit([note(null, other)]), 'conflict')
      await expectRefused(under.store.commit([note(other, null)]), 'conflict')
      await under.store.commit([note(withdrawn, other)])
      await under.store.commit([note(other, null)])
      expect(await noted()).toEqual(assetOf('a-1.tgz', { metadata: '{"said":1}' }))
      await expectRefused(under.store.commit([note(null, withdrawn, 'a-3.tgz')]), 'conflict')
    })

    it('moves the counter of its package when that is noted', async () => {
      await held()
      const counter = async () =>
        (await under.store.readRevision({ domain: DOMAIN, format: 'npm', key: key('a'), index: null })).package
      const before = await counter()
      await under.store.commit([note(null, withdrawn)])
      expect(await counter()).toBe(before + 1)
    })
  })

  describe('packages', () => {
    it('are made once, and keep what a person set', async () => {
      const { store } = under
      await store.commit([...GROUND, pack('a', OTHER), pack('a')])
      const origin = { publish: 'BLOCK', upstream: 'ALLOW' } as const
      await store.commit([
        { change: 'set-origin', at: at('a'), origin },
        { change: 'set-origin', at: at('new'), origin },
        pack('a'),
      ])
      expect(await store.findPackages(DOMAIN, 'npm', key('a'))).toEqual([
        { ...at('a'), origin, originIsExplicit: true },
        { ...at('a', OTHER), origin: { publish: 'ALLOW', upstream: 'BLOCK' }, originIsExplicit: false },
      ])
      expect(await store.findPackages(DOMAIN, 'npm', key('new'))).toMatchObject([{ originIsExplicit: true }])
      expect(await store.findPackages(DOMAIN, 'pypi', key('a'))).toEqual([])
      await expectRefused(store.commit([pack('a', 'gone' as RepositoryName)]), 'not_found')
      await expectRefused(
        store.commit([{ change: 'set-origin', at: at('a', 'gone' as RepositoryName), origin }]),
        'not_found',
      )
    })

    it('are listed by format and name, in pages and by prefix', async () => {
      const { store } = under
      const names = [...ODD_NAMES, 'lib', 'lib-a', 'lib-b', 'LIB', 'lic', 'li']
      const pypi: Change = {
        change: 'ensure-package',
        at: at('lib', MAIN, 'pypi'),
        origin: { publish: 'ALLOW', upstream: 'ALLOW' },
      }
      await store.commit([...GROUND, ...names.map((name) => pack(name)), pypi, pack('elsewhere', OTHER)])
      const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      const listed: string[] = []
      for (let after: string | null | undefined; after !== null;) {
        const page = await store.listPackages(DOMAIN, MAIN, { limit: 3, ...(after && { after }) })
        expect(page.items.length).toBeLessThanOrEqual(3)
        listed.push(...page.items.map((item) => `${item.format}:${item.key}`))
        after = page.next
      }
      expect(listed).toEqual([...sorted.map((name) => `npm:${name}`), 'pypi:lib'])
      const keys = async (filter: object) =>
        (await store.listPackages(DOMAIN, MAIN, { limit: 50, ...filter })).items.map((item) => item.key)
      expect(await keys({ format: 'npm', prefix: 'lib' })).toEqual(['lib', 'lib-a', 'lib-b'])
      expect(await keys({ prefix: 'lib' })).toEqual(['lib', 'lib-a', 'lib-b', 'lib'])
      expect(await keys({ prefix: '50%_' })).toEqual(['50%_of'])
      expect(await keys({ prefix: '😀' })).toEqual(['😀'])
      expect(await store.listPackages(DOMAIN, MAIN, { format: 'pypi', limit: 1 })).toMatchObject({ next: null })
      await expectRefused(store.listPackages(DOMAIN, MAIN, { limit: 1, after: 'made-up' }), 'invalid')
    })
  })

  describe('versions', () => {
    it('come with their assets, in the order of repositories, then of creation', async () => {
      const { store } = under
      const odd = versionOf('a', '1.0.0-ünï', { metadata: '{"__proto__":{"x":1}}', license: null, createdAt: 30 })
      const elsewhere = versionOf('a', '0.1.0', { repository: OTHER, createdAt: 1, status: 'Unlisted' })
      const whole = assetOf('b', {
        digests: { sha256: 'aa', sha512: 'bb', sha1: 'cc', md5: 'dd', blake2b: 'ee' },
        path: 'packages/aa/bb/b',
        sideCar: { sha256: 'ff', size: 7 },
        metadata: '{"requires":">=3"}',
        createdAt: 12,
      })
      await store.commit([...GROUND, pack('a'), pack('a', OTHER), version('a', '2.0.0', { createdAt: 20 })])
      await store.commit([
        { change: 'create-version', version: odd },
        { change: 'create-version', version: elsewhere },
        { change: 'create-asset', at: versionAt('a', odd.version), asset: whole },
        asset('a', odd.version, 'a'),
      ])
      expect(await store.listVersions(DOMAIN, [OTHER, MAIN], 'npm', key('a'))).toEqual([
        { ...elsewhere, assets: [] },
        { ...versionOf('a', '2.0.0', { createdAt: 20 }), assets: [] },
        { ...odd, assets: [assetOf('a'), whole] },
      ])
      expect(await store.listVersions(DOMAIN, [MAIN], 'npm', key('a'))).toHaveLength(2)
      expect(await store.listVersions(DOMAIN, [], 'npm', key('a'))).toEqual([])
    })

    it.each<[string, Change]>([
      ['create-version', version('a', '1.0.0')],
      ['retain-version', retained('a', '1.0.0')],
    ])('%s is refused where the version is there, or the package is not', async (_, change) => {
      await under.store.commit([...GROUND, pack('a')])
      await under.store.commit([change])
      await expectRefused(under.store.commit([change]), 'conflict')
      await under.store.commit([{ change: 'delete-repository', domain: DOMAIN, repository: MAIN }])
      await expectRefused(under.store.commit([change]), 'not_found')
    })

    it('change only from the revision that the writer saw', async () => {
      const { store } = under
      await store.commit([...GROUND, pack('a'), version('a', '1.0.0', { metadata: 'm' })])
      const set = (was: string, revision: string, more: object = {}): Change => ({
        change: 'set-version',
        at: versionAt('a', '1.0.0'),
        was,
        revision,
        ...more,
      })
      const current = async () => (await store.listVersions(DOMAIN, [MAIN], 'npm', key('a')))[0]
      await store.commit([set('r1', 'r2', { status: 'Archived' })])
      expect(await current()).toMatchObject({ revision: 'r2', status: 'Archived', metadata: 'm' })
      await store.commit([set('r2', 'r3', { metadata: null })])
      expect(await current()).toMatchObject({ revision: 'r3', status: 'Archived', metadata: null })
      await expectRefused(store.commit([set('r2', 'r4')]), 'conflict')
      await expectRefused(store.commit([{ ...set('r3', 'r4'), at: versionAt('a', '9.9.9') } as Change]), 'not_found')
      expect(await current()).toMatchObject({ revision: 'r3' })
    })

    it('are published by one of a hundred at once, with its asset and its event', async () => {
      const { store } = under
      await store.commit([...GROUND, own('a'), pack('a')])
      const outcomes = await Promise.allSettled(
        Array.from({ length: 100 }, (_, index) =>
          store.commit([
            version('a', '1.0.0', { revision: `r${index}` }),
            asset('a', '1.0.0', `a-${index}.tgz`),
            announce(`e${index}`),
          ]),
        ),
      )
      const winner = outcomes.findIndex(({ status }) => status === 'fulfilled')
      const codes = outcomes.flatMap((outcome) =>
        outcome.status === 'rejected' ? [(outcome.reason as { code?: string }).code] : [],
      )
      expect(codes).toEqual(Array.from({ length: 99 }, () => 'conflict'))
      expect(await store.listVersions(DOMAIN, [MAIN], 'npm', key('a'))).toMatchObject([
        { revision: `r${winner}`, assets: [{ file: `a-${winner}.tgz` }] },
      ])
      expect((await store.listEvents({ limit: 10 })).items).toMatchObject([{ id: `e${winner}`, sequence: 1 }])
    })

    it('are quick to list where there are 3,000 of them', async () => {
      const { store } = under
      await store.commit([...GROUND, pack('a')])
      await store.commit(
        Array.from({ length: 3_000 }, (_, index) => [
          version('a', `1.0.${index}`),
          asset('a', `1.0.${index}`, `a-${index}.tgz`),
        ]).flat(),
      )
      const start = performance.now()
      expect(await store.listVersions(DOMAIN, [MAIN, OTHER], 'npm', key('a'))).toHaveLength(3_000)
      expect(await store.findAsset(DOMAIN, [OTHER, MAIN], 'npm', key('a'), 'a-2999.tgz')).toMatchObject({
        version: { version: '1.0.2999' },
      })
      // 40 ms on SQLite, 100 on PostgreSQL; a query that looks at each version for each would take seconds.
      expect(performance.now() - start).toBeLessThan(2_000)
    })
  })

  describe('assets', () => {
    it.each<[string, Change]>([
      ['create-asset', asset('a', '1.0.0', 'a.tgz')],
      ['retain-asset', retainedAsset('a', '1.0.0', 'a.tgz')],
    ])('%s is refused where the file is there, or the version is not', async (_, change) => {
      await under.store.commit([...GROUND, pack('a')])
      await expectRefused(under.store.commit([change]), 'not_found')
      expect(await under.store.blobTotals()).toMatchObject({ count: 0 })
      await under.store.commit([version('a', '1.0.0'), change])
      await expectRefused(under.store.commit([change]), 'conflict')
    })

    it('are found in the first repository that has the file', async () => {
      const { store } = under
      const inOther = versionOf('a', '2.0.0', { repository: OTHER })
      await store.commit([
        ...GROUND,
        pack('a'),
        pack('a', OTHER),
        version('a', '1.0.0'),
        { change: 'create-version', version: inOther },
      ])
      await store.commit([
        asset('a', '1.0.0', 'a.tgz'),
        { change: 'create-asset', at: versionAt('a', '2.0.0', OTHER), asset: assetOf('a.tgz', { size: 7 }) },
        ...ODD_NAMES.map((file) => asset('a', '1.0.0', file)),
      ])
      const find = (repositories: readonly RepositoryName[], file: string) =>
        store.findAsset(DOMAIN, repositories, 'npm', key('a'), file)
      expect(await find([MAIN, OTHER], 'a.tgz')).toEqual({ version: versionOf('a', '1.0.0'), asset: assetOf('a.tgz') })
      expect(await find([OTHER, MAIN], 'a.tgz')).toEqual({ version: inOther, asset: assetOf('a.tgz', { size: 7 }) })
      for (const file of ODD_NAMES) expect((await find([OTHER, MAIN], file))?.asset.file).toBe(file)
      expect(await find([MAIN], 'A.tgz')).toBeUndefined()
      expect(await find([], 'a.tgz')).toBeUndefined()
    })

    it('are known to be here, or not, without being read', async () => {
      const { store } = under
      const inOther = versionOf('a', '2.0.0', { repository: OTHER })
      await store.commit([
        ...GROUND,
        pack('a', OTHER),
        { change: 'retain-version', version: inOther },
        { change: 'retain-asset', at: versionAt('a', '2.0.0', OTHER), asset: assetOf('a.tgz') },
      ])
      const holds = (repositories: readonly RepositoryName[], file = 'a.tgz', name = 'a') =>
        store.holdsFile(DOMAIN, repositories, 'npm', key(name), file)
      expect([await holds([OTHER]), await holds([MAIN, OTHER])]).toEqual([true, true])
      const others = [holds([MAIN]), holds([]), holds([OTHER], 'A.tgz'), holds([OTHER], 'a.tgz', 'b')]
      expect(await Promise.all(others)).toEqual([false, false, false, false])
      expect(await store.holdsFile('b' as DomainName, [OTHER], 'npm', key('a'), 'a.tgz')).toBe(false)
      expect(await store.holdsFile(DOMAIN, [OTHER], 'pypi', key('a'), 'a.tgz')).toBe(false)
    })

    it('that were published here come before those that upstream gave', async () => {
      const { store } = under
      const inOther = versionOf('a', '1.0.0', { repository: OTHER })
      await store.commit([
        ...GROUND,
        pack('a'),
        pack('a', OTHER),
        retained('a', '1.0.0', { origin: 'EXTERNAL' }),
        retainedAsset('a', '1.0.0', 'a.tgz', { size: 7 }),
        { change: 'create-version', version: inOther },
        { change: 'create-asset', at: versionAt('a', '1.0.0', OTHER), asset: assetOf('a.tgz') },
      ])
      const find = (repositories: readonly RepositoryName[]) =>
        store.findAsset(DOMAIN, repositories, 'npm', key('a'), 'a.tgz')
      expect(await find([MAIN, OTHER])).toEqual({ version: inOther, asset: assetOf('a.tgz') })
      expect(await find([MAIN])).toMatchObject({ asset: { size: 7 } })
    })
  })

  describe('tags', () => {
    it('are put, moved, ensured and deleted', async () => {
      const { store } = under
      await store.commit([
        ...GROUND,
        pack('a'),
        version('a', '1.0.0'),
        version('a', '2.0.0'),
        putTag('a', 'latest', '1.0.0'),
      ])
      await store.commit([putTag('a', 'latest', '2.0.0'), ...ODD_NAMES.map((tag) => putTag('a', tag, '1.0.0'))])
      await store.commit([
        { change: 'ensure-tag', at: at('a'), tag: 'latest', version: '1.0.0' },
        { change: 'ensure-tag', at: at('a'), tag: 'beta', version: '1.0.0' },
      ])
      const tags = async () =>
        new Map(
          (await store.listTags(DOMAIN, [MAIN, OTHER], 'npm', key('a'))).map(({ tag, version: number }) => [
            tag,
            number,
          ]),
        )
      expect(await tags()).toEqual(
        new Map([['latest', '2.0.0'], ['beta', '1.0.0'], ...ODD_NAMES.map((tag) => [tag, '1.0.0'] as const)]),
      )
      await expectRefused(store.commit([putTag('a', 'latest', '3.0.0')]), 'not_found')
      await expectRefused(
        store.commit([{ change: 'put-tag', at: at('a', OTHER), tag: 'latest', version: '1.0.0' }]),
        'not_found',
      )
      await store.commit([{ change: 'delete-tag', at: at('a'), tag: '__proto__' }])
      await expectRefused(store.commit([{ change: 'delete-tag', at: at('a'), tag: '__proto__' }]), 'not_found')
      expect((await tags()).has('__proto__')).toBe(false)
    })

    it('come in the order of repositories', async () => {
      const { store } = under
      const inOther = versionOf('a', '1.0.0', { repository: OTHER })
      await store.commit([
        ...GROUND,
        pack('a'),
        pack('a', OTHER),
        version('a', '1.0.0'),
        { change: 'create-version', version: inOther },
      ])
      await store.commit([
        putTag('a', 'z', '1.0.0'),
        { change: 'put-tag', at: at('a', OTHER), tag: 'a', version: '1.0.0' },
      ])
      expect(await store.listTags(DOMAIN, [MAIN, OTHER], 'npm', key('a'))).toEqual([
        { repository: MAIN, tag: 'z', version: '1.0.0' },
        { repository: OTHER, tag: 'a', version: '1.0.0' },
      ])
    })
  })

  describe('the package counter', () => {
    const counter = async (name = 'a', domain: DomainName = DOMAIN) =>
      (await under.store.readRevision({ domain, format: 'npm', key: key(name), index: null })).package

    it.each<[string, Change]>([
      ['own-name', own('a')],
      ['set-origin', { change: 'set-origin', at: at('a'), origin: { publish: 'ALLOW', upstream: 'ALLOW' } }],
      ['create-version', version('a', '2.0.0')],
      ['set-version', { change: 'set-version', at: versionAt('a', '1.0.0'), was: 'r1', revision: 'r2' }],
      ['create-asset', asset('a', '1.0.0', 'b.tgz')],
      ['put-tag', putTag('a', 't', '1.0.0')],
      ['delete-tag', { change: 'delete-tag', at: at('a'), tag: 'latest' }],
    ])('moves with %s, by one', async (_, change) => {
      await under.store.commit([...GROUND, pack('a'), version('a', '1.0.0'), putTag('a', 'latest', '1.0.0')])
      const before = await counter()
      await under.store.commit([change])
      expect(await counter()).toBe(before + 1)
      expect(await counter('b')).toBe(0)
      expect(await counter('a', 'elsewhere' as DomainName)).toBe(0)
    })

    it.each<[string, Change]>([
      ['ingest-name', ingest('a')],
      ['ensure-package', pack('a', OTHER)],
      ['retain-version', retained('a', '2.0.0')],
      ['retain-asset', retainedAsset('a', '1.0.0', 'b.tgz')],
      ['ensure-tag', { change: 'ensure-tag', at: at('a'), tag: 't', version: '1.0.0' }],
      ['announce', announce('e')],
    ])('does not move with %s', async (_, change) => {
      await under.store.commit([...GROUND, pack('a'), version('a', '1.0.0')])
      const before = await counter()
      await under.store.commit([change])
      expect(await counter()).toBe(before)
    })

    it('outlives the domain, so that it never shows a number again', async () => {
      await under.store.commit([...GROUND, own('a')])
      await under.store.commit([
        { change: 'delete-repository', domain: DOMAIN, repository: MAIN },
        { change: 'delete-repository', domain: DOMAIN, repository: OTHER },
        { change: 'delete-domain', domain: DOMAIN },
      ])
      expect(await counter()).toBe(1)
    })
  })
}
