import { describe, expect, it } from 'vitest'
import type { Change } from '../../src/registry/changes.ts'
import type { Asset } from '../../src/registry/model.ts'
import type { PackageKey } from '../../src/registry/names.ts'
import type { StoreUnderTest } from './metadata-store.ts'
import {
  asset,
  at,
  connection,
  DOMAIN,
  GROUND,
  MAIN,
  NOW,
  NPMJS,
  pack,
  putIndex,
  retained,
  retainedAsset,
  sha256Of,
  version,
} from './metadata-store-things.ts'

const LATER = 2 * NOW
const BASE: readonly Change[] = [...GROUND, pack('a'), version('a', '1.0.0'), pack('x'), retained('x', '1.0.0')]

/** A published file and a fetched one, last of use at `usedAt`. */
const published = (file: string, more: Partial<Asset> = {}): Change => asset('a', '1.0.0', file, more)
const fetched = (file: string, usedAt = 11, more: Partial<Asset> = {}): Change =>
  retainedAsset('x', '1.0.0', file, { createdAt: usedAt, ...more })
const sideCar = (file: string, bytes: string): Change => ({
  change: 'put-side-car',
  connection: NPMJS,
  format: 'npm',
  key: 'x' as PackageKey,
  file,
  sha256: sha256Of(bytes),
  size: 5,
})
const sorted = (...files: string[]) => files.map(sha256Of).toSorted()

