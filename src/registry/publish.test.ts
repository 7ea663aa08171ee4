import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  assembleRegistry,
  DOMAIN,
  npmPackage,
  pypiPackage,
  type AssembledRegistry,
} from '../../test/support/assembled-registry.ts'
import type { Change } from './changes.ts'
import type { PackageVersion } from './model.ts'
import { packageName, parseAccountId, parseDomainName, parseRepositoryName } from './names.ts'
import type { PendingBlob } from './blob-store.ts'
import { planPublish, type PublishRequest, type PublishState } from './publish.ts'
import type { Scope } from './scope.ts'

const domain = { name: parseDomainName('acme'), owner: parseAccountId('111122223333'), createdAt: 0, reserved: [] }
const repository = {
  domain: domain.name,
  name: parseRepositoryName('main'),
  administrator: domain.owner,
  description: null,
  createdAt: 0,
  upstreams: [],
  connections: [],
}
const scope: Scope = {
  packageCounter: null,
  caller: {
    kind: 'user',
    account: domain.owner,
    userName: 'ann',
    userId: 'AIDA0000000000000001',
    arn: 'arn:aws:iam::111122223333:user/ann',
    domain: null,
    credential: 'AKIA0000000000000001',
  },
  view: {
    counter: 1,
    domain,
    repositories: new Map([[repository.name, repository]]),
    connections: new Map(),
    rules: [],
  },
  domain,
  repository,
}
const hello = packageName('npm', 'acme', 'hello')

const asset = (sha256: string, file = 'hello-1.0.0.tgz') => ({
  file,
  size: 10,
  digests: { sha256 },
  path: null,
  sideCar: null,
  metadata: null,
})

const request = (over: Partial<PublishRequest> & { sha256?: string; fileName?: string } = {}): PublishRequest => ({
  name: hello,
  version: '1.0.0',
  file: { asset: asset(over.sha256 ?? 'aa', over.fileName), blob: {} as PendingBlob },
  metadata: '{}',
  license: 'MIT',
  tags: ['next'],
  firstTag: 'latest',
  mayAddFiles: false,
  conflictMessage: 'taken',
  ...over,
})

const held = (over: Partial<PackageVersion> = {}): PackageVersion => ({
  domain: domain.name,
  repository: repository.name,
  format: 'npm',
  key: hello.key,
  version: '1.0.0',
  status: 'Published',
  revision: 'r0',
  origin: 'INTERNAL',
  entryPoint: 'main',
  createdAt: 0,
  publishedAt: 0,
  license: null,
  metadata: null,
  assets: [{ ...asset('aa'), createdAt: 0 }],
  ...over,
})

const state = (over: Partial<PublishState> & { owned?: boolean; ingested?: boolean } = {}): PublishState => ({
  origin: {
    name: hello,
    domain,
    record:
      over.owned || over.ingested
        ? {
            domain: domain.name,
            format: 'npm',
            key: hello.key,
            owned: over.owned ?? false,
            ingested: over.ingested ?? false,
          }
        : undefined,
    packages: [],
  },
  versions: [],
  offeredUpstream: false,
  ...over,
})

let serial = 0
const plan = (asked: PublishRequest, known: PublishState) =>
  planPublish(scope, asked, known, { now: 5, id: () => `id-${++serial}` })
const kinds = (changes: readonly Change[]) => changes.map(({ change }) => change)

describe('planning a publish', () => {
  it('makes the name the domain\u2019s, the version, its file, its tags, and tells of it, in one list', () => {
    const { outcome, changes } = plan(request(), state())
    expect(outcome).toBe('created')
    expect(kinds(changes)).toEqual([
      'own-name',
      'ensure-package',
      'create-version',
      'create-asset',
      'put-tag',
      'ensure-tag',
      'announce',
    ])
    expect(changes.at(-1)).toMatchObject({
      event: {
        actor: 'arn:aws:iam::111122223333:user/ann',
        detail: { packageNamespace: 'acme', packageName: 'hello', packageVersion: '1.0.0', operationType: 'Created' },
      },
    })
  })

  it('does nothing where the same bytes are there already', () => {
    expect(plan(request(), state({ owned: true, versions: [held()] }))).toEqual({ outcome: 'unchanged', changes: [] })
  })

  it('adds a file to a version that may grow, bound to the revision that it saw', () => {
    const { outcome, changes } = plan(
      request({ mayAddFiles: true, sha256: 'bb', fileName: 'hello-1.0.0.tar.gz' }),
      state({ owned: true, versions: [held()] }),
    )
    expect(outcome).toBe('added')
    expect(kinds(changes)).toContain('set-version')
    expect(changes.find(({ change }) => change === 'set-version')).toMatchObject({ was: 'r0' })
  })

  it.each([
    [
      'other bytes under the same file name',
      request({ sha256: 'bb' }),
      state({ owned: true, versions: [held()] }),
      'conflict',
    ],
    [
      'another file where a version is published whole',
      request({ fileName: 'x.tgz' }),
      state({ owned: true, versions: [held()] }),
      'conflict',
    ],
    [
      'other bytes where files may be added',
      request({ sha256: 'bb', mayAddFiles: true }),
      state({ owned: true, versions: [held()] }),
      'conflict',
    ],
    [
      'a version that was deleted',
      request(),
      state({ owned: true, versions: [held({ status: 'Deleted', assets: [] })] }),
      'conflict',
    ],
    [
      'a version that is archived',
      request({ mayAddFiles: true, fileName: 'x' }),
      state({ owned: true, versions: [held({ status: 'Archived' })] }),
      'conflict',
    ],
    ['a version that upstream has', request(), state({ offeredUpstream: true }), 'conflict'],
    ['a name that came from upstream', request(), state({ ingested: true }), 'forbidden'],
    [
      'the same bytes as an archived version',
      request(),
      state({ owned: true, versions: [held({ status: 'Archived' })] }),
      'conflict',
    ],
  ])('refuses %s', (_, asked, known, code) => {
    expect(() => plan(asked, known)).toThrowError(expect.objectContaining({ code }))
  })

  it('lets the commit refuse a name that arrives from upstream at the same moment, unless a person allowed both', () => {
    const claim = (known: PublishState) => plan(request(), known).changes[0]
    expect(claim(state())).toMatchObject({ change: 'own-name', evenIfIngested: false })
    const allowed = {
      ...held(),
      origin: { publish: 'ALLOW' as const, upstream: 'ALLOW' as const },
      originIsExplicit: true,
    }
    const known = state({ ingested: true })
    expect(claim({ ...known, origin: { ...known.origin, packages: [allowed] } })).toMatchObject({
      evenIfIngested: true,
    })
  })
})

