/** What a curation rule may look at. Unknown facts are null: what that means is each rule's business, and it fails closed. */
export type VersionFacts = {
  readonly format: string
  /** Normalised package name: `acme/hello`, `requests`. */
  readonly key: string
  readonly version: string
  /** Milliseconds since 1970. */
  readonly publishedAt: number | null
  /** SPDX expression or what stood in its place. */
  readonly license: string | null
  /** Where the version comes from. */
  readonly origin: 'INTERNAL' | 'EXTERNAL'
}

/** Holds back what it names. */
export type DenyListRule = {
  readonly kind: 'deny-list'
  readonly packages: readonly {
    readonly format: string
    /** A normalised name, or a prefix of one that ends in `*`. */
    readonly package: string
    /** Exact versions; empty or left out means all of them. */
    readonly versions?: readonly string[]
  }[]
  /** Shown to whoever asks for a held version. */
  readonly reason: string
}

/** A rule as it is stored: in a domain, for all of its repositories or for one. */
export type CurationRule = {
  readonly id: string
  readonly domain: string
  /** null: every repository of the domain. */
  readonly repository: string | null
  readonly rule: DenyListRule
}

/** Why a version is held, by which rule, and until when if time alone would release it. */
export type Finding = { readonly rule: string; readonly reason: string; readonly until: number | null }

export type Curated = { readonly allowed: boolean; readonly findings: readonly Finding[] }
