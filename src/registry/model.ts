import type { AccountId, ConnectionName, DomainName, FormatId, PackageKey, RepositoryName } from './names.ts'

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number

/** Lower-case hexadecimal. */
export type Hex = string

/** Text that `auth/secrets.ts` sealed under the installation's master key; nothing else can read it. */
export type Sealed = string

// ---------------------------------------------------------------------------------------------- identities

export type Account = { readonly id: AccountId; readonly createdAt: Instant }

export type User = {
  readonly account: AccountId
  readonly name: string
  /** Never used again, so that a user made anew under an old name inherits nothing. `AIDA` and 16 letters or digits. */
  readonly id: string
  readonly createdAt: Instant
}

export type AccessKey = {
  /** `AKIA` and 16 letters or digits. */
  readonly id: string
  readonly account: AccountId
  readonly userName: string
  readonly userId: string
  readonly secret: Sealed
  readonly createdAt: Instant
  readonly revokedAt: Instant | null
}

/** What is assumed for a time, by whom its trust policy names and whose own policies allow it. */
export type Role = {
  readonly account: AccountId
  readonly name: string
  /** Never used again, as a user's. `AROA` and 16 letters or digits. */
  readonly id: string
  readonly createdAt: Instant
  /** The trust policy: who may assume it. JSON text as it was given. */
  readonly trust: string
  /** The ids of the users and roles that the trust policy names, when it was put. */
  readonly trusted: PinnedPrincipals
  /** The longest session, in seconds: 3,600 to 43,200. */
  readonly maxSessionSeconds: number
  /** Sessions that began earlier are over, and so are their tokens. */
  readonly sessionsValidFrom: Instant
}

/** A policy document attached to a user. `document` is the JSON text as it was given. */
export type IdentityPolicy = {
  readonly account: AccountId
  readonly userName: string
  readonly name: string
  readonly document: string
}

/** A policy document attached to a role. */
export type RolePolicy = {
  readonly account: AccountId
  readonly roleName: string
  readonly name: string
  readonly document: string
}

/**
 * The ARNs of users and roles that a policy names to the unique ids that they had when it was put (a role session's ARN to the
 * id of its role). Whoever is made anew under an old name has another id, and the policy does not mean them.
 */
export type PinnedPrincipals = Readonly<Record<string, string>>

/** A policy document on a domain, or on a repository of it. */
export type ResourcePolicy = {
  readonly domain: DomainName
  /** null: it is the domain's. */
  readonly repository: RepositoryName | null
  readonly document: string
  readonly principals: PinnedPrincipals
  /** Opaque; changes with each change of the policy. */
  readonly revision: string
}

/** A token signing key. Public keys of all of them are published; the newest that is not retired signs. */
export type SigningKey = {
  readonly id: string
  readonly algorithm: 'EdDSA'
  readonly publicJwk: string
  readonly privateJwk: Sealed
  readonly createdAt: Instant
  readonly retiredAt: Instant | null
}

/** What every caller who is known has. */
type KnownAs = {
  readonly account: AccountId
  /** The user's (`arn:aws:iam::111122223333:user/bob`) or the session's (`arn:aws:sts::111122223333:assumed-role/build/run-7`). */
  readonly arn: string
  /** IAM's `aws:userid`: the user's id, or `AROA…:session`. */
  readonly userId: string
  /** Where a token narrows the caller to one domain. */
  readonly domain: DomainName | null
  /** How the caller proved it, for logs: an access key id or a token id. Never a secret. */
  readonly credential: string
}

export type UserCaller = KnownAs & { readonly kind: 'user'; readonly userName: string }

/** A role that somebody assumed. */
export type RoleCaller = KnownAs & {
  readonly kind: 'role'
  readonly roleName: string
  readonly roleId: string
  /** `arn:aws:iam::111122223333:role/build` */
  readonly roleArn: string
  readonly sessionName: string
  /** A policy document that the session's rights are cut down to; null for none. */
  readonly sessionPolicy: string | null
  /** When the role was assumed. */
  readonly issuedAt: Instant
  /** When the credential that was presented ends: the session's, or the token's. */
  readonly expiresAt: Instant
  /** The access key at the root of it: the session ends with that key. */
  readonly accessKeyId: string
}

export type KnownCaller = UserCaller | RoleCaller

/** Who calls, as established by `auth/`. */
export type Caller = { readonly kind: 'anonymous' } | KnownCaller

export const ANONYMOUS: Caller = { kind: 'anonymous' }

