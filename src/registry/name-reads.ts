import type { VersionFacts } from '../policy/curation/rule.ts'
import type { Instant } from './model.ts'
import type { ConnectionName, DomainName, FormatId, PackageKey, RepositoryName } from './names.ts'

/** Which names repositories have something of, and since when: the part of the store that list-names.ts and serials.ts read. */
export interface NameReads {
  /** Names under which the repository holds a version that is Published, in rising order; `after` is the last one before them. */
  listNames(
    domain: DomainName,
    repository: RepositoryName,
    format: FormatId,
    page: { readonly limit: number; readonly after: PackageKey | null },
  ): Promise<readonly PackageKey[]>
  /** What curation asks about such versions under the names from `first` to `last`: at least once per version, and apart where its upstream withdrew some of its files. */
  listVersionFacts(
    domain: DomainName,
    repository: RepositoryName,
    format: FormatId,
    names: { readonly first: PackageKey; readonly last: PackageKey },
  ): Promise<readonly VersionFacts[]>
  /** When the topology counter moved last, by the clock of whoever moved it. */
  readTopologyMove(): Promise<Instant>
  /** Of these names, at least one row for each that anything is known of. */
  listMoves(
    domain: DomainName,
    format: FormatId,
    of: {
      readonly names: readonly PackageKey[]
      readonly repositories: readonly RepositoryName[]
      readonly connections: readonly ConnectionName[]
    },
  ): Promise<readonly NameMove[]>
}

/** One of the moments that matter for a name: its counter moved, one of the repositories got its first version, or a connection's index changed. */
export type NameMove = {
  readonly key: PackageKey
  readonly at: Instant
  /** Of an index: when its upstream was asked last; null otherwise. */
  readonly checkedAt: Instant | null
}
