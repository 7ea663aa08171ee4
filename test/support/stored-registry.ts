import type { Change } from '../../src/registry/changes.ts'
import type { Asset, Instant, Origin } from '../../src/registry/model.ts'
import {
  type AccountId,
  type ConnectionName,
  packageName,
  parseAccountId,
  parseConnectionName,
  parseDomainName,
  parseRepositoryName,
} from '../../src/registry/names.ts'
import { packFacts } from '../../src/registry/packed-facts.ts'
import type { BlobStore } from '../../src/registry/blob-store.ts'
import { openSqlite, type SqliteStore } from '../../src/storage/sql/sqlite.ts'

const ACCOUNT: AccountId = parseAccountId('000000000000')
const DOMAIN = parseDomainName('local')
const CONNECTION: ConnectionName = parseConnectionName('public:npmjs')
const HOUR = 3_600_000

/** A clock that stands still until it is told to go on. */
export type SetClock = { now(): Instant; passHours(hours: number): void }

export function setClock(): SetClock {
  let now = Date.now()
  return { now: () => now, passHours: (hours) => void (now += hours * HOUR) }
}

/** A metadata store and blobs with a domain in them, and short words for what fills them: no formats, no HTTP. */
export type StoredRegistry = AsyncDisposable & {
  readonly store: SqliteStore
  readonly blobs: BlobStore
  readonly clock: SetClock
  /** Publishes a one-file package in a repository of its own name; returns the file's sha256. */
  publish(name: string, content: string): Promise<string>
  /** Deletes the repository that `publish` made, and so the package. */
  unpublish(name: string): Promise<void>
  /** Keeps a file as one that was fetched from upstream. */
  retain(name: string, content: string): Promise<string>
  /** Keeps an index document as what the upstream said. */
  cacheIndex(name: string, content: string): Promise<string>
  /** Lands bytes that nothing refers to. */
  land(content: string): Promise<string>
  content(sha256: string): Promise<string | undefined>
}

export async function storedRegistry(blobs: BlobStore, clock: SetClock, path = ':memory:'): Promise<StoredRegistry> {
  const store = await openSqlite(path, { clock })
  await store.commit([
    { change: 'create-account', account: { id: ACCOUNT, createdAt: clock.now() } },
    { change: 'create-domain', domain: { name: DOMAIN, owner: ACCOUNT, createdAt: clock.now(), reserved: [] } },
  ])
  const landed = async (content: string) => {
    await using pending = await blobs.begin()
    await pending.write(Buffer.from(content))
    return pending.commit().then(({ digests, size }) => ({ sha256: digests.sha256, size }))
  }
  const keep = async (name: string, content: string, origin: Origin) => {
    const blob = await landed(content)
    await store.commit(keepFile(name, origin, blob, clock.now()))
    return blob.sha256
  }
  return {
    store,
    blobs,
    clock,
    publish: (name, content) => keep(name, content, 'INTERNAL'),
    retain: (name, content) => keep(name, content, 'EXTERNAL'),
    unpublish: (name) =>
      store.commit([{ change: 'delete-repository', domain: DOMAIN, repository: parseRepositoryName(name) }]),
    async cacheIndex(name, content) {
      const document = await landed(content)
      const { key } = packageName('npm', null, name)
      const times = { checkedAt: clock.now(), freshUntil: clock.now() + HOUR }
      const index = {
        connection: CONNECTION,
        format: 'npm',
        key,
        document,
        etag: '"1"',
        lastModified: null,
        ...times,
      } as const
      const facts = packFacts({ versions: [], files: [], serial: null })
      await store.commit([{ change: 'put-index', index: { ...index, state: 'present' }, facts }])
      return document.sha256
    },
    land: async (content) => (await landed(content)).sha256,
    async content(sha256) {
      await using blob = await blobs.open(sha256)
      if (!blob) return undefined
      const into = Buffer.alloc(blob.size)
      await blob.read(into, 0)
      return into.toString()
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

function keepFile(
  name: string,
  origin: Origin,
  blob: { sha256: string; size: number },
  now: Instant,
): readonly Change[] {
  const repository = parseRepositoryName(name)
  const { format, key } = packageName('npm', null, name)
  const at = { domain: DOMAIN, repository, format, key }
  const version = {
    ...at,
    version: '1.0.0',
    status: 'Published',
    revision: blob.sha256.slice(0, 16),
    origin,
    entryPoint: origin === 'INTERNAL' ? name : CONNECTION,
    createdAt: now,
    publishedAt: now,
    license: null,
    metadata: null,
  } as const
  const digests = { sha256: blob.sha256 }
  const asset: Asset = {
    file: `${name}-1.0.0.tgz`,
    size: blob.size,
    digests,
    createdAt: now,
    path: null,
    sideCar: null,
    metadata: null,
  }
  const made = {
    domain: DOMAIN,
    name: repository,
    administrator: ACCOUNT,
    description: null,
    createdAt: now,
    upstreams: [],
    connections: [],
  }
  return [
    { change: 'create-repository', repository: made },
    { change: 'ensure-package', at, origin: { publish: 'ALLOW', upstream: 'ALLOW' } },
    { change: origin === 'INTERNAL' ? 'create-version' : 'retain-version', version },
    { change: origin === 'INTERNAL' ? 'create-asset' : 'retain-asset', at: { ...at, version: '1.0.0' }, asset },
  ]
}
