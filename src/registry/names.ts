import { RegistryError } from './errors.ts'

declare const brand: unique symbol
type Branded<T, B extends string> = T & { readonly [brand]: B }

/** The package formats that this program knows. A folder of the same name stands under `formats/`. */
export const FORMAT_IDS = ['npm', 'pypi'] as const
export type FormatId = (typeof FORMAT_IDS)[number]

/** Twelve digits. */
export type AccountId = Branded<string, 'AccountId'>
/** `[a-z][a-z0-9-]{0,48}[a-z0-9]`, CodeArtifact's DomainName. */
export type DomainName = Branded<string, 'DomainName'>
/** `[A-Za-z0-9][A-Za-z0-9._-]{1,99}`, CodeArtifact's RepositoryName. */
export type RepositoryName = Branded<string, 'RepositoryName'>
/** `[A-Za-z0-9][A-Za-z0-9._:-]{1,99}`, CodeArtifact's ExternalConnectionName: `public:npmjs`. */
export type ConnectionName = Branded<string, 'ConnectionName'>
/**
 * A package's normalised name inside its format, as one string: `acme/hello` (npm's @acme/hello), `hello`, `requests`.
 * The only spelling that storage, policy and ownership compare.
 */
export type PackageKey = Branded<string, 'PackageKey'>

/** A package's coordinates. Only a format's own name parser makes one, so a value of this type is normalised. */
export type PackageName = {
  readonly format: FormatId
  /** npm's scope without `@`; null where there is none. */
  readonly namespace: string | null
  readonly name: string
  readonly key: PackageKey
}

export function packageName(format: FormatId, namespace: string | null, name: string): PackageName {
  return { format, namespace, name, key: (namespace === null ? name : `${namespace}/${name}`) as PackageKey }
}

/** The inverse of `PackageName.key`, for names that come back from the store. */
export function packageNameOfKey(format: FormatId, key: PackageKey): PackageName {
  const slash = key.indexOf('/')
  return slash < 0 ? packageName(format, null, key) : packageName(format, key.slice(0, slash), key.slice(slash + 1))
}

/** The name as its own users write it: `@acme/hello`, `requests`. */
export function displayName(name: PackageName): string {
  if (name.namespace === null) return name.name
  return name.format === 'npm' ? `@${name.namespace}/${name.name}` : `${name.namespace}/${name.name}`
}

const parser =
  <T extends string>(what: string, pattern: RegExp, hint: string) =>
  (raw: string): T => {
    if (!pattern.test(raw))
      throw new RegistryError('invalid', `${JSON.stringify(raw.slice(0, 120))} is not a valid ${what}: ${hint}`)
    return raw as T
  }

export const parseAccountId = parser<AccountId>('account id', /^[0-9]{12}$/, 'it has exactly 12 digits')
export const parseDomainName = parser<DomainName>(
  'domain name',
  /^[a-z][a-z0-9-]{0,48}[a-z0-9]$/,
  'it has 2 to 50 lower-case letters, digits and hyphens, and starts with a letter',
)
export const parseRepositoryName = parser<RepositoryName>(
  'repository name',
  /^[A-Za-z0-9][A-Za-z0-9._-]{1,99}$/,
  'it has 2 to 100 letters, digits, dots, underscores and hyphens, and starts with a letter or digit',
)
export const parseConnectionName = parser<ConnectionName>(
  'connection name',
  /^[A-Za-z0-9][A-Za-z0-9._:-]{1,99}$/,
  'it has 2 to 100 letters, digits and . _ : -, and starts with a letter or digit',
)
/** IAM's user and role names: 1 to 64 of `[\w+=,.@-]`. */
export const parseIdentityName = parser<string>(
  'user name',
  /^[\w+=,.@-]{1,64}$/,
  'it has 1 to 64 letters, digits and _+=,.@-',
)

export function parseFormatId(raw: string): FormatId {
  const format = FORMAT_IDS.find((id) => id === raw)
  if (!format)
    throw new RegistryError(
      'invalid',
      `${JSON.stringify(raw.slice(0, 40))} is not a package format that is served here`,
    )
  return format
}

/** ARNs of the things that a policy can name. `region` is the installation's, `account` the domain owner's. */
export const arn = {
  domain: (region: string, owner: AccountId, domain: DomainName) =>
    `arn:aws:codeartifact:${region}:${owner}:domain/${domain}`,
  repository: (region: string, owner: AccountId, domain: DomainName, repository: RepositoryName) =>
    `arn:aws:codeartifact:${region}:${owner}:repository/${domain}/${repository}`,
  // An empty namespace leaves its segment empty: .../npm//react
  package: (region: string, owner: AccountId, domain: DomainName, repository: RepositoryName, name: PackageName) =>
    `arn:aws:codeartifact:${region}:${owner}:package/${domain}/${repository}/${name.format}/${name.namespace ?? ''}/${name.name}`,
  user: (account: AccountId, name: string) => `arn:aws:iam::${account}:user/${name}`,
  role: (account: AccountId, name: string) => `arn:aws:iam::${account}:role/${name}`,
  roleSession: (account: AccountId, role: string, session: string) =>
    `arn:aws:sts::${account}:assumed-role/${role}/${session}`,
} as const
