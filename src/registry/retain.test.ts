import { expect, it } from 'vitest'
import { packageName, parseAccountId, parseConnectionName, parseDomainName, parseRepositoryName } from './names.ts'
import { planRetention, type Retention } from './retain.ts'
import { UNLIMITED, ANONYMOUS } from './model.ts'

const domain = { name: parseDomainName('acme'), owner: parseAccountId('111122223333'), createdAt: 0, reserved: [] }
const repository = {
  domain: domain.name,
  name: parseRepositoryName('npm-store'),
  administrator: domain.owner,
  description: null,
  createdAt: 0,
  upstreams: [],
  connections: [parseConnectionName('public:npmjs')],
}
const name = packageName('npm', null, 'left-pad')
const retention: Retention = {
  scope: {
    caller: ANONYMOUS,
    view: { counter: 1, domain, repositories: new Map(), connections: new Map(), rules: [] },
    domain,
    repository,
    packageCounter: null,
  },
  name,
  metadata: null,
  file: {
    file: 'left-pad-1.0.0.tgz',
    version: '1.0.0',
    url: 'https://files.example/left-pad-1.0.0.tgz',
    path: null,
    digests: { sha512: 'ff' },
    size: null,
    publishedAt: 7,
    sideCar: null,
  },
  facts: { format: 'npm', key: 'left-pad', version: '1.0.0', publishedAt: 7, license: 'MIT', origin: 'EXTERNAL' },
  connection: {
    name: parseConnectionName('public:npmjs'),
    format: 'npm',
    url: 'https://registry.example/',
    fileOrigins: [],
    credentials: null,
    builtIn: true,
    ...UNLIMITED,
  },
  keeper: repository,
  evenIfOwned: false,
  landed: { size: 3, digests: { sha256: 'aa' } },
}

it('keeps a file that was fetched, as its upstream\u2019s, and tells of the version that is new here', () => {
  const changes = planRetention(retention, repository, undefined, { now: 9, id: () => 'id' })
  expect(changes.map(({ change }) => change)).toEqual([
    'ingest-name',
    'ensure-package',
    'retain-version',
    'retain-asset',
    'announce',
  ])
  expect(changes[1]).toMatchObject({ origin: { publish: 'BLOCK', upstream: 'ALLOW' } })
  expect(changes[2]).toMatchObject({ version: { origin: 'EXTERNAL', entryPoint: 'public:npmjs', publishedAt: 7 } })
  // What the index declared and what was computed, together: the file keeps the ETag that it had while it arrived.
  expect(changes[3]).toMatchObject({ asset: { digests: { sha512: 'ff', sha256: 'aa' }, size: 3 } })
  expect(changes[4]).toMatchObject({ event: { detail: { operationType: 'Created' } } })
})

it('adds a further file to a version that is here', () => {
  const first = planRetention(retention, repository, undefined, { now: 9, id: () => 'id' })[2]
  if (first?.change !== 'retain-version') throw new Error('no version')
  const changes = planRetention(retention, repository, { ...first.version, assets: [] }, { now: 9, id: () => 'id' })
  expect(changes.map(({ change }) => change)).toEqual(['ingest-name', 'ensure-package', 'retain-asset', 'announce'])
  expect(changes.at(-1)).toMatchObject({ event: { detail: { operationType: 'Updated', changes: { assetsAdded: 1 } } } })
})
