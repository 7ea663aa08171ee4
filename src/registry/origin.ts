import type { Domain, MergeMode, NameRecord, OriginControls, Package, Repository } from './model.ts'
import type { PackageName } from './names.ts'

/** What a first version sets, as CodeArtifact does: what was published here does not come from outside, and the other way round. */
export const AFTER_PUBLISH: OriginControls = { publish: 'ALLOW', upstream: 'BLOCK' }
export const AFTER_INGEST: OriginControls = { publish: 'BLOCK', upstream: 'ALLOW' }

export type OriginFacts = {
  readonly name: PackageName
  readonly domain: Domain
  /** What the domain knows of the name; undefined if nothing. */
  readonly record: NameRecord | undefined
  /** The package as the domain's repositories hold it. */
  readonly packages: readonly Package[]
  /** How its sources come together here; never if left out. */
  readonly merge?: MergeMode
}

const isReserved = ({ domain, name }: Pick<OriginFacts, 'domain' | 'name'>): boolean =>
  domain.reserved.some(({ format, prefix }) => format === name.format && name.key.startsWith(prefix))

/** The name belongs to the domain: published here once, or under a reserved prefix. */
export const isOwned = (facts: OriginFacts): boolean => facts.record?.owned === true || isReserved(facts)

const explicit = (facts: OriginFacts, along: readonly Repository[]): readonly OriginControls[] =>
  facts.packages
    .filter((held) => held.originIsExplicit && along.some((repository) => repository.name === held.repository))
    .map((held) => held.origin)

/**
 * May any upstream be asked for the name by a request that searches `along`? A person's BLOCK anywhere along the way wins;
 * a name that belongs to the domain needs a person's ALLOW, or, unless it is reserved, that its sources are merged; any other name may.
 */
export function mayAskUpstream(facts: OriginFacts, along: readonly Repository[]): boolean {
  const set = explicit(facts, along)
  if (set.some((origin) => origin.upstream === 'BLOCK')) return false
  const isMerged = facts.merge !== undefined && facts.merge !== 'never' && !isReserved(facts)
  return !isOwned(facts) || isMerged || set.some((origin) => origin.upstream === 'ALLOW')
}

/** The name belongs to the domain, and no person said along the way that it may come from upstream. */
export const isOurs = (facts: OriginFacts, along: readonly Repository[]): boolean =>
  isOwned(facts) && !explicit(facts, along).some((origin) => origin.upstream === 'ALLOW')

/** Why the name may not be published in `repository`; null where it may. */
export function publishRefusal(facts: OriginFacts, repository: Repository): string | null {
  const held = facts.packages.find((candidate) => candidate.repository === repository.name)
  if (held?.originIsExplicit) {
    return held.origin.publish === 'ALLOW'
      ? null
      : 'its origin controls say that it may not be published in this repository'
  }
  if (facts.record?.ingested && !facts.record.owned) {
    return 'its origin controls say that it comes from upstream: versions of it were fetched from a public registry. Allow publishing in its origin controls first'
  }
  return null
}
