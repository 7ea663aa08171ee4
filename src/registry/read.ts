import { rulesFor } from '../policy/curation/curate.ts'
import type { AppliedRule } from '../policy/curation/rule.ts'
import { compareKept, type ComparedKept } from './compare-kept.ts'
import { decidingAlong, fetchedThrough, isGivenHere } from './deciding.ts'
import { entryPointOf } from './entry-points.ts'
import { outageOf, RegistryError } from './errors.ts'
import { etagOf } from './etag.ts'
import type {
  CachedIndex,
  Connection,
  Hex,
  Instant,
  KeptSideCar,
  PackageVersion,
  PackedFacts,
  Repository,
  Tag,
} from './model.ts'
import type { FindAsset } from './found-assets.ts'
import { withKnownAge } from './known-age.ts'
import { displayName, type ConnectionName, type FormatId, type PackageName } from './names.ts'
import { findOffered, findUpstream, type AssetSelection, type ReadOptions } from './offered.ts'
import { isOwned, mayAskUpstream, type OriginFacts } from './origin.ts'
import { openCold, type ColdFile } from './open-cold.ts'
import { openSideCar } from './open-side-car.ts'
import type { BlobStore, Landed, ReadableBlob } from './blob-store.ts'
import type { Clock, FoundAsset, MetadataStore, Upstream } from './ports.ts'
import type { SideCarPreparation } from './prepare-side-cars.ts'
import type { KnownOffer, RememberedOffers } from './remembered-offers.ts'
import { refuseHeld } from './refuse-held.ts'
import { retain } from './retain.ts'
import type { Scope } from './scope.ts'
import { checkDerived, type Offer, type SideCarParts } from './side-cars.ts'
import { findMerge, searchPath } from './topology.ts'

// The two doors out of a registry: an index of a package, and a file of it. Policy stands in both. A third door needs a
// decision record, as those in documents.ts have (0016).

/** What an answer about a package is made from: hand it to the format's renderer. */
export type PackageSources = {
  readonly index: {
    /** null: it was merged of several. */
    readonly connection: ConnectionName | null
    /** The connection's document in the blob store, zstd-compressed. One that was merged of several has its `bytes`, and lies nowhere. */
    readonly document: { readonly sha256: Hex; readonly size: number; readonly bytes?: Uint8Array }
    readonly facts: PackedFacts
    /** Where not null, only these versions of it count. */
    readonly only: readonly string[] | null
    /** Read out of the files themselves, where the index does not offer them. */
    readonly sideCars: readonly KeptSideCar[]
  } | null
  readonly hosted: readonly PackageVersion[]
  /** Fetched and kept, but not as the index has it: see `RenderInput.retained`. */
  readonly retained: readonly PackageVersion[]
  /** Fetched and kept as the index has it, where that declares no strong digest: see `RenderInput.measured`. */
  readonly measured: ComparedKept['measured']
  readonly tags: readonly Tag[]
  readonly rules: readonly AppliedRule[]
  /** The indexes that were asked, in order: what the last one offers counts as long as those before it do not have the package. */
  readonly dependsOn: readonly { readonly connection: ConnectionName; readonly revision: number }[]
  readonly stale: boolean
}

export type OpenedAsset = {
  readonly file: string
  readonly version: string
  /** Known before the first byte wherever the store or the index declares it. */
  readonly sha256: Hex | null
  /** Strong and quoted; null where no digest is known yet. */
  readonly etag: string | null
  /** Bytes; null where nobody declared it yet. */
  readonly size: number | null
  readonly body: ReadableBlob
  /** hit: from the store. miss: it is arriving from upstream for this request. joined: for an earlier one. */
  readonly cache: 'hit' | 'miss' | 'joined'
  /** Of a file that is not here, where parts of it may be given unverified: see `ColdFile`. */
  readonly part?: ColdFile['part']
}

export type { AssetSelection, ReadOptions } from './offered.ts'

