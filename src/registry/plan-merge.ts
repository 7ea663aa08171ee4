import { isOtherThan } from './departures.ts'
import type { DeclaredDigests, IndexFacts, IndexFile, IndexVersion, MergeMode } from './model.ts'
import type { ConnectionName } from './names.ts'

// What is shown of a name whose sources are merged: one decision, for whole packages, which pages and single files both follow.

/** A file that is here: published, or fetched and kept. */
export type FileHere = {
  readonly file: string
  readonly version: string
  readonly digests: DeclaredDigests
  /** Its version is not to be listed: its name is taken, and nothing is added to it. */
  readonly isHidden?: true
}

/** One connection, in the order in which they are searched. */
export type MergeSource = {
  readonly connection: ConnectionName
  /** What it offers; null where it says that there is no such package, or is no longer asked. */
  readonly facts: IndexFacts | null
  /** What came from it and is kept. */
  readonly kept: readonly FileHere[]
}

/** What the ecosystem knows of files; see `Ecosystem.merging`. */
export type Merging = {
  versionKey(version: string): string
  /** `others`: what other sources have of one version. Which files may be added without being taken in place of one of them? */
  extrasBeside(others: readonly string[]): (file: string) => boolean
}

/** A file that gives way to another of its name. */
export type Dropped = {
  readonly file: string
  readonly version: string
  readonly kept: From
  readonly dropped: From
}
/** null: published here. */
type From = { readonly from: ConnectionName | null; readonly digests: DeclaredDigests }

export type MergePlan = {
  /** What indexes offer and may be shown, beside what is published here. */
  readonly facts: IndexFacts
  /** What is kept and may be shown, by file: the source that it came from. */
  readonly kept: readonly (readonly [file: string, from: ConnectionName])[]
  /** Other bytes under names that are taken. The same bytes again are one entry, and nothing to tell of. */
  readonly dropped: readonly Dropped[]
}

type Offer = FileHere & { readonly from: ConnectionName | null; readonly listed: IndexFile | null }

/** What was said about the name, and whose it is. */
export type MergeRule = {
  readonly mode: Exclude<MergeMode, 'never'>
  /** The domain's, and nobody said that it may come from upstream: where nothing of it is here, no connection decides in its place. */
  readonly isOurs: boolean
}

/** Pure. `hosted`: published here, which comes before all connections. */
export function planMerge(
  { mode, isOurs }: MergeRule,
  hosted: readonly FileHere[],
  sources: readonly MergeSource[],
  merging: Merging,
): MergePlan {
  const here = hosted.map((file): Offer => ({ ...file, from: null, listed: null }))
  const offers = [{ source: null, offers: here }, ...sources.map((source) => ({ source, offers: offersOf(source) }))]
  const deciding = offers.find(({ source, offers: some }) =>
    source === null ? isOurs || some.length > 0 : some.length > 0 || (source.facts?.versions ?? []).length > 0,
  )
  const existing = new Set(
    deciding?.offers.filter(({ isHidden }) => !isHidden).map(({ version }) => merging.versionKey(version)),
  )
  for (const { version } of deciding?.source?.facts?.versions ?? []) existing.add(merging.versionKey(version))
  const shown = new Map<string, Offer>()
  const filesOf = new Map<string, string[]>()
  const dropped: Dropped[] = []
  for (const one of offers) {
    const isExtra = new Map<string, (file: string) => boolean>()
    const mayAdd = ({ file, version }: Offer): boolean => {
      if (mode === 'all' || one === deciding) return true
      const key = merging.versionKey(version)
      const asked = isExtra.get(key) ?? merging.extrasBeside(filesOf.get(key) ?? [])
      isExtra.set(key, asked)
      return existing.has(key) && asked(file)
    }
    const added: Offer[] = []
    for (const offer of one.offers) {
      const taken = shown.get(offer.file)
      if (taken && isOtherThan(taken.digests, offer.digests)) dropped.push(droppedFor(taken, offer))
      if (!taken && mayAdd(offer)) added.push(offer)
    }
    // Only now: files of one source do not keep each other away.
    for (const offer of added) {
      shown.set(offer.file, offer)
      const key = merging.versionKey(offer.version)
      filesOf.set(key, [...(filesOf.get(key) ?? []), offer.file])
    }
  }
  const listed = [...shown.values()].filter(({ listed: file }) => file !== null)
  return {
    facts: factsOf(
      mode === 'all' ? sources : sources.filter((one) => one === deciding?.source),
      sources,
      listed,
      merging,
    ),
    kept: keptOf(sources, shown),
    dropped,
  }
}

/** What is kept otherwise than its index has it stays as it is kept. */
function offersOf({ connection, facts, kept }: MergeSource): readonly Offer[] {
  // What comes first along the way counts.
  const unlisted = new Map(kept.toReversed().map((file) => [file.file, file]))
  const offered = (facts?.files ?? []).map((listed): Offer => {
    const own = unlisted.get(listed.file)
    unlisted.delete(listed.file)
    const digests = own && isOtherThan(own.digests, listed.digests) ? own.digests : listed.digests
    return { file: listed.file, version: listed.version, digests, from: connection, listed }
  })
  return [...offered, ...[...unlisted.values()].map((file) => ({ ...file, from: connection, listed: null }))]
}

const droppedFor = (taken: Offer, { file, version, from, digests }: Offer): Dropped => ({
  file,
  version,
  kept: { from: taken.from, digests: taken.digests },
  dropped: { from, digests },
})

const keptOf = (sources: readonly MergeSource[], shown: ReadonlyMap<string, Offer>): MergePlan['kept'] =>
  sources.flatMap(({ connection, kept }) =>
    kept.filter(({ file }) => shown.get(file)?.from === connection).map(({ file }) => [file, connection] as const),
  )

/** `telling`: the sources whose versions are shown even where none of their files is. */
function factsOf(
  telling: readonly MergeSource[],
  sources: readonly MergeSource[],
  listed: readonly Offer[],
  { versionKey }: Merging,
): IndexFacts {
  const versions = new Map<string, IndexVersion>()
  const see = (connection: ConnectionName, version: IndexVersion) => {
    const key = versionKey(version.version)
    if (!versions.has(key)) versions.set(key, { ...version, from: connection })
  }
  for (const { connection, facts } of telling) for (const version of facts?.versions ?? []) see(connection, version)
  const known = new Map(
    sources.map(({ connection, facts }) => [connection, new Map(facts?.versions.map((one) => [one.version, one]))]),
  )
  const files = listed.flatMap(({ from, listed: file }): IndexFile[] => {
    if (from === null || file === null) return []
    const own = known.get(from)?.get(file.version)
    if (own) see(from, own)
    // Each file is as old as its own source says, and its version is spelled as the first source spells it.
    const publishedAt = file.publishedAt ?? own?.publishedAt ?? null
    const version = versions.get(versionKey(file.version))?.version ?? file.version
    return [{ ...file, publishedAt, version, from }]
  })
  return { serial: null, versions: [...versions.values()], files }
}
