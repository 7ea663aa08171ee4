import type { Generated, Kysely } from 'kysely'
import type { Hex, Instant, MergeMode, Origin, Sealed, Switch, VersionStatus, Withdrawn } from '../../registry/model.ts'
import type {
  AccountId,
  ConnectionName,
  DomainName,
  FormatId,
  PackageKey,
  RepositoryName,
} from '../../registry/names.ts'
import type { DeliveryState } from '../../registry/webhooks.ts'

/** 0 or 1: the one spelling of a boolean that both databases share. */
export type Bit = 0 | 1
/** JSON text. */
export type Json = string

type OfPackage = { domain: DomainName; repository: RepositoryName; format: FormatId; package: PackageKey }
type OfVersion = OfPackage & { version: string }
type OfIndex = { connection: ConnectionName; format: FormatId; package: PackageKey }

/** The tables as the newest migration leaves them. Instants are milliseconds since 1970. */
export type Database = {
  settings: { key: string; value: string }
  signing_keys: {
    id: string
    algorithm: 'EdDSA'
    public_jwk: Json
    private_jwk: Sealed
    created_at: Instant
    retired_at: Instant | null
  }
  accounts: { id: AccountId; created_at: Instant }
  users: { account: AccountId; name: string; id: string; created_at: Instant }
  identity_policies: { account: AccountId; user_name: string; name: string; document: Json }
  access_keys: {
    id: string
    account: AccountId
    user_name: string
    user_id: string
    secret: Sealed
    created_at: Instant
    revoked_at: Instant | null
  }
  roles: {
    account: AccountId
    name: string
    id: string
    created_at: Instant
    trust: Json
    trusted: Json
    max_session_seconds: number
    sessions_valid_from: Instant
  }
  role_policies: { account: AccountId; role_name: string; name: string; document: Json }
  domains: { name: DomainName; owner: AccountId; created_at: Instant; reserved: Json }
  repositories: {
    domain: DomainName
    name: RepositoryName
    administrator: AccountId
    description: string | null
    created_at: Instant
    withdrawn: Generated<Withdrawn>
  }
  connections: {
    name: ConnectionName
    format: FormatId
    url: string
    file_origins: Json
    credentials: Sealed | null
    built_in: Bit
    enabled: Bit
    timeout_ms: number | null
    only_names: Json
    except_names: Json
  }
  repository_upstreams: { domain: DomainName; repository: RepositoryName; position: number; upstream: RepositoryName }
  repository_connections: {
    domain: DomainName
    repository: RepositoryName
    position: number
    connection: ConnectionName
  }
  rules: { domain: DomainName; id: string; repository: RepositoryName | null; rule: Json }
  resource_policies: {
    /** The domain's name, or `domain/repository`. */
    resource: string
    domain: DomainName
    repository: RepositoryName | null
    document: Json
    principals: Json
    revision: string
  }
  names: { domain: DomainName; format: FormatId; package: PackageKey; owned: Bit; ingested: Bit }
  merges: OfPackage & { mode: MergeMode }
  merge_conflicts: OfPackage & { file: string; digest: string }
  packages: OfPackage & { publish: Switch; upstream: Switch; origin_is_explicit: Bit }
  versions: OfVersion & {
    status: VersionStatus
    revision: string
    origin: Origin
    entry_point: string
    created_at: Instant
    published_at: Instant
    license: string | null
    metadata: Json | null
  }
  assets: OfVersion & {
    file: string
    size: number
    sha256: Hex
    sha512: Hex | null
    sha1: Hex | null
    md5: Hex | null
    blake2b: Hex | null
    created_at: Instant
    path: string | null
    side_car_sha256: Hex | null
    side_car_size: number | null
    metadata: Json | null
    /** The version's, repeated so that the blob ledger need not join. */
    origin: Origin
    departure: Json | null
    /** The connection that gave it, where sources were merged; null: the version's. */
    entry_point: ConnectionName | null
  }
  tags: OfPackage & { tag: string; version: string }
  indexes: OfIndex & {
    revision: number
    fresh_until: Instant
    checked_at: Instant
    /** When `revision` moved last. */
    changed_at: Generated<Instant>
    /** The document was given up to make room. The row stays for its revision, which must never come again; readers see no index. */
    forgotten: Bit
    state: 'present' | 'absent'
    document_sha256: Hex | null
    document_size: number | null
    etag: string | null
    last_modified: string | null
  }
  /** Apart from `indexes`, so that renewing its freshness does not write them again. zstd-compressed JSON. */
  index_facts: OfIndex & { facts: Uint8Array }
  side_cars: OfIndex & {
    file: string
    sha256: Hex
    size: number
    /** The sha256 of the file that it was read out of; null where the upstream gave it. */
    derived_from: Hex | null
  }
  blobs: { sha256: Hex; size: number; created_at: Instant; last_used_at: Instant; condemned: Bit }
  /** The last number given out per subject; the empty subject counts events of all subjects. */
  sequences: { subject: string; last: number }
  events: {
    position: number
    id: string
    type: string
    time: Instant
    actor: string
    account: AccountId | null
    subject: string
    sequence: number
    detail: Json
    state: 'pending' | 'done'
    leased_until: Instant | null
  }
  webhooks: {
    id: string
    account: AccountId
    url: Sealed
    shown_url: string
    headers: Sealed | null
    pattern: Json | null
    description: string | null
    created_at: Instant
    disabled_at: Instant | null
    disabled_reason: string | null
    failing_since: Instant | null
  }
  webhook_secrets: { webhook: string; id: string; secret: Sealed; created_at: Instant; expires_at: Instant | null }
  deliveries: {
    id: string
    webhook: string
    account: AccountId
    event: string
    event_type: string
    /** The event's: of what is due at the same moment, what happened first goes first. */
    position: number
    created_at: Instant
    state: DeliveryState
    reason: string | null
    attempts: number
    first_attempt_at: Instant | null
    due_at: Instant | null
    leased_until: Instant | null
  }
  delivery_attempts: {
    delivery: string
    number: number
    at: Instant
    duration: number
    succeeded: Bit
    status: number | null
    error: string | null
    response: string | null
  }
  failures: { key: string; at: Instant; count: number; expires_at: Instant }
  /** `moved_at`: when `revision` did. */
  package_counters: {
    domain: DomainName
    format: FormatId
    package: PackageKey
    revision: number
    moved_at: Generated<Instant>
  }
  topology_counter: { id: 1; revision: number; moved_at: Generated<Instant> }
}

