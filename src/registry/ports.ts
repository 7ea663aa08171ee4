import type { CurationRule } from '../policy/curation/rule.ts'
import type { Landed, ReadableBlob } from './blob-store.ts'
import type { Change } from './changes.ts'
import type { RemoteFiles } from './file-parts.ts'
import type { RecordedEvent } from './events.ts'
import type {
  AccessKey,
  Account,
  Asset,
  CachedIndex,
  Connection,
  Domain,
  Hex,
  IdentityPolicy,
  IndexFile,
  IndexVersion,
  Instant,
  KeptSideCar,
  NameRecord,
  Package,
  PackageVersion,
  Repository,
  ResourcePolicy,
  Role,
  RolePolicy,
  SigningKey,
  Tag,
  User,
} from './model.ts'
import type {
  AccountId,
  ConnectionName,
  DomainName,
  FormatId,
  PackageKey,
  PackageName,
  RepositoryName,
} from './names.ts'
import type { HeldFileReads } from './held-files.ts'
import type { MergeReads } from './merge-reads.ts'
import type { NameReads } from './name-reads.ts'
import type { Delivery, DeliveryAttempt, DeliveryState, Webhook } from './webhooks.ts'

// What the core asks of the world. Drivers prove themselves with the suites in test/conformance/.

export interface Clock {
  now(): Instant
}

// -------------------------------------------------------------------------------------------------- metadata

/** A page of a listing; `next` goes into `after` of the following call, null at the end. */
export type Page<T> = { readonly items: readonly T[]; readonly next: string | null }

/** Counters that decide whether an answer made earlier still holds. They only grow. */
export type Revision = {
  /** Moves with every change of accounts, identities, domains, repositories, connections, policies and rules. */
  readonly topology: number
  /** Moves with every change of what the domain publishes under the name. 0 where nothing ever did. */
  readonly package: number
  /** The cached index that was asked about: its revision and its freshness; null where there is none. */
  readonly index: { readonly revision: number; readonly freshUntil: Instant } | null
}

export interface TopologyReads extends MergeReads {
  findSetting(key: string): Promise<string | undefined>
  listAccounts(): Promise<readonly Account[]>
  findAccount(id: AccountId): Promise<Account | undefined>
  findDomain(name: DomainName): Promise<Domain | undefined>
  listDomains(): Promise<readonly Domain[]>
  findRepository(domain: DomainName, name: RepositoryName): Promise<Repository | undefined>
  /** All repositories of a domain, by name. */
  listRepositories(domain: DomainName): Promise<readonly Repository[]>
  findConnection(name: ConnectionName): Promise<Connection | undefined>
  listConnections(): Promise<readonly Connection[]>
  /** Rules of the domain, by id. */
  listRules(domain: DomainName): Promise<readonly CurationRule[]>
  /** The policies on the domain and on all its repositories, the domain's own first. */
  listResourcePolicies(domain: DomainName): Promise<readonly ResourcePolicy[]>
}

export interface IdentityReads {
  findUser(account: AccountId, name: string): Promise<User | undefined>
  listUsers(account: AccountId): Promise<readonly User[]>
  findAccessKey(id: string): Promise<AccessKey | undefined>
  listAccessKeys(account: AccountId, userName: string): Promise<readonly AccessKey[]>
  listIdentityPolicies(account: AccountId, userName: string): Promise<readonly IdentityPolicy[]>
  findRole(account: AccountId, name: string): Promise<Role | undefined>
  listRoles(account: AccountId): Promise<readonly Role[]>
  listRolePolicies(account: AccountId, roleName: string): Promise<readonly RolePolicy[]>
  /** Newest first, retired ones included. */
  listSigningKeys(): Promise<readonly SigningKey[]>
}

/** One asset with the version that holds it. */
export type FoundAsset = { readonly version: Omit<PackageVersion, 'assets'>; readonly asset: Asset }

export interface PackageReads extends HeldFileReads {
  /**
   * The counters, and one cached index's freshness, in one round trip: what a warm request costs.
   * `index` names the connection whose index the answer was made from; null asks for none.
   */
  readRevision(of: {
    domain: DomainName
    format: FormatId
    key: PackageKey
    index: ConnectionName | null
  }): Promise<Revision>
  findName(domain: DomainName, format: FormatId, key: PackageKey): Promise<NameRecord | undefined>
  findPackages(domain: DomainName, format: FormatId, key: PackageKey): Promise<readonly Package[]>
  /** Versions with their assets that these repositories hold, in any status, in the order of `repositories`, then of creation. */
  listVersions(
    domain: DomainName,
    repositories: readonly RepositoryName[],
    format: FormatId,
    key: PackageKey,
  ): Promise<readonly PackageVersion[]>
  listTags(
    domain: DomainName,
    repositories: readonly RepositoryName[],
    format: FormatId,
    key: PackageKey,
  ): Promise<readonly (Tag & { readonly repository: RepositoryName })[]>
  /** The first of `repositories` that holds the file (`from`: as the connection gave it); what was published here comes before what upstream gave, as it does in an index. */
  findAsset(
    domain: DomainName,
    repositories: readonly RepositoryName[],
    format: FormatId,
    key: PackageKey,
    file: string,
    from?: ConnectionName,
  ): Promise<FoundAsset | undefined>
  /** What the repositories of all domains keep of what came through the connection, each with the account that owns the domain. */
  listRetained(
    connection: ConnectionName,
    format: FormatId,
    key: PackageKey,
  ): Promise<readonly { readonly owner: AccountId; readonly version: PackageVersion }[]>
  listPackages(
    domain: DomainName,
    repository: RepositoryName,
    filter: { format?: FormatId; prefix?: string; limit: number; after?: string },
  ): Promise<Page<Package>>
}

