import { describe, expect, it } from 'vitest'
import type { Change } from '../../src/registry/changes.ts'
import type { DomainName } from '../../src/registry/names.ts'
import type { ExportedRow } from '../../src/storage/sql/portable.ts'
import { TABLES } from '../../src/storage/sql/schema.ts'
import type { StoreUnderTest } from './metadata-store.ts'
import {
  ACCOUNT,
  announce,
  asset,
  at,
  connection,
  DOMAIN,
  GROUND,
  MAIN,
  NOW,
  NPMJS,
  ODD_NAMES,
  OTHER,
  pack,
  putIndex,
  expectRefused,
  fanOut,
  repository,
  resourcePolicy,
  retained,
  retainedAsset,
  role,
  rolePolicy,
  user,
  version,
  webhook,
} from './metadata-store-things.ts'

/** Something in every table. */
const EVERYTHING: readonly Change[] = [
  ...GROUND,
  connection(NPMJS),
  // Made before what it draws from by name, so that order matters when it is put back.
  repository('all', { upstreams: [MAIN, OTHER], connections: [NPMJS] }),
  user('bob'),
  { change: 'create-setting', key: '__proto__', value: 'x' },
  {
    change: 'create-signing-key',
    key: { id: 'k', algorithm: 'EdDSA', publicJwk: '{}', privateJwk: 'sealed', createdAt: 1, retiredAt: null },
  },
  { change: 'put-identity-policy', policy: { account: ACCOUNT, userName: 'bob', name: 'p', document: '{}' } },
  {
    change: 'create-access-key',
    key: { id: 'AKIA', account: ACCOUNT, userName: 'bob', userId: 'AIDA-bob', secret: 's', createdAt: 1, revokedAt: 2 },
  },
  {
    change: 'create-rule',
    rule: { id: 'r', domain: DOMAIN, repository: null, rule: { kind: 'deny-list', packages: [], reason: '' } },
  },
  ...ODD_NAMES.flatMap((name): Change[] => [
    { change: 'own-name', domain: DOMAIN, format: 'npm', key: at(name).key, evenIfIngested: false },
    pack(name),
    version(name, '1.0.0', { metadata: '{"a":"\\u0000"}' }),
    asset(name, '1.0.0', name),
    { change: 'put-tag', at: at(name), tag: 'latest', version: '1.0.0' },
    putIndex(name, name),
    announce(name),
  ]),
  { change: 'put-merge', setting: { ...at('x'), mode: 'all' } },
  { change: 'note-merge-conflict', at: at('x'), file: 'x.tgz', digest: 'sha256:ab' },
  pack('x'),
  retained('x', '1.0.0'),
  retainedAsset('x', '1.0.0', 'x.tgz', { sideCar: { sha256: 'ab', size: 1 } }),
  { change: 'put-side-car', connection: NPMJS, format: 'npm', key: at('x').key, file: 'f', sha256: 'cd', size: 2 },
  role('build'),
  rolePolicy('build', 'p'),
  resourcePolicy(MAIN),
  resourcePolicy(null),
  webhook('wh_1', { headers: 'sealed', disabled: { at: 1, reason: 'r' } }),
  webhook('wh_2'),
  fanOut(ODD_NAMES[1], ['wh_2']),
  fanOut(ODD_NAMES[0], ['wh_2']),
]

const exported = (store: StoreUnderTest['store']): Promise<ExportedRow[]> => Array.fromAsync(store.exportTables())

export function portableSuite(under: StoreUnderTest): void {
  describe('export and import', () => {
    it('puts back everything, through JSON, into an empty store', async () => {
      await under.store.commit(EVERYTHING)
      await under.store.leaseDeliveries({ webhook: 'wh_2', now: 60, until: 90, limit: 2 })
      const attempt = { at: 61, duration: 2, succeeded: false, status: null, error: 'refused', response: null }
      await under.store.commit([
        {
          change: 'record-delivery-attempt',
          attempt: { ...attempt, delivery: `${ODD_NAMES[0]}>wh_2` },
          outcome: { state: 'pending', dueAt: 99 },
          leasedUntil: 90,
        },
      ])
      await under.store.recordFailure('bob', 1, 100)
      const rows = await exported(under.store)
      expect(new Set(rows.map(({ table }) => table))).toEqual(new Set(['schema', ...Object.keys(TABLES)]))
      await using copy = await under.open({ clock: { now: () => NOW } })
      await copy.store.importTables(rows.map((row) => JSON.parse(JSON.stringify(row))))
      expect(await exported(copy.store)).toEqual(rows)
      expect(await copy.store.findIndex(NPMJS, 'npm', at('__proto__').key)).toEqual(
        await under.store.findIndex(NPMJS, 'npm', at('__proto__').key),
      )
      await copy.store.commit([announce('next')])
      expect((await copy.store.listEvents({ limit: 100 })).items.at(-1)).toMatchObject({
        id: 'next',
        sequence: ODD_NAMES.length + 1,
      })
    })

    it('shows one moment, while others write', async () => {
      await under.store.commit([...GROUND, ...Array.from({ length: 700 }, (_, index) => pack(`p${index}`))])
      const rows: ExportedRow[] = []
      for await (const row of under.store.exportTables()) {
        rows.push(row)
        if (row.table === 'accounts') await under.store.commit([pack('late'), announce('late')])
      }
      expect(rows.filter(({ table }) => table === 'packages')).toHaveLength(700)
      expect(rows.filter(({ table }) => table === 'events')).toEqual([])
      expect(await under.store.findPackages(DOMAIN, 'npm', at('late').key)).toHaveLength(1)
    })

    it('may be left before its end', async () => {
      await under.store.commit(GROUND)
      for (let round = 0; round < 15; round++) {
        for await (const row of under.store.exportTables()) if (row.table === 'accounts') break
      }
      await under.store.ping()
      expect(await exported(under.store)).not.toEqual([])
    })

    it('is refused into a store that has something', async () => {
      const rows = await exported(under.store)
      await under.store.commit([{ change: 'create-setting', key: 'k', value: 'v' }])
      await expectRefused(under.store.importTables(rows), 'conflict')
    })

    it.each<[string, (rows: readonly ExportedRow[]) => readonly ExportedRow[]]>([
      ['nothing', () => []],
      ['rows without their schema', (rows) => rows.slice(1)],
      ['another schema', (rows) => [{ table: 'schema', row: { number: 999 } }, ...rows.slice(1)]],
      ['a backup that was cut short', (rows) => rows.slice(0, -1)],
      [
        'a table that nobody knows',
        (rows) => [...rows.slice(0, -1), { table: 'pg_authid', row: { a: 1 } }, ...rows.slice(-1)],
      ],
      [
        'a column that nobody knows',
        (rows) => [rows[0]!, { table: 'settings', row: { 'key" --': 'x' } }, ...rows.slice(1)],
      ],
      [
        'a row that refers to nothing',
        (rows) => [
          ...rows.slice(0, -1),
          { table: 'domains', row: { name: 'd', owner: 'nobody', created_at: 1, reserved: '[]' } },
          ...rows.slice(-1),
        ],
      ],
    ])('refuses %s and leaves the store empty', async (_, spoil) => {
      await under.store.commit([...GROUND, announce('e')])
      const rows = spoil(await exported(under.store))
      await using copy = await under.open({ clock: { now: () => NOW } })
      await expectRefused(copy.store.importTables(rows), 'invalid')
      expect(await copy.store.listAccounts()).toEqual([])
      expect(await copy.store.findDomain(DOMAIN as DomainName)).toBeUndefined()
      await copy.store.commit(GROUND)
    })
  })
}
