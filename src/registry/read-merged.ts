import { rulesFor } from '../policy/curation/curate.ts'
import { compareKept } from './compare-kept.ts'
import { isOtherThan } from './departures.ts'
import { entryPointOf, onlyFiles } from './entry-points.ts'
import { RegistryError } from './errors.ts'
import type { Connection, IndexFile, IndexVersion, Repository } from './model.ts'
import type { ConnectionName, PackageName } from './names.ts'
import type { MergedIndex, MergeReader } from './merged-index.ts'
import { factsOf, RECHECK_AFTER_MS, type AssetSelection, type OfferedFile, type ReadOptions } from './offered.ts'
import { isOurs, isOwned, mayAskUpstream } from './origin.ts'
import { findFile, findFiles, findVersion } from './packed-facts.ts'
import type { MergeRule } from './plan-merge.ts'
import {
  notFound,
  openAsset,
  openHeld,
  openOffered,
  originFacts,
  readPackage,
  type OpenedAsset,
  type PackageSources,
  type ReadParts,
} from './read.ts'
import type { Scope } from './scope.ts'
import { searchPath, saysMerge } from './topology.ts'

// The two doors of read.ts for names whose sources are merged. What the merged index does not have is at neither of them, whatever lies
// in the store: a file that was fetched before may be of a source that has to give way now.

export type MergedParts = ReadParts & { readonly merged: MergeReader }

export type Merging = {
  readonly rule: MergeRule
  readonly along: readonly Repository[]
  readonly isOwned: boolean
  readonly wasHere: boolean
}

/** null: they are not merged, or nobody may be asked. */
export async function mergingOf(parts: ReadParts, scope: Scope, name: PackageName): Promise<Merging | null> {
  if (!saysMerge(scope.view, name)) return null
  const along = searchPath(scope.view, scope.repository.name)
  const origin = await originFacts(parts, scope, name)
  const mode = origin.merge ?? 'never'
  if (mode === 'never' || !mayAskUpstream(origin, along)) return null
  return {
    rule: { mode, isOurs: isOurs(origin, along) },
    along,
    isOwned: isOwned(origin),
    wasHere: origin.record?.ingested ?? false,
  }
}

export async function readPackageOf(
  parts: MergedParts,
  scope: Scope,
  name: PackageName,
  options: ReadOptions,
): Promise<PackageSources> {
  // Nothing is said about nearly all names: they pay for one look into a map.
  const isAsked = options.askUpstream !== false && saysMerge(scope.view, name)
  const merging = isAsked ? await mergingOf(parts, scope, name) : null
  return merging ? readMerged(parts, scope, name, merging, options) : readPackage(parts, scope, name, options)
}

export async function openAssetOf(
  parts: MergedParts,
  scope: Scope,
  name: PackageName,
  select: AssetSelection,
  options: ReadOptions,
): Promise<OpenedAsset> {
  const merging = saysMerge(scope.view, name) ? await mergingOf(parts, scope, name) : null
  return merging
    ? openMerged(parts, scope, name, select, merging, options)
    : openAsset(parts, scope, name, select, options)
}

// ------------------------------------------------------------------------------------------------- the first

async function readMerged(
  parts: MergedParts,
  scope: Scope,
  name: PackageName,
  { rule, along, wasHere }: Merging,
  options: ReadOptions,
): Promise<PackageSources> {
  const merged = await parts.merged.read(scope, name, rule, { ...options, wasHere, isShown: true })
  const names = along.map((repository) => repository.name)
  const [held, tags] = await Promise.all([
    parts.store.listVersions(scope.domain.name, names, name.format, name.key),
    parts.store.listTags(scope.domain.name, names, name.format, name.key),
  ])
  const hosted = held.filter((version) => version.origin === 'INTERNAL' && version.status === 'Published')
  const isNowhere = merged.sources.every(({ state }) => state === 'absent') && merged.kept.size === 0
  if (isNowhere && hosted.length === 0) throw notFound(name)
  const { document, facts } = merged
  const files = new Set(held.flatMap(({ assets }) => assets.map(({ file }) => file)))
  const from = await sourcesOf(merged, files)
  const kept = onlyFiles(
    held.filter(({ origin }) => origin === 'EXTERNAL'),
    (version, asset) => from.get(asset.file) === entryPointOf(version, asset),
  )
  return {
    index: {
      connection: null,
      document,
      facts,
      only: null,
      sideCars: await sideCarsIn(parts, name, merged),
    },
    hosted,
    ...(await compareKept(kept, facts)),
    tags,
    rules: rulesFor(scope.view.rules, scope.repository),
    dependsOn: merged.sources.map(({ connection, revision }) => ({ connection: connection.name, revision })),
    stale: merged.sources.some(({ stale }) => stale),
  }
}

/** Of these files those that are given out, each with the connection that gives it. */
async function sourcesOf(
  { facts, kept }: MergedIndex,
  files: ReadonlySet<string>,
): Promise<ReadonlyMap<string, ConnectionName>> {
  const listed = await findFiles(facts, files)
  return new Map([...kept, ...listed.flatMap(({ file, from }) => (from ? [[file, from] as const] : []))])
}