export type ReadParts = {
  readonly store: MetadataStore
  readonly blobs: BlobStore
  readonly upstream: Upstream
  readonly clock: Clock
  readonly findAsset: FindAsset
  readonly offers: RememberedOffers
  readonly sideCars: SideCarPreparation
  /** `Ecosystem.sideCars` of the format. */
  readonly sideCarsOf: SideCarParts['sideCarsOf']
  /** `Ecosystem.versionKey` of the format. */
  readonly versionKey: (format: FormatId, version: string) => string
  /** Remembers that a blob was of use. */
  readonly used: (sha256: Hex) => void
  /** A retention that failed does not fail the download; it is reported here. */
  readonly onRetentionFailure: (error: unknown, file: string) => void
}

export const notFound = (name: PackageName, what?: string): RegistryError =>
  new RegistryError(
    'not_found',
    what ? `${what} of ${displayName(name)} was not found` : `${displayName(name)} was not found`,
    {
      resourceType: what ? 'asset' : 'package',
      resourceId: displayName(name),
    },
  )

export async function originFacts(
  { store }: { readonly store: Pick<MetadataStore, 'findName' | 'findPackages'> },
  scope: Scope,
  name: PackageName,
): Promise<OriginFacts> {
  const [record, packages] = await Promise.all([
    store.findName(scope.domain.name, name.format, name.key),
    store.findPackages(scope.domain.name, name.format, name.key),
  ])
  const merge = findMerge(scope.view, searchPath(scope.view, scope.repository.name), name)?.mode ?? 'never'
  return { name, domain: scope.domain, record, packages, merge }
}

/** The first door: everything that an answer about a package is made from, refreshed if stale. */
export async function readPackage(
  parts: ReadParts,
  scope: Scope,
  name: PackageName,
  options: ReadOptions,
): Promise<PackageSources> {
  const along = searchPath(scope.view, scope.repository.name)
  const names = along.map((repository) => repository.name)
  const facts = await originFacts(parts, scope, name)
  const mayAsk = (options.askUpstream ?? true) && mayAskUpstream(facts, along)
  const wasHere = facts.record?.ingested ?? false
  const told = mayAsk ? await findPrepared(parts, scope, name, along, { ...options, wasHere }).catch(outageOf) : null
  const asked = told instanceof RegistryError ? null : told
  const [kept, tags] = await Promise.all([
    parts.store.listVersions(scope.domain.name, names, name.format, name.key),
    parts.store.listTags(scope.domain.name, names, name.format, name.key),
  ])
  const deciding = mayAskUpstream(facts, along)
    ? asked?.index.state === 'present'
      ? asked.connection.name
      : await decidingAlong(parts, scope, along, name)
    : undefined
  const held = fetchedThrough(deciding, kept, scope, along, name)
  const hosted = held.filter((version) => version.origin === 'INTERNAL' && version.status === 'Published')
  const index =
    asked?.index.state === 'present'
      ? await liveIndex(parts, asked.connection, asked.index)
      : await retainedIndex(parts, name, held)
  const alone = index ? [] : held.filter(isListedAlone)
  if (told instanceof RegistryError && !index && alone.length === 0) throw told
  if (!index && hosted.length + alone.length === 0) throw notFound(name)
  return {
    index,
    hosted: [...hosted, ...alone],
    ...(index ? await compareKept(held, index.facts) : { retained: [], measured: [] }),
    tags,
    rules: rulesFor(scope.view.rules, scope.repository),
    dependsOn: asked?.asked ?? [],
    stale: told instanceof RegistryError || (asked?.stale ?? false),
  }
}

/** Fetched by its own manifest, as by a lock file, or withdrawn later: it can be shown without any index. */
const isListedAlone = ({ origin, status, metadata, assets }: PackageVersion): boolean =>
  origin === 'EXTERNAL' &&
  status === 'Published' &&
  (metadata !== null || assets.some((asset) => asset.metadata !== null))

async function liveIndex(
  parts: ReadParts,
  connection: Connection,
  index: CachedIndex,
): Promise<PackageSources['index']> {
  if (!index.document || !index.facts) return null
  const { document, facts } = index
  return { connection: connection.name, document, facts, only: null, sideCars: await sideCarsIn(parts, index) }
}