export interface IndexReads {
  /** With its facts. */
  findIndex(connection: ConnectionName, format: FormatId, key: PackageKey): Promise<CachedIndex | undefined>
  /** What `put-side-car` kept; its blob counts as cached only. */
  findSideCar(from: ConnectionName, format: FormatId, key: PackageKey, file: string): Promise<KeptSideCar | undefined>
  /** Only those that were read out of their files; by file. */
  listDerivedSideCars(connection: ConnectionName, format: FormatId, key: PackageKey): Promise<readonly KeptSideCar[]>
}

export type BlobRecord = {
  readonly sha256: Hex
  readonly size: number
  readonly lastUsedAt: Instant
  /** Only things that an upstream can give again refer to it. */
  readonly cachedOnly: boolean
}

/** The ledger of blobs: who refers to them and when they were last of use. Collection is decided on it alone. */
export interface BlobLedger {
  /** Remembers that blobs were of use; callers batch, a lost batch is harmless. */
  touchBlobs(used: readonly { readonly sha256: Hex; readonly at: Instant }[]): Promise<void>
  /** Bytes of everything, and of what is only cached. */
  blobTotals(): Promise<{ readonly bytes: number; readonly cachedBytes: number; readonly count: number }>
  /** Marks up to `limit` blobs that nothing refers to and that were last of use before `before`; a commit that refers to one again clears the mark. */
  condemnUnreferenced(before: Instant, limit: number): Promise<readonly Hex[]>
  /** Marks the least recently used of what is only cached, up to `bytes` together, and forgets the cached assets and indexes that refer to it. */
  condemnCached(bytes: number, before: Instant): Promise<readonly Hex[]>
  /** Like `condemnCached` for these blobs, whenever they were of use: their files are lost or damaged. Returns those that it marked; what is not only cached stays as it is. */
  condemnDamaged(damaged: readonly Hex[]): Promise<readonly Hex[]>
  /** Makes a row, last of use at `at`, for stored blobs that it has none of (landed for a write that was then refused), so that they are collected like others. What it knows stays as it is. */
  adoptBlobs(found: readonly { readonly sha256: Hex; readonly size: number }[], at: Instant): Promise<void>
  /** Forgets a blob if it is still marked; false where somebody refers to it again, and then its file must stay. */
  forgetBlob(sha256: Hex): Promise<boolean>
  /** undefined where nothing refers to it. */
  findBlob(sha256: Hex): Promise<BlobRecord | undefined>
  /** Every blob that something refers to, by sha256, for fsck. `after` need not be a blob's: any text that sorts before. */
  listBlobs(after: Hex | null, limit: number): Promise<readonly BlobRecord[]>
}

export interface EventReads {
  /** In order of being recorded; `after` is an opaque position, null for the beginning. */
  listEvents(filter: { account?: AccountId; limit: number; after?: string }): Promise<Page<RecordedEvent>>
  findEvent(id: string): Promise<RecordedEvent | undefined>
  /** Those that no `fan-out-event` noted yet, oldest first. */
  listPendingEvents(limit: number): Promise<readonly RecordedEvent[]>
  /** Of the last `limit` of one subject (before the one of sequence number `before`) those of this moment or later, newest first. */
  listEventsOfSubject(of: {
    subject: string
    before?: number
    since: Instant
    limit: number
  }): Promise<readonly RecordedEvent[]>
}

export interface WebhookReads {
  findWebhook(id: string): Promise<Webhook | undefined>
  /** Of one account, or of all where it is left out; oldest first. */
  listWebhooks(account?: AccountId): Promise<readonly Webhook[]>
  findDelivery(id: string): Promise<Delivery | undefined>
  /** Newest first. */
  listDeliveries(filter: {
    account: AccountId
    webhook?: string
    event?: string
    state?: DeliveryState
    /** Made at this moment or later. */
    since?: Instant
    limit: number
    after?: string
  }): Promise<Page<Delivery>>
  /** Oldest first. */
  listDeliveryAttempts(delivery: string): Promise<readonly DeliveryAttempt[]>
}

