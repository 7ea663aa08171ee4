import type { PackagePattern } from './packages.ts'

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
  /** Its upstream had it, and has it no more; left out where it has, or where nobody knows. */
  readonly withdrawn?: boolean
}

/** Holds back what it names. */
export type DenyListRule = {
  readonly kind: 'deny-list'
  readonly packages: readonly PackagePattern[]
  /** Shown to whoever asks for a held version. */
  readonly reason: string
}

/** Holds back versions from upstream until they have been public for a while. */
export type MinimumAgeRule = {
  readonly kind: 'minimum-age'
  readonly seconds: number
  /** Left out: all packages of all formats. */
  readonly packages?: readonly PackagePattern[]
  /** What is never too young: packages, or single versions of them. */
  readonly except?: readonly PackagePattern[]
  /** Shown to whoever asks for a held version; left out: that it is younger than so many days. */
  readonly reason?: string
}

export type Rule = DenyListRule | MinimumAgeRule

/** A rule as it is stored: in a domain, for all of its repositories or for one. */
export type CurationRule = {
  readonly id: string
  readonly domain: string
  /** null: every repository of the domain. */
  readonly repository: string | null
  readonly rule: Rule
}

/** What stands in a repository by its settings, for which nobody made a rule: versions that their upstream withdrew are held. */
export type WithdrawnRule = { readonly kind: 'withdrawn' }

/** A rule as versions are asked of it. */
export type AppliedRule = CurationRule | { readonly id: string; readonly rule: WithdrawnRule }

/** Why a version is held, by which rule, and until when if time alone would release it. */
export type Finding = { readonly rule: string; readonly reason: string; readonly until: number | null }

export type Curated = { readonly allowed: boolean; readonly findings: readonly Finding[] }