// ------------------------------------------------------------------------------------------------ topology

/** Names that belong to the domain before their first publish: every key of the format that starts with `prefix`. */
export type ReservedPrefix = { readonly format: FormatId; readonly prefix: string }

export type Domain = {
  readonly name: DomainName
  readonly owner: AccountId
  readonly createdAt: Instant
  readonly reserved: readonly ReservedPrefix[]
}

export type Repository = {
  readonly domain: DomainName
  readonly name: RepositoryName
  readonly administrator: AccountId
  readonly description: string | null
  readonly createdAt: Instant
  /** Direct upstreams, in the order in which they are searched; at most 10. */
  readonly upstreams: readonly RepositoryName[]
  readonly connections: readonly ConnectionName[]
  /** What becomes of versions that were fetched here and that their upstream withdrew since; `serve` where left out. */
  readonly withdrawn?: Withdrawn
}

/** serve: they stay listed and can be downloaded. hold: they are held back, as by a rule. */
export type Withdrawn = 'serve' | 'hold'

/** A public or private registry that repositories may draw from. */
export type Connection = {
  readonly name: ConnectionName
  readonly format: FormatId
  /** npm: the registry root. PyPI: the simple root, used as given. Ends in a slash. */
  readonly url: string
  /** Origins (`https://files.example`) that its index may point files at, besides its own. */
  readonly fileOrigins: readonly string[]
  readonly credentials: Sealed | null
  readonly builtIn: boolean
  /** False: it is not asked for anything. What came from it stays. */
  readonly enabled: boolean
  /** Milliseconds for one try: to send an index in full, and to begin to send a file; null: the usual. */
  readonly timeoutMs: number | null
  /** Normalised names, or beginnings of them that end in `*`, that it may be asked for; none: all … */
  readonly only: readonly string[]
  /** … but not for these. A name that it may not be asked for never reaches it. */
  readonly except: readonly string[]
}

/** A connection that nobody narrowed. */
export const UNLIMITED = { enabled: true, timeoutMs: null, only: [], except: [] } as const satisfies Partial<Connection>

// ------------------------------------------------------------------------------------------------ packages

/** CodeArtifact's statuses. */
export type VersionStatus = 'Published' | 'Unfinished' | 'Unlisted' | 'Archived' | 'Disposed' | 'Deleted'

/** INTERNAL: published here. EXTERNAL: fetched from a connection. */
export type Origin = 'INTERNAL' | 'EXTERNAL'

/**
 * How what is published here and what connections offer under one name comes together. never: one source has all of it.
 * extra-wheels: that one says which versions there are, and others add files for machines that it has none for. all: every file
 * of every source.
 */
export type MergeMode = 'never' | 'extra-wheels' | 'all'

/** What a repository says about the sources of one name. */
export type MergeSetting = {
  readonly domain: DomainName
  readonly repository: RepositoryName
  readonly format: FormatId
  readonly key: PackageKey
  readonly mode: MergeMode
}

export type Switch = 'ALLOW' | 'BLOCK'
export type OriginControls = { readonly publish: Switch; readonly upstream: Switch }

/** A package as one repository holds it. */
export type Package = {
  readonly domain: DomainName
  readonly repository: RepositoryName
  readonly format: FormatId
  readonly key: PackageKey
  readonly origin: OriginControls
  /** True where a person set `origin`, false where the first version did. */
  readonly originIsExplicit: boolean
}

/** Digests of a file's bytes. sha256 is always there: it is the blob's name. */
export type Digests = {
  readonly sha256: Hex
  readonly sha512?: Hex
  readonly sha1?: Hex
  readonly md5?: Hex
  /** BLAKE2b with 256 bits. */
  readonly blake2b?: Hex
}

export type Asset = {
  /** File name, unique within its version. */
  readonly file: string
  /** Bytes. */
  readonly size: number
  readonly digests: Digests
  readonly createdAt: Instant
  /** Where the file lies below a PyPI file root, if its origin had a layout: `packages/aa/bb/rest/file`. */
  readonly path: string | null
  /** A small file served beside this one (PEP 658): its blob and its size. */
  readonly sideCar: { readonly sha256: Hex; readonly size: number } | null
  /** What the format keeps about the file, as JSON text: requires-python, upload time ... */
  readonly metadata: string | null
  /** Of a file that was fetched: its upstream's index is no longer as it was then. Left out while it is. */
  readonly departure?: Departure
  /** Of a file that was fetched while sources were merged: the connection that it came through, whatever its version's is. */
  readonly entryPoint?: ConnectionName
}