/** Deliveries that wait to be sent. Whoever leases one may send it until the lease ends; then it is anybody's again. */
export interface DeliveryQueue {
  /** Webhooks with deliveries that are due and not leased, each once. */
  listDueWebhooks(now: Instant): Promise<readonly string[]>
  /** Takes the longest due first. No two callers, of this process or another, get the same delivery while a lease lasts. */
  leaseDeliveries(of: {
    webhook: string
    now: Instant
    until: Instant
    limit: number
  }): Promise<readonly (Delivery & { readonly leasedUntil: Instant })[]>
  /** How many wait to be sent, and since when the first of them is due (in the future where none is); null where none waits. */
  deliveryBacklog(): Promise<{ readonly pending: number; readonly dueSince: Instant | null }>
  /** Forgets up to `limit` deliveries (with their attempts) that are not pending and were made before; returns how many. */
  forgetDeliveries(before: Instant, limit: number): Promise<number>
}

export interface FailureLedger {
  /** Counts one failed log-in under `key` and returns how many there were within the last `windowMs`. */
  recordFailure(key: string, now: Instant, windowMs: number): Promise<number>
  countFailures(key: string, now: Instant, windowMs: number): Promise<number>
  clearFailures(key: string): Promise<void>
}

export type CommitOptions = {
  /**
   * An upstream can give again what the changes record: nobody waits until they would survive a crash of the machine, which
   * they do a moment later. One of the process they survive like others, and never without those that came before them.
   */
  readonly isReplaceable?: boolean
}

export interface MetadataStore
  extends
    TopologyReads,
    IdentityReads,
    PackageReads,
    NameReads,
    IndexReads,
    BlobLedger,
    EventReads,
    WebhookReads,
    DeliveryQueue,
    FailureLedger,
    AsyncDisposable {
  /** Applies all changes in order, or none. Once it resolves, they survive a crash of the machine. */
  commit(changes: readonly Change[], options?: CommitOptions): Promise<void>
  /** Resolves if the store answers. */
  ping(): Promise<void>
}

// ------------------------------------------------------------------------------------------------- upstreams

export type IndexAnswer = {
  readonly index: CachedIndex
  /** The upstream could not be asked and this is what it said earlier. */
  readonly stale: boolean
}

/** A file that a connection gives, readable while it arrives. The last bytes are withheld until the digest matches. */
export type Download = {
  /** Bytes in all, as the index or the upstream declared it; null if neither did. */
  readonly size: number | null
  readonly body: ReadableBlob
  /** True where an earlier request had started it. */
  readonly joined: boolean
  /** Resolves when the verified bytes are in the store; rejects where they never will be. */
  readonly landed: Promise<Landed>
}

/** One version of an index and its file, as the upstream told of it alone. */
export type OfferedVersion = {
  readonly version: IndexVersion
  readonly file: IndexFile
  /** What the format keeps about the version, as JSON text: npm's manifest. */
  readonly metadata: string
}

export interface Upstream extends RemoteFiles {
  /**
   * What the connection offers under a name: from the cache while fresh, else asked anew. A failing upstream yields the
   * stale copy; where there is none, `upstream_down` or `upstream_slow` is thrown, never an absent index.
   */
  readIndex(
    connection: Connection,
    name: PackageName,
    options: {
      deadline: Instant
      /** Serve a stale copy at once and ask behind it. */
      whileRevalidating?: boolean
      /** Something of it was fetched: an upstream that denies it may be mistaken, and is asked again soon. */
      wasHere?: boolean
      /** Ask even if the copy is fresh (a client sent `Cache-Control: no-cache`, or an operator refreshes). */
      force?: boolean
    },
  ): Promise<IndexAnswer>
  /**
   * The version that a file belongs to, asked for by itself: small, but without its time of publishing. undefined where the
   * upstream does not answer that, whatever the reason: its index decides then.
   */
  findVersionOf(
    connection: Connection,
    name: PackageName,
    file: string,
    options: { deadline: Instant },
  ): Promise<OfferedVersion | undefined>
  /**
   * A document that the connection keeps beside packages, at a path below its URL (as it is written in a URL), at most 2 MiB;
   * cached, refreshed and served stale as an index is. `index.document` has the bytes as they came; absent: it says that it has no such document.
   */
  readDocument(
    connection: Connection,
    path: string,
    options: { deadline: Instant; whileRevalidating?: boolean },
  ): Promise<IndexAnswer>
  /** What the connection answers to a question in JSON, at most 8 MiB; undefined where it answers no such questions. Nothing is kept. */
  ask(
    connection: Connection,
    path: string,
    question: Uint8Array,
    options: { deadline: Instant },
  ): Promise<Uint8Array | undefined>
  /** One request upstream per file and process, however many ask. A caller that goes away does not end it. */
  download(
    connection: Connection,
    file: IndexFile,
    options: { deadline: Instant; onLanded?: (landed: Landed) => Promise<void> },
  ): Promise<Download>
  /** The bytes of a small file beside a file (`<url>.metadata`), verified where a digest is declared. At most 16 MiB. */
  readSideCar(connection: Connection, file: IndexFile, options: { deadline: Instant }): Promise<Uint8Array>
}
