import { describe, expect, it } from 'vitest'
import type { Change } from '../../src/registry/changes.ts'
import type { IndexFacts } from '../../src/registry/model.ts'
import type { PackageKey } from '../../src/registry/names.ts'
import { packFacts, unpackFacts } from '../../src/registry/packed-facts.ts'
import type { StoreUnderTest } from './metadata-store.ts'
import { DOMAIN, FACTS, PACKED_FACTS, indexOf, NPMJS, ODD_NAMES, putIndex } from './metadata-store-things.ts'

const key = (text: string) => text as PackageKey
const touch = (name: string, checkedAt: number, etag: string | null): Change => ({
  change: 'touch-index',
  connection: NPMJS,
  format: 'npm',
  key: key(name),
  checkedAt,
  freshUntil: checkedAt + 10,
  etag,
})

export function indexesSuite(under: StoreUnderTest): void {
  const find = (name: string) => under.store.findIndex(NPMJS, 'npm', key(name))
  const revision = async (name: string) =>
    (await under.store.readRevision({ domain: DOMAIN, format: 'npm', key: key(name), index: NPMJS })).index

  describe('cached indexes', () => {
    it('come back with their facts, whatever the names in them', async () => {
      const { store } = under
      const facts: IndexFacts = {
        versions: ODD_NAMES.map((version) => ({ version, publishedAt: null, license: version })),
        files: ODD_NAMES.map((file) => ({ ...FACTS.files[0]!, file, sideCar: { sha256: 'ab' } })),
        serial: null,
      }
      for (const name of ODD_NAMES) {
        await store.commit([{ change: 'put-index', index: indexOf(name, name), facts: packFacts(facts) }])
        const found = await find(name)
        expect(found).toMatchObject({ ...indexOf(name, name), revision: 1 })
        expect(found?.facts && unpackFacts(found.facts)).toEqual(facts)
      }
      expect(await find('toString')).toBeUndefined()
    })

    it('count their revisions with each document, also when the package goes', async () => {
      const { store } = under
      expect(await revision('a')).toBeNull()
      await store.commit([putIndex('a', 'one')])
      expect(await revision('a')).toEqual({ revision: 1, freshUntil: 30 })
      await store.commit([putIndex('a', 'two', { freshUntil: 40, etag: null, lastModified: 'yesterday' })])
      expect(await revision('a')).toEqual({ revision: 2, freshUntil: 40 })
      await store.commit([putIndex('a', null)])
      expect(await find('a')).toEqual({ ...indexOf('a', null), facts: null, revision: 3 })
      expect(
        await under.store.readRevision({ domain: DOMAIN, format: 'npm', key: key('a'), index: null }),
      ).toMatchObject({ index: null })
    })

    it('keep the last document where the connection denies the package', async () => {
      await under.store.commit([putIndex('a', 'one', { state: 'absent' })])
      expect(await find('a')).toEqual({ ...indexOf('a', 'one', { state: 'absent' }), facts: PACKED_FACTS, revision: 1 })
    })

    it('stay at their revision when they are only looked at again', async () => {
      const { store } = under
      await store.commit([putIndex('a', 'one')])
      await store.commit([touch('a', 100, null)])
      expect(await find('a')).toEqual({
        ...indexOf('a', 'one', { checkedAt: 100, freshUntil: 110 }),
        facts: PACKED_FACTS,
        revision: 1,
      })
      await store.commit([touch('a', 200, '"renewed"')])
      expect(await find('a')).toMatchObject({ etag: '"renewed"', checkedAt: 200, revision: 1 })
      await store.commit([touch('nothing', 100, null)])
      expect(await find('nothing')).toBeUndefined()
    })

    it('keep facts of a package with thousands of versions', async () => {
      const files = Array.from({ length: 5_000 }, (_, index) => ({ ...FACTS.files[0]!, file: `a-${index}.tgz` }))
      const facts = packFacts({ ...FACTS, files })
      await under.store.commit([{ change: 'put-index', index: indexOf('a', 'one'), facts }])
      const found = await find('a')
      expect(found?.facts && unpackFacts(found.facts).files).toEqual(files)
    })
  })

  describe('side-cars', () => {
    it('are kept per file and replaced', async () => {
      const { store } = under
      const put = (file: string, sha256: string): Change => ({
        change: 'put-side-car',
        connection: NPMJS,
        format: 'npm',
        key: key('a'),
        file,
        sha256,
        size: 3,
      })
      await store.commit([...ODD_NAMES.map((file) => put(file, 'aa')), put('__proto__', 'bb')])
      const findSideCar = (file: string) => store.findSideCar(NPMJS, 'npm', key('a'), file)
      const given = { size: 3, derivedFrom: null }
      expect(await findSideCar('__proto__')).toEqual({ file: '__proto__', sha256: 'bb', ...given })
      expect(await findSideCar('constructor')).toEqual({ file: 'constructor', sha256: 'aa', ...given })
      expect(await findSideCar('toString')).toBeUndefined()
    })

    it('that were read out of their files are listed and forgotten, and each time the index is another', async () => {
      const { store } = under
      const at = { connection: NPMJS, format: 'npm', key: key('a') } as const
      const put = (file: string, sha256: string, derivedFrom?: string): Change => ({
        change: 'put-side-car',
        ...at,
        file,
        sha256,
        size: 3,
        ...(derivedFrom !== undefined && { derivedFrom }),
      })
      const list = () => store.listDerivedSideCars(NPMJS, 'npm', key('a'))
      const revisionOfA = async () => (await find('a'))?.revision
      await store.commit([putIndex('a', 'one'), putIndex('b', 'one')])
      await store.commit([put('given', 'aa')])
      expect([await list(), await revisionOfA()]).toEqual([[], 1])
      await store.commit([put('z', 'bb', 'f1'), put('y', 'cc', 'f2')])
      const [y, z] = [
        { file: 'y', sha256: 'cc', size: 3, derivedFrom: 'f2' },
        { file: 'z', sha256: 'bb', size: 3, derivedFrom: 'f1' },
      ]
      expect([await list(), await revisionOfA()]).toEqual([[y, z], 3])
      expect(await store.findSideCar(NPMJS, 'npm', key('a'), 'z')).toEqual(z)
      await store.commit([{ change: 'drop-side-car', ...at, file: 'z' }])
      expect([await list(), await revisionOfA()]).toEqual([[y], 4])
      // What the upstream gives from then on is its own word.
      await store.commit([put('y', 'dd')])
      expect([await list(), await revisionOfA()]).toEqual([[], 4])
      expect((await find('b'))?.revision).toBe(1)
      await store.commit([put('y', 'dd', 'f2'), { change: 'drop-side-car', ...at, file: 'nothing' }])
      expect(await list()).toHaveLength(1)
    })
  })
}