/**
 * How an upstream's index departs from a file that was fetched and is kept. withdrawn: it does not list it. other: it declares other
 * bytes. weaker: only weaker digests than before.
 */
export type Departure = {
  readonly is: 'withdrawn' | 'other' | 'weaker'
  /** What the index declares now. */
  readonly declares: DeclaredDigests
  readonly since: Instant
}

export type PackageVersion = {
  readonly domain: DomainName
  readonly repository: RepositoryName
  readonly format: FormatId
  readonly key: PackageKey
  readonly version: string
  readonly status: VersionStatus
  /** Opaque; names one exact set of assets and metadata, and changes with each change. */
  readonly revision: string
  readonly origin: Origin
  /** The connection through which an EXTERNAL version came, or the repository where an INTERNAL one was published. */
  readonly entryPoint: string
  readonly createdAt: Instant
  readonly publishedAt: Instant
  /** SPDX expression, or whatever the package says in its place. */
  readonly license: string | null
  /** What the format keeps about the version, as JSON text: npm's manifest. */
  readonly metadata: string | null
  readonly assets: readonly Asset[]
}

export type Tag = { readonly tag: string; readonly version: string }

/** What a domain knows about a name, whichever repository holds it. */
export type NameRecord = {
  readonly domain: DomainName
  readonly format: FormatId
  readonly key: PackageKey
  /** It was published in a repository of the domain, once and for all. */
  readonly owned: boolean
  /** It was fetched from a connection through a repository of the domain. */
  readonly ingested: boolean
}

// ------------------------------------------------------------------------------------- what upstreams offer

/** A digest that an index declares, by algorithm. */
export type DeclaredDigests = Partial<Record<'sha512' | 'sha384' | 'sha256' | 'sha1' | 'md5', Hex>>

/** What curation and resolution need to know of one version of an index, without its document. */
export type IndexVersion = {
  readonly version: string
  readonly publishedAt: Instant | null
  readonly license: string | null
  /** npm: deprecated. PyPI: all of its files are yanked. */
  readonly discouraged?: true
  /** In a merged index: the first source that has it. */
  readonly from?: ConnectionName
}

/** One file that an index offers. */
export type IndexFile = {
  readonly file: string
  readonly version: string
  /** Absolute. */
  readonly url: string
  /** Below the connection's file root where the layout is worth keeping (PyPI). */
  readonly path: string | null
  readonly digests: DeclaredDigests
  readonly size: number | null
  readonly publishedAt: Instant | null
  /** The index offers `<url>.metadata` (PEP 658): its sha256, or true where the digest is not given. */
  readonly sideCar: { readonly sha256: Hex } | true | null
  /** In a merged index: the source that it comes from. */
  readonly from?: ConnectionName
}

/** The compact facts of one index, made once when it arrives so that nothing else parses the document. */
export type IndexFacts = {
  readonly versions: readonly IndexVersion[]
  readonly files: readonly IndexFile[]
  /** A number that only grows upstream, where there is one (PyPI's serial); an older document never replaces a newer. */
  readonly serial: number | null
  /** Files that clients are likely to want a side-car of, and of which the index offers none; the likeliest first. */
  readonly lackSideCars?: readonly string[]
}

/** `IndexFacts`, compressed: see packed-facts.ts. */
export type PackedFacts = Uint8Array

/** A small file that is kept beside one that an index lists (PEP 658's `.metadata`). */
export type KeptSideCar = {
  /** The file that it stands beside. */
  readonly file: string
  readonly sha256: Hex
  readonly size: number
  /** The sha256 of the file that it was read out of: it counts for no other. null where the upstream gave it. */
  readonly derivedFrom: Hex | null
}

/** A connection's index of one package, as it was last seen. */
export type CachedIndex = {
  readonly connection: ConnectionName
  readonly format: FormatId
  readonly key: PackageKey
  /** absent: the connection said that it has no such package. */
  readonly state: 'present' | 'absent'
  /** The kept document's blob (zstd-compressed). Absent: null, or the last one, from before the connection denied the package. */
  readonly document: { readonly sha256: Hex; readonly size: number } | null
  readonly facts: PackedFacts | null
  readonly etag: string | null
  readonly lastModified: string | null
  readonly checkedAt: Instant
  readonly freshUntil: Instant
  /** Moves whenever the document or the state does; kept answers are bound to it. */
  readonly revision: number
}