/** Compiles queries for one database; it is connected to none. */
export type Queries = Kysely<Database>

/**
 * Every table, in an order in which rows can be put back: what refers to something stands after it. `order` makes an
 * export's rows come in the same order from both databases; `binary` columns are base64 in it.
 */
export const TABLES = {
  settings: { order: ['key'] },
  signing_keys: { order: ['id'] },
  accounts: { order: ['id'] },
  users: { order: ['account', 'name'] },
  identity_policies: { order: ['account', 'user_name', 'name'] },
  access_keys: { order: ['id'] },
  roles: { order: ['account', 'name'] },
  role_policies: { order: ['account', 'role_name', 'name'] },
  domains: { order: ['name'] },
  repositories: { order: ['domain', 'name'] },
  connections: { order: ['name'] },
  repository_upstreams: { order: ['domain', 'repository', 'position'] },
  repository_connections: { order: ['domain', 'repository', 'position'] },
  rules: { order: ['domain', 'id'] },
  resource_policies: { order: ['resource'] },
  names: { order: ['domain', 'format', 'package'] },
  merges: { order: ['domain', 'repository', 'format', 'package'] },
  merge_conflicts: { order: ['domain', 'repository', 'format', 'package', 'file', 'digest'] },
  packages: { order: ['domain', 'repository', 'format', 'package'] },
  versions: { order: ['domain', 'repository', 'format', 'package', 'version'] },
  assets: { order: ['domain', 'repository', 'format', 'package', 'version', 'file'] },
  tags: { order: ['domain', 'repository', 'format', 'package', 'tag'] },
  indexes: { order: ['connection', 'format', 'package'] },
  index_facts: { order: ['connection', 'format', 'package'], binary: 'facts' },
  side_cars: { order: ['connection', 'format', 'package', 'file'] },
  blobs: { order: ['sha256'] },
  sequences: { order: ['subject'] },
  events: { order: ['position'] },
  webhooks: { order: ['id'] },
  webhook_secrets: { order: ['webhook', 'id'] },
  deliveries: { order: ['id'] },
  delivery_attempts: { order: ['delivery', 'number'] },
  failures: { order: ['key', 'at'] },
  package_counters: { order: ['domain', 'format', 'package'] },
  topology_counter: { order: ['id'] },
} as const satisfies {
  readonly [T in keyof Database]: {
    readonly order: readonly (keyof Database[T])[]
    readonly binary?: keyof Database[T]
  }
}

export type TableName = keyof typeof TABLES
