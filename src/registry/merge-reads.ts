import type { MergeSetting } from './model.ts'
import type { PackageAt } from './changes.ts'
import type { DomainName } from './names.ts'

/** What the store knows of names whose sources are merged. */
export interface MergeReads {
  /** All that the domain's repositories say, in no order. */
  listMerges(domain: DomainName): Promise<readonly MergeSetting[]>
  /** What `note-merge-conflict` noted of one name. */
  listMergeConflicts(at: PackageAt): Promise<readonly { readonly file: string; readonly digest: string }[]>
}