export function blobsSuite(under: StoreUnderTest): void {
  const names = async () => (await under.store.listBlobs(null, 100)).map(({ sha256 }) => sha256)
  const heldFiles = async () =>
    (await under.store.listVersions(DOMAIN, [MAIN], 'npm', 'x' as PackageKey)).flatMap(({ assets }) =>
      assets.map(({ file }) => file),
    )

  describe('the ledger of blobs', () => {
    it('knows who refers to a blob, and what only an upstream can give again', async () => {
      const { store } = under
      await store.commit([
        ...BASE,
        published('p', { sideCar: { sha256: sha256Of('p.meta'), size: 3 } }),
        fetched('f', 12),
        fetched('p', 13),
      ])
      await store.commit([putIndex('x', 'document'), sideCar('f', 'f.meta')])
      const records = await store.listBlobs(null, 100)
      expect(records.map(({ sha256 }) => sha256)).toEqual(sorted('p', 'p.meta', 'f', 'document', 'f.meta'))
      expect(
        Object.fromEntries(records.map((blob) => [blob.sha256, [blob.cachedOnly, blob.size, blob.lastUsedAt]])),
      ).toEqual({
        [sha256Of('p')]: [false, 100, 13],
        [sha256Of('p.meta')]: [false, 3, 11],
        [sha256Of('f')]: [true, 100, 12],
        [sha256Of('document')]: [true, 40, 20],
        [sha256Of('f.meta')]: [true, 5, NOW],
      })
      expect(await store.blobTotals()).toEqual({ bytes: 248, cachedBytes: 145, count: 5 })
      expect((await store.listBlobs(records[1]!.sha256, 2)).map(({ sha256 }) => sha256)).toEqual([
        records[2]!.sha256,
        records[3]!.sha256,
      ])
      expect(await store.listBlobs('zz', 10)).toEqual([])
    })

    it('remembers the latest use only', async () => {
      const { store } = under
      await store.commit([...BASE, fetched('f', 50)])
      const sha256 = sha256Of('f')
      await store.touchBlobs([
        { sha256, at: 60 },
        { sha256, at: 90 },
        { sha256, at: 70 },
        { sha256: 'unknown', at: 80 },
      ])
      await store.touchBlobs([{ sha256, at: 40 }])
      expect(await store.listBlobs(null, 10)).toMatchObject([{ sha256, lastUsedAt: 90 }])
      await store.touchBlobs([])
    })

    it('adopts blobs that it never heard of, and no other', async () => {
      const { store } = under
      await store.commit([...BASE, fetched('f', 50)])
      await store.adoptBlobs(
        [
          { sha256: sha256Of('f'), size: 1 },
          { sha256: sha256Of('stray'), size: 9 },
        ],
        70,
      )
      await store.adoptBlobs([], 70)
      expect(await store.listBlobs(null, 10)).toMatchObject([{ lastUsedAt: 50, size: 100 }])
      expect(await store.blobTotals()).toMatchObject({ bytes: 109, count: 2 })
      expect(await store.condemnUnreferenced(70, 10)).toEqual([])
      expect(await store.condemnUnreferenced(71, 10)).toEqual([sha256Of('stray')])
    })
  })

  describe('collection', () => {
    it('condemns what nothing refers to since its grace began, again until it is forgotten', async () => {
      const { store } = under
      await store.commit([...BASE, fetched('f')])
      await store.adoptBlobs(
        ['s1', 's2', 's3'].map((name) => ({ sha256: sha256Of(name), size: 1 })),
        70,
      )
      expect(await store.condemnUnreferenced(LATER, 2)).toEqual(sorted('s1', 's2', 's3').slice(0, 2))
      expect((await store.condemnUnreferenced(LATER, 9)).toSorted()).toEqual(sorted('s1', 's2', 's3'))
      for (const sha256 of sorted('s1', 's2', 's3')) expect(await store.forgetBlob(sha256)).toBe(true)
      expect(await store.forgetBlob(sha256Of('s1'))).toBe(false)
      expect(await store.forgetBlob(sha256Of('f'))).toBe(false)
      expect(await names()).toEqual([sha256Of('f')])
    })

    it('looks at all of many blobs', async () => {
      const { store } = under
      const strays = Array.from({ length: 1_300 }, (_, index) => ({ sha256: sha256Of(`s${index}`), size: 1 }))
      await store.commit([...BASE, ...Array.from({ length: 600 }, (_, index) => fetched(`f${index}`))])
      await store.adoptBlobs(strays, 70)
      expect(await store.condemnUnreferenced(LATER, 5_000)).toHaveLength(1_300)
      expect(await store.condemnCached(59_900, 71)).toHaveLength(599)
    })

    it.each<[string, readonly Change[], readonly Change[]]>([
      ['a deleted repository', [fetched('gone')], [{ change: 'delete-repository', domain: DOMAIN, repository: MAIN }]],
      [
        'a side-car of a deleted repository',
        [published('p', { sideCar: { sha256: sha256Of('gone'), size: 1 } })],
        [{ change: 'delete-repository', domain: DOMAIN, repository: MAIN }],
      ],
      ['a replaced index', [putIndex('x', 'gone')], [putIndex('x', 'next', { checkedAt: NOW })]],
      ['a replaced side-car', [sideCar('f', 'gone')], [sideCar('f', 'next')]],
      [
        'a connection made anew',
        [connection(NPMJS), putIndex('x', 'gone'), { change: 'delete-connection', connection: NPMJS }],
        [connection(NPMJS)],
      ],
    ])('counts losing the last reference as a use: %s', async (_, referring, releasing) => {
      const { store } = under
      await store.commit([...BASE, ...referring])
      await store.commit(releasing)
      expect(await store.condemnUnreferenced(NOW, 10)).not.toContain(sha256Of('gone'))
      expect(await store.condemnUnreferenced(NOW + 1, 10)).toContain(sha256Of('gone'))
    })

    it('spares a condemned blob that a commit refers to again', async () => {
      const { store } = under
      await store.commit(BASE)
      await store.adoptBlobs([{ sha256: sha256Of('f'), size: 100 }], 70)
      expect(await store.condemnUnreferenced(LATER, 10)).toEqual([sha256Of('f')])
      await store.commit([fetched('f', 80)])
      expect(await store.forgetBlob(sha256Of('f'))).toBe(false)
      expect(await names()).toEqual([sha256Of('f')])
    })

    it.each<[string, Change]>([
      ['create-asset', published('blob')],
      ['create-asset’s side-car', published('p', { sideCar: { sha256: sha256Of('blob'), size: 1 } })],
      ['retain-asset', fetched('blob')],
      ['put-index', putIndex('x', 'blob')],
      ['put-side-car', sideCar('f', 'blob')],
    ])('never loses a blob to a race with %s', async (_, referring) => {
      const { store } = under
      await store.commit(BASE)
      await store.adoptBlobs([{ sha256: sha256Of('blob'), size: 1 }], 70)
      await store.condemnUnreferenced(LATER, 10)
      const [forgotten] = await Promise.all([store.forgetBlob(sha256Of('blob')), store.commit([referring])])
      // Whoever came first: the ledger has it, and it is not condemned.
      expect(await names()).toContain(sha256Of('blob'))
      expect(await store.forgetBlob(sha256Of('blob'))).toBe(false)
      expect(typeof forgotten).toBe('boolean')
    })
  })

  describe('making room', () => {
    it('forgets the least recently used of what is cached, as much as is needed', async () => {
      const { store } = under
      await store.commit([
        ...BASE,
        published('p', { createdAt: 1 }),
        fetched('old', 10),
        fetched('mid', 20),
        fetched('new', 30),
      ])
      expect(await store.condemnCached(101, LATER)).toEqual([sha256Of('old'), sha256Of('mid')])
      expect(await heldFiles()).toEqual(['new'])
      expect(await store.listVersions(DOMAIN, [MAIN], 'npm', 'x' as PackageKey)).toHaveLength(1)
      expect(await store.forgetBlob(sha256Of('old'))).toBe(true)
      expect(await store.condemnCached(1_000, 30)).toEqual([sha256Of('mid')])
      expect(await store.condemnCached(0, LATER)).toEqual([])
      expect(await names()).toEqual(sorted('p', 'new'))
    })

    it('forgets an index whole, and its revision never comes again', async () => {
      const { store } = under
      const of = { domain: DOMAIN, format: 'npm', key: 'x' as PackageKey, index: NPMJS } as const
      await store.commit([...BASE, putIndex('x', 'one'), putIndex('x', 'two')])
      await store.condemnUnreferenced(LATER, 10)
      expect(await store.condemnCached(1_000, LATER)).toContain(sha256Of('two'))
      expect(await store.findIndex(NPMJS, 'npm', of.key)).toBeUndefined()
      expect(await store.readRevision(of)).toMatchObject({ index: null })
      await store.commit([
        {
          change: 'touch-index',
          connection: NPMJS,
          format: 'npm',
          key: of.key,
          checkedAt: 1,
          freshUntil: 99,
          etag: 'e',
        },
      ])
      expect(await store.findIndex(NPMJS, 'npm', of.key)).toBeUndefined()
      await store.commit([putIndex('x', 'three')])
      expect(await store.readRevision(of)).toMatchObject({ index: { revision: 3 } })
    })

    it('forgets a file whose side-car goes, and a side-car by itself', async () => {
      const { store } = under
      await store.commit([
        ...BASE,
        fetched('f', 11, { sideCar: { sha256: sha256Of('meta'), size: 3 } }),
        sideCar('g', 'g.meta'),
      ])
      await store.touchBlobs([{ sha256: sha256Of('f'), at: LATER }])
      expect(await store.condemnCached(4, LATER)).toEqual([sha256Of('meta'), sha256Of('g.meta')])
      expect(await heldFiles()).toEqual([])
      expect(await store.findSideCar(NPMJS, 'npm', 'x' as PackageKey, 'g')).toBeUndefined()
    })

    it('never touches what was published here, also where a cached file has the same bytes', async () => {
      const { store } = under
      const same = { sha256: sha256Of('same') }
      await store.commit([
        ...BASE,
        published('p', { digests: same }),
        published('q', { sideCar: { ...same, size: 100 } }),
        fetched('f', 11, { digests: same }),
      ])
      expect(await store.condemnCached(1_000, LATER)).toEqual([])
      expect(await store.condemnDamaged([same.sha256, sha256Of('q')])).toEqual([])
      expect(await heldFiles()).toEqual(['f'])
      expect(await store.listVersions(DOMAIN, [MAIN], 'npm', at('a').key)).toMatchObject([
        { assets: [{ file: 'p' }, { file: 'q' }] },
      ])
    })

    it('condemns damaged blobs however lately they were used', async () => {
      const { store } = under
      await store.commit([...BASE, fetched('f', LATER), fetched('g', LATER), published('p')])
      expect(await store.condemnDamaged([sha256Of('f'), sha256Of('p'), 'unknown'])).toEqual([sha256Of('f')])
      expect(await heldFiles()).toEqual(['g'])
      expect(await store.condemnDamaged([])).toEqual([])
    })

    it('does not take a blob that is published at the same moment', async () => {
      const { store } = under
      for (let round = 0; round < 10; round++) {
        const file = `f${round}`
        await store.commit(round === 0 ? [...BASE, fetched(file)] : [fetched(file)])
        await Promise.all([store.condemnCached(1, LATER), store.commit([published(file, { createdAt: LATER })])])
        expect(await store.forgetBlob(sha256Of(file))).toBe(false)
        expect(await names()).toContain(sha256Of(file))
      }
    })
  })
}