const sideCarsIn = async ({ store, sideCarsOf }: ReadParts, { connection, format, key }: CachedIndex) =>
  sideCarsOf(format) ? store.listDerivedSideCars(connection, format, key) : []

/** Before an index is shown, what it lacks is found out as far as that is quickly done. */
async function findPrepared(
  parts: ReadParts,
  scope: Scope,
  name: PackageName,
  along: readonly Repository[],
  options: Parameters<typeof findUpstream>[4],
) {
  const found = await findUpstream(parts, scope, name, along, options)
  if (found?.index.state !== 'present' || found.stale) return found
  if (!(await parts.sideCars.prepare(scope, name, found, options.deadline))) return found
  // As it is now, revision and all: what was found out moved it.
  const index = await parts.store.findIndex(found.connection.name, name.format, name.key)
  if (index?.state !== 'present') return found
  const last = { connection: index.connection, revision: index.revision }
  return { ...found, index, asked: [...found.asked.slice(0, -1), last] }
}

/** What was fetched once stays, also when its connection is gone or denies the package: the last index, cut down to those versions. */
async function retainedIndex(
  parts: ReadParts,
  name: PackageName,
  held: readonly PackageVersion[],
): Promise<PackageSources['index']> {
  const retained = held.filter((version) => version.origin === 'EXTERNAL' && version.status === 'Published')
  const connection = retained[0]?.entryPoint as ConnectionName | undefined
  if (connection === undefined) return null
  const index = await parts.store.findIndex(connection, name.format, name.key)
  if (!index?.document || !index.facts) return null
  const only = retained.filter((version) => version.entryPoint === connection).map((version) => version.version)
  const sideCars = await sideCarsIn(parts, index)
  return { connection, document: index.document, facts: index.facts, only: [...new Set(only)], sideCars }
}

/** The second door: one file, from the store or while it arrives. */
export async function openAsset(
  parts: ReadParts,
  scope: Scope,
  name: PackageName,
  select: AssetSelection,
  options: ReadOptions,
): Promise<OpenedAsset> {
  const along = searchPath(scope.view, scope.repository.name)
  const names = along.map((repository) => repository.name)
  const remembered = parts.offers.find(scope, names, name, select)
  const known = remembered && (await remembered)
  if (known) return openOffered(parts, scope, name, select, known, options)
  const found = await parts.findAsset(scope, names, name, select.file)
  const isMeant = found && (select.path === undefined || found.asset.path === select.path)
  const mayAsk = async () => mayAskUpstream(await originFacts(parts, scope, name), along)
  if (isMeant && (await isGivenHere(parts, scope, along, name, found, mayAsk))) {
    const opened = await openHeld(parts, scope, name, found, select)
    if (opened) return opened
  }
  return openFromUpstream(parts, scope, name, select, along, options)
}

/** `listed`: what the index says of the file, where that was looked up already. */
export async function openHeld(
  parts: ReadParts,
  scope: Scope,
  name: PackageName,
  found: FoundAsset,
  select: AssetSelection,
  listed?: { readonly publishedAt: Instant | null },
): Promise<OpenedAsset | null> {
  const { version, asset } = found
  if (version.status !== 'Published' && version.status !== 'Unlisted') throw notFound(name, select.file)
  const { publishedAt } = listed ?? (await withKnownAge(parts, scope, name, found))
  const { license, origin } = version
  const withdrawn = asset.departure?.is === 'withdrawn'
  const facts = {
    format: name.format,
    key: name.key,
    version: version.version,
    publishedAt,
    license,
    origin,
    withdrawn,
  }
  refuseHeld(parts, scope, name, facts, parts.clock.now())
  const part = select.sideCar ? await sideCarOf(parts, name, found) : { sha256: asset.digests.sha256, size: asset.size }
  if (!part) return version.origin === 'EXTERNAL' ? null : Promise.reject(notFound(name, `${select.file}.metadata`))
  const body = await parts.blobs.open(part.sha256, part)
  if (!body) {
    if (version.origin === 'EXTERNAL') return null
    throw new Error(
      `The blob ${part.sha256} of ${displayName(name)} ${version.version} ${select.file} is missing or cut short`,
    )
  }
  parts.used(part.sha256)
  const etag = etagOf(select.sideCar ? part : asset.digests)
  return { file: select.file, version: version.version, sha256: part.sha256, etag, size: body.size, body, cache: 'hit' }
}

