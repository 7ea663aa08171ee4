import type { DomainName, FormatId, PackageKey, RepositoryName } from './names.ts'

/** Whether files are here: the part of the store that remembered-offers.ts reads. */
export interface HeldFileReads {
  /** One of `repositories` holds a file of that name: `findAsset` finds one. A few microseconds, whatever the answer. */
  holdsFile(
    domain: DomainName,
    repositories: readonly RepositoryName[],
    format: FormatId,
    key: PackageKey,
    file: string,
  ): Promise<boolean>
}
