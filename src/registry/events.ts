import type { Caller, Domain, Instant, PackageVersion } from './model.ts'
import type { AccountId, DomainName, FormatId, PackageKey, PackageName, RepositoryName } from './names.ts'

/**
 * Something that happened, as the write that made it happen records it. The store adds a sequence number that rises with
 * each event of the same subject. `detail` of package events has the members of CodeArtifact's EventBridge event.
 */
export type EventDraft = {
  /** UUID; the same on every delivery of this event. */
  readonly id: string
  readonly type: string
  readonly time: Instant
  /** ARN of who did it, or `granary:system` for what the server did by itself. */
  readonly actor: string
  /** The account that owns what changed; null for the installation itself. */
  readonly account: AccountId | null
  /** What the sequence number counts along: one package of one repository, one domain, or the installation. */
  readonly subject: string
  readonly detail: Readonly<Record<string, unknown>>
}

export type RecordedEvent = EventDraft & { readonly sequence: number; readonly state: 'pending' | 'done' }

/** CodeArtifact's name for it. */
export const PACKAGE_VERSION_EVENT = 'CodeArtifact Package Version State Change'

const packageSubject = (domain: DomainName, repository: RepositoryName, format: FormatId, key: PackageKey): string =>
  `package/${domain}/${repository}/${format}/${key}`

export const actorOf = (caller: Caller): string => (caller.kind === 'anonymous' ? 'anonymous' : caller.arn)

export type AssetChanges = {
  readonly assetsAdded: number
  readonly assetsUpdated?: number
  readonly assetsRemoved?: number
}

/** What events about a package as one repository has it say of that. */
export const packageDetail = (
  { name: domainName, owner: domainOwner }: Pick<Domain, 'name' | 'owner'>,
  repositoryName: RepositoryName,
  { format, namespace, name }: PackageName,
) => ({
  domainName,
  domainOwner,
  repositoryName,
  packageFormat: format,
  packageNamespace: namespace,
  packageName: name,
})

/** The event of one version that came to be, changed or went. Members are CodeArtifact's, but for `actor` and `packageVersionOrigin`. */
export function packageVersionEvent(
  version: Omit<PackageVersion, 'assets'>,
  what: {
    id: string
    time: Instant
    actor: string
    domainOwner: AccountId
    administrator: AccountId
    operation: 'Created' | 'Updated' | 'Deleted'
    assets: AssetChanges
    metadataUpdated: boolean
    statusChanged: boolean
  },
): EventDraft {
  const slash = version.key.indexOf('/')
  return {
    id: what.id,
    type: PACKAGE_VERSION_EVENT,
    time: what.time,
    actor: what.actor,
    account: what.domainOwner,
    subject: packageSubject(version.domain, version.repository, version.format, version.key),
    detail: {
      domainName: version.domain,
      domainOwner: what.domainOwner,
      repositoryName: version.repository,
      repositoryAdministrator: what.administrator,
      packageFormat: version.format,
      packageNamespace: slash < 0 ? null : version.key.slice(0, slash),
      packageName: version.key.slice(slash + 1),
      packageVersion: version.version,
      packageVersionState: version.status,
      packageVersionRevision: version.revision,
      // CodeArtifact does not tell; without it a pattern could not leave out what was only fetched from upstream.
      packageVersionOrigin: version.origin,
      changes: {
        assetsAdded: what.assets.assetsAdded,
        assetsRemoved: what.assets.assetsRemoved ?? 0,
        assetsUpdated: what.assets.assetsUpdated ?? 0,
        metadataUpdated: what.metadataUpdated,
        statusChanged: what.statusChanged,
      },
      operationType: what.operation,
      actor: what.actor,
    },
  }
}

/** The event of a change to the installation itself: a domain, a repository, a user, a rule. */
export function managementEvent(what: {
  id: string
  /** `Domain Created`, `Access Key Revoked`: noun and past participle. */
  type: string
  time: Instant
  actor: string
  account: AccountId | null
  domain?: DomainName
  detail: Readonly<Record<string, unknown>>
}): EventDraft {
  const { domain, detail, ...rest } = what
  return {
    ...rest,
    subject: domain === undefined ? 'installation' : `domain/${domain}`,
    detail: { ...detail, actor: what.actor },
  }
}
