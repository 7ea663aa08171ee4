import type { VersionFacts } from '../policy/curation/rule.ts'
import type { DomainName, FormatId, PackageKey, RepositoryName } from './names.ts'

/** Which names repositories have something of: the part of the store that list-names.ts reads. */
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
}