describe('publishes at the same moment', () => {
  let registry: AssembledRegistry
  beforeEach(async () => {
    registry = await assembleRegistry({
      // Nothing listens there, and nobody asks.
      connections: { 'npm:public': 'http://127.0.0.1:9/' },
      repositories: { main: { connections: ['npm:public'] } },
    })
  })
  afterEach(() => registry[Symbol.asyncDispose]())

  const settle = async (work: readonly Promise<{ readonly outcome: string }>[]) => {
    const settled = await Promise.allSettled(work)
    return settled.map((one) =>
      one.status === 'fulfilled' ? one.value.outcome : (one.reason as { code?: string }).code,
    )
  }
  const many = (count: number) => Array.from({ length: count }, (_, at) => at)
  const events = async () => (await registry.store.listEvents({ limit: 1000 })).items
  const storedOf = (name: ReturnType<typeof npmPackage>) =>
    registry.store.listVersions(DOMAIN, [parseRepositoryName('main')], name.format, name.key)

  it('of other bytes: one is published, and tells of itself once', async () => {
    const told = await settle(
      many(20).map((at) =>
        registry.publish('main', npmPackage('hello'), '1.0.0', `bytes ${at}`, { mayAddFiles: false }),
      ),
    )
    expect(told.toSorted()).toEqual([...many(19).map(() => 'conflict'), 'created'])
    const [version, ...more] = await storedOf(npmPackage('hello'))
    expect([version?.assets.length, more.length]).toEqual([1, 0])
    expect(await events()).toHaveLength(1)
  })

  it('of the same bytes: all are right, one wrote', async () => {
    const told = await settle(many(20).map(() => registry.publish('main', npmPackage('hello'), '1.0.0', 'bytes')))
    expect(told.toSorted()).toEqual(['created', ...many(19).map(() => 'unchanged')])
    expect(await events()).toHaveLength(1)
  })

  it('of files of one version: each is added', async () => {
    const demo = pypiPackage('demo')
    const told = await settle(
      many(30).map((at) =>
        registry.publish('main', demo, '1.0', `wheel ${at}`, { file: `demo-1.0-${at}-py3-none-any.whl`, tags: [] }),
      ),
    )
    expect(told.toSorted()).toEqual([...many(29).map(() => 'added'), 'created'])
    expect((await storedOf(demo))[0]?.assets).toHaveLength(30)
    expect(await events()).toHaveLength(30)
  })

  it('that are refused leave bytes that nothing refers to, for the collector', async () => {
    await registry.publish('main', npmPackage('hello'), '1.0.0', 'first')
    await settle([registry.publish('main', npmPackage('hello'), '1.0.0', 'second')])
    const stored: string[] = []
    for await (const { sha256 } of registry.blobs.list()) stored.push(sha256)
    // The plan was refused before the bytes landed.
    expect(stored).toHaveLength(1)
  })

  it('and an arrival from upstream: whoever is first has the name', async () => {
    const name = npmPackage('hello')
    const ingest = { change: 'ingest-name', domain: DOMAIN, format: 'npm', key: name.key, evenIfOwned: false } as const
    const told = await settle([
      registry.publish('main', name, '1.0.0', 'ours'),
      registry.commit(ingest).then(() => ({ outcome: 'ingested' })),
    ])
    const record = await registry.store.findName(DOMAIN, 'npm', name.key)
    expect([record?.owned, record?.ingested].filter(Boolean)).toHaveLength(1)
    expect(told).toEqual(record?.owned ? ['created', 'conflict'] : ['forbidden', 'ingested'])
  })
})