/** That of a fetched file is kept by itself. It serves also when the upstream no longer lists the file. */
async function sideCarOf(parts: ReadParts, name: PackageName, { version, asset }: FoundAsset) {
  if (asset.sideCar || version.origin === 'INTERNAL') return asset.sideCar
  const kept = await parts.store.findSideCar(entryPointOf(version, asset), name.format, name.key, asset.file)
  return kept?.derivedFrom === null || kept?.derivedFrom === asset.digests.sha256 ? kept : undefined
}

async function openFromUpstream(
  parts: ReadParts,
  scope: Scope,
  name: PackageName,
  select: AssetSelection,
  along: readonly Repository[],
  options: ReadOptions,
): Promise<OpenedAsset> {
  const origin = await originFacts(parts, scope, name)
  if (!mayAskUpstream(origin, along)) throw notFound(name, isOwned(origin) ? select.file : undefined)
  const offered = await findOffered(parts, scope, name, select, along, options)
  if (!offered) throw notFound(name, select.file)
  const known = { offered, isOwned: isOwned(origin) }
  parts.offers.remember(scope, name, select, known)
  return openOffered(parts, scope, name, select, known, options)
}

/** Downloads it, or opens less of it where less is wanted. `isMerged`: see `Retention`. */
export async function openOffered(
  parts: ReadParts,
  scope: Scope,
  name: PackageName,
  select: AssetSelection,
  known: KnownOffer,
  options: ReadOptions & { readonly isMerged?: boolean },
): Promise<OpenedAsset> {
  const { connection, repository, file, facts, metadata } = known.offered
  const { isMerged = false } = options
  refuseHeld(parts, scope, name, facts, parts.clock.now())
  const owned = { evenIfOwned: known.isOwned, isMerged }
  const retention = { scope, name, file, facts, metadata, connection, keeper: repository, ...owned }
  const offer = { connection, name, file }
  const onLanded = async (landed: Landed) => {
    await retain(parts, { ...retention, landed })
    await checkDerived(parts, offer, landed)
  }
  const download = () =>
    parts.upstream.download(connection, file, {
      deadline: options.deadline,
      onLanded: (landed) => onLanded(landed).catch((error: unknown) => parts.onRetentionFailure(error, file.file)),
    })
  if (select.sideCar) {
    const remember = (sideCar: KeptSideCar) => parts.offers.remember(scope, name, select, { ...known, sideCar })
    const fetching = { deadline: options.deadline, download }
    const found = await openSideCar(parts, offer, { known: known.sideCar, remember, fetching })
    if (!found) throw notFound(name, `${file.file}.metadata`)
    return found
  }
  const opened = {
    file: file.file,
    version: file.version,
    sha256: file.digests.sha256 ?? null,
    etag: etagOf(file.digests),
  }
  // Whoever reads parts of a file that has something inside for resolvers looks for that, and has always done so unverified.
  // Of other files a range is cut out of what was verified.
  const isLookedInto = parts.sideCarsOf(name.format)?.has(file.file) ?? false
  const wantsLess = options.only === 'headers' || (options.only === 'range' && isLookedInto)
  const cold = wantsLess ? await openCold(parts, offer, { deadline: options.deadline, download }) : null
  if (cold) {
    const part = isLookedInto && { part: withSideCar(parts, offer, cold) }
    return { ...opened, size: cold.size, body: cold.body, cache: 'miss', ...part }
  }
  const { size, body, joined } = await download()
  return { ...opened, size, body, cache: joined ? 'joined' : 'miss' }
}

const withSideCar =
  ({ sideCars }: ReadParts, offer: Offer, cold: ColdFile): ColdFile['part'] =>
  async (range) => {
    const part = await cold.part(range)
    if (part && part !== cold.body) sideCars.deriveBehind(offer)
    return part
  }
