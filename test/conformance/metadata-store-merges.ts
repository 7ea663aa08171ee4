import { describe, expect, it } from 'vitest'
import type { Change, PackageAt } from '../../src/registry/changes.ts'
import type { MergeMode } from '../../src/registry/model.ts'
import type { ConnectionName } from '../../src/registry/names.ts'
import type { StoreUnderTest } from './metadata-store.ts'
import {
  asset,
  at,
  DOMAIN,
  expectRefused,
  GROUND,
  MAIN,
  NPMJS,
  ODD_NAMES,
  OTHER,
  pack,
  retained,
  retainedAsset,
  version,
} from './metadata-store-things.ts'

const put = (where: PackageAt, mode: MergeMode): Change => ({ change: 'put-merge', setting: { ...where, mode } })
const note = (where: PackageAt, file: string, digest = 'sha256:ab'): Change => ({
  change: 'note-merge-conflict',
  at: where,
  file,
  digest,
})

export function mergesSuite(under: StoreUnderTest): void {
  describe('names whose sources are merged', () => {
    const counters = async () => {
      const read = await under.store.readRevision({ domain: DOMAIN, format: 'npm', key: at('a').key, index: null })
      return { topology: read.topology, package: read.package }
    }

    it('keep what each repository said last, and move the topology', async () => {
      const { store } = under
      await store.commit(GROUND)
      const before = await counters()
      await store.commit([put(at('a'), 'all')])
      await store.commit([
        put(at('a'), 'extra-wheels'),
        put(at('a', OTHER), 'never'),
        ...ODD_NAMES.map((name) => put(at(name), 'all')),
      ])
      expect(await counters()).toEqual({ topology: before.topology + 2, package: before.package })
      const said = await store.listMerges(DOMAIN)
      expect(said).toHaveLength(2 + ODD_NAMES.length)
      expect(said).toContainEqual({ ...at('a'), mode: 'extra-wheels' })
      expect(said).toContainEqual({ ...at('a', OTHER), mode: 'never' })
      for (const name of ODD_NAMES) expect(said).toContainEqual({ ...at(name), mode: 'all' })
    })

    it('go with their repository, which has to be there', async () => {
      const { store } = under
      await expectRefused(store.commit([put(at('a'), 'all')]), 'not_found')
      await store.commit([...GROUND, put(at('a'), 'all'), note(at('a'), 'f'), put(at('a', OTHER), 'all')])
      await store.commit([{ change: 'delete-repository', domain: DOMAIN, repository: MAIN }])
      expect(await store.listMerges(DOMAIN)).toEqual([{ ...at('a', OTHER), mode: 'all' }])
      expect(await store.listMergeConflicts(at('a'))).toEqual([])
    })

    it('note each file and digest that gives way once, whoever comes second', async () => {
      const { store } = under
      await store.commit([...GROUND, put(at('a'), 'all'), put(at('b'), 'all')])
      const before = await counters()
      await store.commit([note(at('a'), 'f'), note(at('a'), 'f', 'sha256:cd'), note(at('b'), 'f')])
      await expectRefused(store.commit([note(at('a'), 'g'), note(at('a'), 'f')]), 'conflict')
      await expectRefused(store.commit([note(at('c'), 'f')]), 'not_found')
      const noted = await store.listMergeConflicts(at('a'))
      expect(noted.toSorted((a, b) => (a.digest < b.digest ? -1 : 1))).toEqual([
        { file: 'f', digest: 'sha256:ab' },
        { file: 'f', digest: 'sha256:cd' },
      ])
      expect(await counters()).toEqual(before)
    })

    it('have files of several connections in one version', async () => {
      const { store } = under
      const other = 'x:other' as ConnectionName
      await store.commit([
        ...GROUND,
        pack('a'),
        retained('a', '1.0.0'),
        retainedAsset('a', '1.0.0', 'plain.whl'),
        retainedAsset('a', '1.0.0', 'mixed.whl', { entryPoint: other }),
        pack('a', OTHER),
        version('a', '1.0.0', { repository: OTHER }),
        { ...asset('a', '1.0.0', 'mixed.whl'), at: { ...at('a', OTHER), version: '1.0.0' } } as Change,
      ])
      const find = async (file: string, from?: ConnectionName) => {
        const found = await store.findAsset(DOMAIN, [OTHER, MAIN], 'npm', at('a').key, file, from)
        return found && [found.version.origin, found.asset.entryPoint]
      }
      expect(await find('mixed.whl')).toEqual(['INTERNAL', undefined])
      expect(await find('mixed.whl', other)).toEqual(['EXTERNAL', other])
      expect(await find('mixed.whl', NPMJS)).toBeUndefined()
      expect(await find('plain.whl', NPMJS)).toEqual(['EXTERNAL', undefined])
      const keptOf = async (connection: ConnectionName) =>
        (await store.listRetained(connection, 'npm', at('a').key)).flatMap((one) =>
          one.version.assets.map(({ file }) => file),
        )
      expect([await keptOf(NPMJS), await keptOf(other)]).toEqual([['plain.whl'], ['mixed.whl']])
    })
  })
}
