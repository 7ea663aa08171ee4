import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SqlStore } from '../../src/storage/sql/store.ts'
import { blobsSuite } from './metadata-store-blobs.ts'
import { deliveriesSuite } from './metadata-store-deliveries.ts'
import { eventsSuite } from './metadata-store-events.ts'
import { identitiesSuite } from './metadata-store-identities.ts'
import { indexesSuite } from './metadata-store-indexes.ts'
import { mergesSuite } from './metadata-store-merges.ts'
import { packagesSuite } from './metadata-store-packages.ts'
import { portableSuite } from './metadata-store-portable.ts'
import {
  account,
  announce,
  at,
  DOMAIN,
  GROUND,
  NOW,
  pack,
  expectRefused,
  version,
  type OpenedStore,
  type OpenStore,
} from './metadata-store-things.ts'
import { topologySuite } from './metadata-store-topology.ts'
import { webhooksSuite } from './metadata-store-webhooks.ts'

/** What a suite works on: a new and empty store for each test. */
export type StoreUnderTest = {
  readonly store: SqlStore
  readonly again: OpenedStore['again']
  readonly open: OpenStore
}

/** What every metadata store keeps, whatever database is below it. */
export function metadataStoreConformance(name: string, open: OpenStore): void {
  describe(`metadata store: ${name}`, () => {
    let opened: OpenedStore
    beforeEach(async () => {
      opened = await open({ clock: { now: () => NOW } })
    })
    afterEach(() => opened[Symbol.asyncDispose]())

    const under: StoreUnderTest = {
      get store() {
        return opened.store
      },
      get again() {
        return opened.again
      },
      open,
    }
    commitSuite(under)
    identitiesSuite(under)
    topologySuite(under)
    packagesSuite(under)
    mergesSuite(under)
    indexesSuite(under)
    blobsSuite(under)
    eventsSuite(under)
    webhooksSuite(under)
    deliveriesSuite(under)
    portableSuite(under)
  })
}

function commitSuite(under: StoreUnderTest): void {
  describe('commit', () => {
    it('answers a ping and takes an empty list', async () => {
      await under.store.ping()
      await under.store.commit([])
      expect(await under.store.listAccounts()).toEqual([])
    })

    it('leaves nothing of a commit whose last change is refused, counters and events included', async () => {
      await under.store.commit(GROUND)
      const of = { domain: DOMAIN, format: 'npm', key: at('a').key, index: null } as const
      const before = await under.store.readRevision(of)
      await expectRefused(
        under.store.commit([
          account('444455556666'),
          pack('a'),
          version('a', '1.0.0'),
          announce('e1'),
          { change: 'delete-tag', at: at('a'), tag: 'none' },
        ]),
        'not_found',
      )
      expect(await under.store.readRevision(of)).toEqual(before)
      expect(await under.store.listAccounts()).toHaveLength(1)
      expect(await under.store.findPackages(DOMAIN, 'npm', at('a').key)).toEqual([])
      expect((await under.store.listEvents({ limit: 10 })).items).toEqual([])
      await under.store.commit([announce('e1')])
      expect((await under.store.listEvents({ limit: 10 })).items).toMatchObject([{ id: 'e1', sequence: 1 }])
    })

    it('sees in a change what the changes before it did', async () => {
      await under.store.commit([
        ...GROUND,
        pack('a'),
        version('a', '1.0.0'),
        { change: 'put-tag', at: at('a'), tag: 'latest', version: '1.0.0' },
      ])
      expect(await under.store.listTags(DOMAIN, [at('a').repository], 'npm', at('a').key)).toHaveLength(1)
    })

    it('refuses U+0000 in text, which not every database can keep', async () => {
      await expectRefused(under.store.commit([{ change: 'create-setting', key: 'a\0b', value: '' }]), 'invalid')
      await expectRefused(under.store.findSetting('a\0b'), 'invalid')
    })
  })
}
