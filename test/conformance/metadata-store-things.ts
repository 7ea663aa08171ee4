import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import type { Change, PackageAt, VersionAt } from '../../src/registry/changes.ts'
import type { EventDraft } from '../../src/registry/events.ts'
import {
  UNLIMITED,
  type Asset,
  type CachedIndex,
  type Connection,
  type IndexFacts,
  type PackageVersion,
  type Repository,
  type ResourcePolicy,
  type Role,
  type User,
} from '../../src/registry/model.ts'
import type {
  AccountId,
  ConnectionName,
  DomainName,
  FormatId,
  PackageKey,
  RepositoryName,
} from '../../src/registry/names.ts'
import { packFacts } from '../../src/registry/packed-facts.ts'
import type { Clock } from '../../src/registry/ports.ts'
import type { Webhook, WebhookSecret } from '../../src/registry/webhooks.ts'
import type { SqlStore } from '../../src/storage/sql/store.ts'

// What the suites of the metadata store put into it.

export type OpenedStore = AsyncDisposable & {
  readonly store: SqlStore
  /** Another process's view of the same store; null where there can be none. */
  readonly again: (() => Promise<SqlStore>) | null
}
export type OpenStore = (options: { clock: Clock }) => Promise<OpenedStore>

/** When it is for the store, where a change names no time. */
export const NOW = 1_000_000

export const ACCOUNT = '111122223333' as AccountId
export const DOMAIN = 'local' as DomainName
export const MAIN = 'main' as RepositoryName
export const OTHER = 'other' as RepositoryName
export const NPMJS = 'public:example' as ConnectionName

/** Names that break what is built on objects, quotes or ASCII. All are text like any other here. */
export const ODD_NAMES = [
  '__proto__',
  'constructor',
  "o'brien",
  'a"b',
  '50%_of',
  'naïve/пакет',
  '😀',
  'x\\y',
  '?',
  '$1',
] as const

export const account = (id: string = ACCOUNT): Change => ({
  change: 'create-account',
  account: { id: id as AccountId, createdAt: 1 },
})
export const domain = (name: string = DOMAIN): Change => ({
  change: 'create-domain',
  domain: { name: name as DomainName, owner: ACCOUNT, createdAt: 2, reserved: [] },
})
export const repositoryOf = (name: string, more: Partial<Repository> = {}): Repository => ({
  domain: DOMAIN,
  name: name as RepositoryName,
  administrator: ACCOUNT,
  description: null,
  createdAt: 3,
  upstreams: [],
  connections: [],
  ...more,
})
export const repository = (name: string, more: Partial<Repository> = {}): Change => ({
  change: 'create-repository',
  repository: repositoryOf(name, more),
})
export const connectionOf = (name: string): Connection => ({
  name: name as ConnectionName,
  format: 'npm',
  url: `https://${name}.example/`,
  fileOrigins: ['https://files.example'],
  credentials: null,
  builtIn: false,
  ...UNLIMITED,
})
export const connection = (name: string): Change => ({ change: 'create-connection', connection: connectionOf(name) })
export const userOf = (name: string, id = `AIDA-${name}`): User => ({ account: ACCOUNT, name, id, createdAt: 4 })
export const user = (name: string, id?: string): Change => ({ change: 'create-user', user: userOf(name, id) })

export const roleOf = (name: string, more: Partial<Role> = {}): Role => ({
  account: ACCOUNT,
  name,
  id: `AROA-${name}`,
  createdAt: 4,
  trust: '{ "Statement":[] }',
  trusted: { 'arn:aws:iam::111122223333:user/bob': 'AIDA-bob' },
  maxSessionSeconds: 3_600,
  sessionsValidFrom: 4,
  ...more,
})
export const role = (name: string, more: Partial<Role> = {}): Change => ({
  change: 'create-role',
  role: roleOf(name, more),
})
export const rolePolicyOf = (roleName: string, name: string, document = '{}') => ({
  account: ACCOUNT,
  roleName,
  name,
  document,
})
export const rolePolicy = (roleName: string, name: string, document?: string): Change => ({
  change: 'put-role-policy',
  policy: rolePolicyOf(roleName, name, document),
})
/** On a repository, or (null) on the domain. */
export const resourcePolicyOf = (on: string | null, more: Partial<ResourcePolicy> = {}): ResourcePolicy => ({
  domain: DOMAIN,
  repository: on as RepositoryName | null,
  document: '{ "Statement":[] }',
  principals: { 'arn:aws:iam::111122223333:role/build': 'AROA-build' },
  revision: 'r1',
  ...more,
})
export const resourcePolicy = (on: string | null, more: Partial<ResourcePolicy> = {}, was?: string): Change => ({
  change: 'put-resource-policy',
  policy: resourcePolicyOf(on, more),
  ...(was !== undefined && { was }),
})

/** An account, a domain and two repositories. */
export const GROUND: readonly Change[] = [account(), domain(), repository(MAIN), repository(OTHER)]