/** Only those of the sources whose files are shown. */
async function sideCarsIn({ store, sideCarsOf }: MergedParts, { format, key }: PackageName, merged: MergedIndex) {
  if (!sideCarsOf(format)) return []
  const derived = await Promise.all(
    merged.sources.map(async ({ connection: { name } }) =>
      (await store.listDerivedSideCars(name, format, key)).map((sideCar) => ({ name, sideCar })),
    ),
  )
  const from = await sourcesOf(merged, new Set(derived.flat().map(({ sideCar }) => sideCar.file)))
  return derived.flat().flatMap(({ name, sideCar }) => (from.get(sideCar.file) === name ? [sideCar] : []))
}

// ------------------------------------------------------------------------------------------------ the second

async function openMerged(
  parts: MergedParts,
  scope: Scope,
  name: PackageName,
  select: AssetSelection,
  merging: Merging,
  options: ReadOptions,
): Promise<OpenedAsset> {
  const names = merging.along.map((repository) => repository.name)
  const hosted = await parts.findAsset(scope, names, name, select.file)
  // What was published here comes first: no upstream has a say in it.
  if (hosted?.version.origin === 'INTERNAL') {
    const isMeant = select.path === undefined || hosted.asset.path === select.path
    const opened = isMeant ? await openHeld(parts, scope, name, hosted, select) : null
    if (opened) return opened
    throw notFound(name, select.file)
  }
  const shown = await findShown(parts, scope, name, select.file, merging, options)
  if (!shown) throw notFound(name, select.file)
  const { from, listed, merged } = shown
  const found = await parts.store.findAsset(scope.domain.name, names, name.format, name.key, select.file, from)
  const isMeant = (path: string | null) => select.path === undefined || select.path === path
  if (found && isMeant(found.asset.path)) {
    // Of what is listed no more only the version's time is known.
    const known = listed ? factsOf(name, listed.file, listed.version) : found.version
    const opened = await openHeld(parts, scope, name, found, select, known)
    if (opened) return opened
  }
  const source = merged.sources.find(({ connection }) => connection.name === from)
  const isAsKept = !found || !listed || !isOtherThan(found.asset.digests, listed.file.digests)
  if (!listed || !source || !isMeant(listed.file.path) || !isAsKept) throw notFound(name, select.file)
  const offered: OfferedFile = {
    connection: source.connection,
    repository: source.repository,
    file: listed.file,
    facts: factsOf(name, listed.file, listed.version),
    metadata: null,
    asked: [],
  }
  return openOffered(parts, scope, name, select, { offered, isOwned: merging.isOwned }, { ...options, isMerged: true })
}

type Shown = {
  readonly merged: MergedIndex
  readonly from: ConnectionName
  /** undefined: it is kept, and listed no more. */
  readonly listed: { readonly file: IndexFile; readonly version: IndexVersion | undefined } | undefined
}

/** A file that the kept indexes do not list may be newer than they: they are asked once more, waiting for the answer. */
async function findShown(
  parts: MergedParts,
  scope: Scope,
  name: PackageName,
  file: string,
  { rule, wasHere }: Merging,
  options: ReadOptions,
): Promise<Shown | undefined> {
  for (const force of [false, true]) {
    const how = { ...options, wasHere, force, whileRevalidating: !force }
    const merged = await parts.merged.read(scope, name, rule, how)
    const listed = await findFile(merged.facts, { file })
    const from = listed?.file.from ?? merged.kept.get(file)
    if (from !== undefined) return { merged, from, listed }
    const isRecent = ({ checkedAt }: { readonly checkedAt: number }) => parts.clock.now() - checkedAt < RECHECK_AFTER_MS
    if (merged.sources.every(isRecent)) return undefined
    // An older copy cannot tell what does not exist: that is for the upstream to say (decision 5).
    const silent = merged.sources.find(({ stale }) => stale)
    if (force && silent)
      throw new RegistryError(
        'upstream_down',
        `${silent.connection.name} cannot be asked at the moment whether it has ${file}`,
        { retryAfter: 5 },
      )
  }
  return undefined
}

// ------------------------------------------------------------------------------- documents beside versions

/** The connection that gives the file, or else the version, with what it says of it. */
export async function findMergedSource(
  parts: MergedParts,
  scope: Scope,
  name: PackageName,
  { rule, wasHere }: Merging,
  { version, file }: { readonly version: string; readonly file?: string | undefined },
  options: ReadOptions,
): Promise<{ readonly connection: Connection; readonly facts: IndexVersion } | undefined> {
  const { facts, sources } = await parts.merged.read(scope, name, rule, { ...options, wasHere })
  const known = await findVersion(facts, version)
  const listed = file === undefined ? undefined : await findFile(facts, { file })
  const from = file === undefined ? known?.from : listed?.file.from
  const source = sources.find(({ connection }) => connection.name === from)
  const publishedAt = listed?.file.publishedAt ?? known?.publishedAt ?? null
  return source && { connection: source.connection, facts: { version, publishedAt, license: known?.license ?? null } }
}
