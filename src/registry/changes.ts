import type { CurationRule } from '../policy/curation/rule.ts'
import type { EventDraft } from './events.ts'
import type {
  AccessKey,
  Account,
  Asset,
  CachedIndex,
  Connection,
  Departure,
  Domain,
  IdentityPolicy,
  PackedFacts,
  Instant,
  MergeSetting,
  OriginControls,
  PackageVersion,
  Repository,
  ReservedPrefix,
  ResourcePolicy,
  Role,
  RolePolicy,
  Sealed,
  SigningKey,
  User,
  VersionStatus,
  Withdrawn,
} from './model.ts'
import type { AccountId, ConnectionName, DomainName, FormatId, PackageKey, RepositoryName } from './names.ts'
import type { Delivery, DeliveryAttempt, DeliveryOutcome, Webhook, WebhookSecret } from './webhooks.ts'

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
  | { readonly change: 'create-role'; readonly role: Role }
  /**
   * Replaces the trust policy, the longest session and the time before which sessions are over. Refused with `busy` where the
   * topology counter is no longer `plannedAt`: none of the three may come back that somebody replaced in the meantime.
   */
  | { readonly change: 'set-role'; readonly role: Role; readonly plannedAt?: number }
  /** Takes the role's policies with it. */
  | { readonly change: 'delete-role'; readonly account: AccountId; readonly name: string }
  | { readonly change: 'put-role-policy'; readonly policy: RolePolicy }
  | {
      readonly change: 'delete-role-policy'
      readonly account: AccountId
      readonly roleName: string
      readonly name: string
    }
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
  | {
      readonly change: 'set-repository-settings'
      readonly domain: DomainName
      readonly repository: RepositoryName
      readonly withdrawn: Withdrawn
    }
  /** Refused with `conflict` while another repository has it as upstream. Takes its packages with it; names stay owned. */
  | { readonly change: 'delete-repository'; readonly domain: DomainName; readonly repository: RepositoryName }
  | { readonly change: 'create-connection'; readonly connection: Connection }
  /**
   * Replaces all but the name, the format and whether it is built in. Where it leads elsewhere, what its registry said is
   * forgotten. Refused with `busy` where the topology counter is no longer `plannedAt`.
   */
  | {
      readonly change: 'set-connection'
      readonly connection: Connection
      readonly leadsElsewhere: boolean
      readonly plannedAt: number
    }
  /** Refused with `conflict` while a repository uses it. */
  | { readonly change: 'delete-connection'; readonly connection: ConnectionName }
  /** Makes or replaces it. Refused with `conflict` where `was` is given and is not the present one's revision. */
  | { readonly change: 'put-resource-policy'; readonly policy: ResourcePolicy; readonly was?: string }
  /** Refused with `conflict` where `was` is given and is not its revision. */
  | {
      readonly change: 'delete-resource-policy'
      readonly domain: DomainName
      readonly repository: RepositoryName | null
      readonly was?: string
    }
  | { readonly change: 'create-rule'; readonly rule: CurationRule }
  | { readonly change: 'delete-rule'; readonly domain: DomainName; readonly id: string }
  /** Makes or replaces it; the package need not be there. */
  | { readonly change: 'put-merge'; readonly setting: MergeSetting }
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
  /**
   * Notes how the upstream's index departs from a kept file; null: it is again as it was. Refused with `conflict` where something else
   * than `was` is noted: another process was quicker, and has announced it.
   */
  | {
      readonly change: 'note-departure'
      readonly at: VersionAt
      readonly file: string
      readonly was: Departure | null
      readonly departure: Departure | null
      /** What the index said of the file while it was as it is kept; left out: what is there stays. */
      readonly metadata?: string
    }
  /**
   * Notes that a file with this digest gives way to another of its name, and was announced. Refused with `conflict` where that is
   * noted, and `not_found` where the repository says nothing about merging the name. Moves no counter.
   */
  | { readonly change: 'note-merge-conflict'; readonly at: PackageAt; readonly file: string; readonly digest: string }
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
      readonly facts: PackedFacts | null
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
      /**
       * Where it was read out of the file itself: the file's sha256. Kept answers may tell of it, so the index's revision moves.
       * Left out: the upstream gave it.
       */
      readonly derivedFrom?: string
    }
  /** Forgets one that was read out of the file; moves the index's revision. Nothing to forget is no failure. */
  | {
      readonly change: 'drop-side-car'
      readonly connection: ConnectionName
      readonly format: FormatId
      readonly key: PackageKey
      readonly file: string
    }
  // --- where events go (these move no counter)
  | { readonly change: 'create-webhook'; readonly webhook: Webhook }
  /** Replaces what is given and leaves the rest. */
  | {
      readonly change: 'set-webhook'
      readonly id: string
      readonly url?: Sealed
      readonly shownUrl?: string
      readonly headers?: Sealed | null
      readonly pattern?: string | null
      readonly description?: string | null
    }
  /** Lets the webhook's other secrets expire at `expireOthersAt`, or when they would anyway where that is sooner. */
  | {
      readonly change: 'rotate-webhook-secret'
      readonly id: string
      readonly secret: WebhookSecret
      readonly expireOthersAt: Instant
    }
  /** Gives up its pending deliveries with the same reason. Refused with `conflict` where it is disabled already. */
  | { readonly change: 'disable-webhook'; readonly id: string; readonly at: Instant; readonly reason: string }
  /** Forgets that it was failing, too. */
  | { readonly change: 'enable-webhook'; readonly id: string }
  /** Takes its deliveries with it. */
  | { readonly change: 'delete-webhook'; readonly id: string }
  /**
   * Notes that the event was held against the webhooks, and makes its deliveries (leaving out those that are there and those
   * whose webhook is gone). Refused with `conflict` where it is no longer pending: another process was quicker.
   */
  | {
      readonly change: 'fan-out-event'
      readonly event: string
      /** One with a `reason` is dead from the beginning: it is not sent unless somebody replays it. */
      readonly deliveries: readonly (Pick<Delivery, 'id' | 'webhook'> & { readonly reason?: string })[]
      readonly at: Instant
    }
  /** Refused with `conflict` where the event has a delivery to the webhook, and `not_found` where the webhook or the event is missing. */
  | {
      readonly change: 'create-delivery'
      readonly id: string
      readonly webhook: string
      readonly event: string
      readonly at: Instant
    }
  /**
   * Notes one attempt, and ends its lease. Refused with `conflict` where the delivery is no longer leased until `leasedUntil`:
   * the attempt took too long, and the delivery is somebody else's or replayed. The webhook's `failingSince` follows.
   */
  | {
      readonly change: 'record-delivery-attempt'
      readonly attempt: Omit<DeliveryAttempt, 'number'>
      readonly outcome: DeliveryOutcome
      readonly leasedUntil: Instant
    }
  /** Due at once again, with a full measure of retries; also one that was delivered. Refused with `conflict` where it is pending. */
  | { readonly change: 'replay-delivery'; readonly id: string; readonly at: Instant }
  // --- what it announces
  | { readonly change: 'announce'; readonly event: EventDraft }

export type ChangeKind = Change['change']