export const at = (key: string, repositoryName: RepositoryName = MAIN, format: FormatId = 'npm'): PackageAt => ({
  domain: DOMAIN,
  repository: repositoryName,
  format,
  key: key as PackageKey,
})
export const versionAt = (key: string, version: string, repositoryName: RepositoryName = MAIN): VersionAt => ({
  ...at(key, repositoryName),
  version,
})
export const pack = (key: string, repositoryName: RepositoryName = MAIN): Change => ({
  change: 'ensure-package',
  at: at(key, repositoryName),
  origin: { publish: 'ALLOW', upstream: 'BLOCK' },
})
export const versionOf = (
  key: string,
  version: string,
  more: Partial<PackageVersion> = {},
): Omit<PackageVersion, 'assets'> => ({
  ...at(key),
  version,
  status: 'Published',
  revision: 'r1',
  origin: 'INTERNAL',
  entryPoint: MAIN,
  createdAt: 10,
  publishedAt: 9,
  license: 'MIT',
  metadata: null,
  ...more,
})
export const version = (key: string, number: string, more: Partial<PackageVersion> = {}): Change => ({
  change: 'create-version',
  version: versionOf(key, number, more),
})
export const retained = (key: string, number: string, more: Partial<PackageVersion> = {}): Change => ({
  change: 'retain-version',
  version: versionOf(key, number, { origin: 'EXTERNAL', entryPoint: NPMJS, ...more }),
})

export const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex')

/** A file whose bytes are named after it. */
export const assetOf = (file: string, more: Partial<Asset> = {}): Asset => ({
  file,
  size: 100,
  digests: { sha256: sha256Of(file) },
  createdAt: 11,
  path: null,
  sideCar: null,
  metadata: null,
  ...more,
})
export const asset = (key: string, number: string, file: string, more: Partial<Asset> = {}): Change => ({
  change: 'create-asset',
  at: versionAt(key, number),
  asset: assetOf(file, more),
})
export const retainedAsset = (key: string, number: string, file: string, more: Partial<Asset> = {}): Change => ({
  change: 'retain-asset',
  at: versionAt(key, number),
  asset: assetOf(file, more),
})

export const FACTS: IndexFacts = {
  versions: [{ version: '1.0.0', publishedAt: 5, license: 'MIT' }],
  files: [
    {
      file: 'a-1.0.0.tgz',
      version: '1.0.0',
      url: 'https://files.example/a-1.0.0.tgz',
      path: null,
      digests: { sha1: 'ab' },
      size: null,
      publishedAt: null,
      sideCar: true,
    },
  ],
  serial: 7,
}
export const PACKED_FACTS = packFacts(FACTS)
export const indexOf = (key: string, document: string | null, more: Partial<CachedIndex> = {}) => ({
  connection: NPMJS,
  format: 'npm' as const,
  key: key as PackageKey,
  state: document === null ? ('absent' as const) : ('present' as const),
  document: document === null ? null : { sha256: sha256Of(document), size: 40 },
  etag: '"e"',
  lastModified: null,
  checkedAt: 20,
  freshUntil: 30,
  ...more,
})
export const putIndex = (key: string, document: string | null, more: Partial<CachedIndex> = {}): Change => ({
  change: 'put-index',
  index: indexOf(key, document, more),
  facts: document === null ? null : PACKED_FACTS,
})

export const eventOf = (id: string, more: Partial<EventDraft> = {}): EventDraft => ({
  id,
  type: 'Something Happened',
  time: 50,
  actor: 'granary:system',
  account: ACCOUNT,
  subject: 'installation',
  detail: {},
  ...more,
})
export const announce = (id: string, more: Partial<EventDraft> = {}): Change => ({
  change: 'announce',
  event: eventOf(id, more),
})

export const secretOf = (id: string, more: Partial<WebhookSecret> = {}): WebhookSecret => ({
  id,
  secret: `sealed ${id}`,
  createdAt: 60,
  expiresAt: null,
  ...more,
})
export const webhookOf = (id: string, more: Partial<Webhook> = {}): Webhook => ({
  id,
  account: ACCOUNT,
  url: 'sealed',
  shownUrl: 'https://hooks.example/',
  headers: null,
  pattern: null,
  description: null,
  createdAt: 60,
  disabled: null,
  failingSince: null,
  secrets: [secretOf(`${id}-secret`)],
  ...more,
})
export const webhook = (id: string, more: Partial<Webhook> = {}): Change => ({
  change: 'create-webhook',
  webhook: webhookOf(id, more),
})
/** Its deliveries are named `event>webhook`. */
export const fanOut = (event: string, webhooks: readonly string[], when = 60): Change => ({
  change: 'fan-out-event',
  event,
  deliveries: webhooks.map((to) => ({ id: `${event}>${to}`, webhook: to })),
  at: when,
})

/** The RegistryError that a commit is refused with. */
export const expectRefused = (committing: Promise<unknown>, code: string) =>
  expect(committing).rejects.toMatchObject({ name: 'RegistryError', code })
