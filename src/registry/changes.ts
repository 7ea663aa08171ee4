import type { CurationRule } from '../policy/curation/rule.ts'
import type { EventDraft } from './events.ts'
import type {
  AccessKey,
  Account,
  Asset,
  CachedIndex,
  Connection,
  Domain,
  IdentityPolicy,
  IndexFacts,
  Instant,
  OriginControls,
  PackageVersion,
  Repository,
  ReservedPrefix,
  SigningKey,
  User,
  VersionStatus,
} from './model.ts'
import type { AccountId, ConnectionName, DomainName, FormatId, PackageKey, RepositoryName } from './names.ts'

/** Which package of which repository a change is about. */
export type PackageAt = {
  readonly domain: DomainName
  readonly repository: RepositoryName
  readonly format: FormatId
  readonly key: PackageKey
}
export type VersionAt = PackageAt & { readonly version: string }

/**
 * One step of a write. A commit applies a list of them in order, in one transaction, or none at all.
 *
 * Names carry the precondition: `create-…` is refused with `conflict` where the thing is there already; `ensure-…` makes it
 * or leaves what is there; `set-…`, `delete-…` and `revoke-…` are refused with `not_found` where it is not. So is a
 * change to something whose owner is missing (the user of a key, the repository of a package). Further preconditions stand
 * at their change.
 */
export type Change =
  // --- the installation
  | { readonly change: 'create-setting'; readonly key: string; readonly value: string }
  | { readonly change: 'create-signing-key'; readonly key: SigningKey }
  | { readonly change: 'retire-signing-key'; readonly id: string; readonly at: Instant }
  // --- identities (these move the topology counter: rights hold or end at the next request)
  | { readonly change: 'create-account'; readonly account: Account }
  | { readonly change: 'create-user'; readonly user: User }
  /** Takes the user's keys and policies with it. */
  | { readonly change: 'delete-user'; readonly account: AccountId; readonly name: string }
  | { readonly change: 'put-identity-policy'; readonly policy: IdentityPolicy }
  | {
      readonly change: 'delete-identity-policy'
      readonly account: AccountId
      readonly userName: string
      readonly name: string
    }
  | { readonly change: 'create-access-key'; readonly key: AccessKey }
  | { readonly change: 'revoke-access-key'; readonly id: string; readonly at: Instant }
  // --- topology (these move the topology counter)
  | { readonly change: 'create-domain'; readonly domain: Domain }
  /** Refused with `conflict` while the domain has repositories. Ownership of names ends with the domain. */
  | { readonly change: 'delete-domain'; readonly domain: DomainName }
  | {
      readonly change: 'set-reserved-prefixes'
      readonly domain: DomainName
      readonly reserved: readonly ReservedPrefix[]
    }
  | { readonly change: 'create-repository'; readonly repository: Repository }
  /** Replaces description, upstreams and connections. Refused with `busy` where the topology counter is no longer `plannedAt`. */
  | { readonly change: 'set-repository'; readonly repository: Repository; readonly plannedAt?: number }
  /** Refused with `conflict` while another repository has it as upstream. Takes its packages with it; names stay owned. */
  | { readonly change: 'delete-repository'; readonly domain: DomainName; readonly repository: RepositoryName }
  | { readonly change: 'create-connection'; readonly connection: Connection }
  /** Refused with `conflict` while a repository uses it. */
  | { readonly change: 'delete-connection'; readonly connection: ConnectionName }
  | { readonly change: 'create-rule'; readonly rule: CurationRule }
  | { readonly change: 'delete-rule'; readonly domain: DomainName; readonly id: string }
  // --- packages (these move the package's counter in the domain, but for what retention and `ensure-…` do)
  /** Refused with `conflict` where the name was ingested and `evenIfIngested` is false. */
  | {
      readonly change: 'own-name'
      readonly domain: DomainName
      readonly format: FormatId
      readonly key: PackageKey
      readonly evenIfIngested: boolean
    }
  /** Notes that the name came from upstream. Refused with `conflict` where the domain owns it and `evenIfOwned` is false. */
  | {
      readonly change: 'ingest-name'
      readonly domain: DomainName
      readonly format: FormatId
      readonly key: PackageKey
      readonly evenIfOwned: boolean
    }
  | { readonly change: 'ensure-package'; readonly at: PackageAt; readonly origin: OriginControls }
  /** Makes the package where it is missing; marks its origin controls as set by a person. */
  | { readonly change: 'set-origin'; readonly at: PackageAt; readonly origin: OriginControls }
  | { readonly change: 'create-version'; readonly version: Omit<PackageVersion, 'assets'> }
  /** As `create-version`, for what was fetched from upstream: it alters no answer, so it does not move the counter. */
  | { readonly change: 'retain-version'; readonly version: Omit<PackageVersion, 'assets'> }
  /** Refused with `conflict` where the version's revision is no longer `was`. */
  | {
      readonly change: 'set-version'
      readonly at: VersionAt
      readonly was: string
      readonly revision: string
      readonly status?: VersionStatus
      readonly metadata?: string | null
    }
  /** Refused with `conflict` where the version has a file of that name already. Registers the file's blobs. */
  | { readonly change: 'create-asset'; readonly at: VersionAt; readonly asset: Asset }
  /** As `create-asset`, for what was fetched from upstream: it does not move the counter. */
  | { readonly change: 'retain-asset'; readonly at: VersionAt; readonly asset: Asset }
  /** Makes the tag or moves it. Refused with `not_found` where the repository does not hold the version. */
  | { readonly change: 'put-tag'; readonly at: PackageAt; readonly tag: string; readonly version: string }
  /** Makes the tag where the package has none of that name. */
  | { readonly change: 'ensure-tag'; readonly at: PackageAt; readonly tag: string; readonly version: string }
  | { readonly change: 'delete-tag'; readonly at: PackageAt; readonly tag: string }
  // --- what upstreams said
  /** Replaces the cached index; its revision becomes one more than the stored one. Registers the document's blob. */
  | {
      readonly change: 'put-index'
      readonly index: Omit<CachedIndex, 'revision' | 'facts'>
      readonly facts: IndexFacts | null
    }
  /** Nothing new upstream: only the times, and a validator that may have been renewed. */
  | {
      readonly change: 'touch-index'
      readonly connection: ConnectionName
      readonly format: FormatId
      readonly key: PackageKey
      readonly checkedAt: Instant
      readonly freshUntil: Instant
      readonly etag: string | null
    }
  /** Keeps a small file that an upstream offers beside a package file, whether or not the package file was ever fetched. Registers its blob. */
  | {
      readonly change: 'put-side-car'
      readonly connection: ConnectionName
      readonly format: FormatId
      readonly key: PackageKey
      /** The package file that it stands beside. */
      readonly file: string
      readonly sha256: string
      readonly size: number
    }
  // --- what it announces
  | { readonly change: 'announce'; readonly event: EventDraft }

export type ChangeKind = Change['change']
