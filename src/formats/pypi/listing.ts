import type { RenderInput, Rendered } from '../format.ts'
import type { MeasuredFile } from '../../registry/compare-kept.ts'
import { isOtherThan } from '../../registry/departures.ts'
import type { Asset, Instant, KeptSideCar, PackageVersion } from '../../registry/model.ts'
import { readAssetMetadata } from './asset-metadata.ts'
import { heldMessage, startCuration, type Curation, type Judged } from './judge-versions.ts'
import type { MoreKeys, PageFile, ProjectPage, ProjectStatus } from './page.ts'
import { pathOfDigest } from './path.ts'
import { compareVersions, versionKey } from './version.ts'

/** A file as the pages of this registry list it. */
export type ListedFile = Omit<PageFile, 'url'> & {
  readonly version: string
  /** Below the endpoint, decoded. */
  readonly path: string
}

/** What both forms of a page say: hosted files and the index's, without what is held back, in the order of versions. */
export type Listing = {
  readonly name: string
  readonly files: readonly ListedFile[]
  readonly versions: readonly string[]
  readonly status: ProjectStatus | null
  readonly serial: number | null
  /** What other standards add to the page in JSON. */
  readonly more: MoreKeys
  /** Why versions are left out that a rule holds back, by version. One that is listed all the same has held files. */
  readonly held: ReadonlyMap<string, ReadonlySet<string>>
  /** When the next held version comes of age, or a digest may have been found out; null for never. */
  readonly expiresAt: Instant | null
}

export type Refused = Extract<Rendered, { kind: 'refused' }>

export function listProject(input: RenderInput): Listing | Refused {
  const curation = startCuration(input)
  const hosted = hostedFiles(input, curation)
  const page = input.index && (input.index.model as ProjectPage)
  const upstream = isQuarantined(page) ? [] : upstreamFiles(input, page, curation, hosted)
  const files = [...hosted.files, ...upstream]
  const versions = [...new Set([...files.map((file) => file.version), ...filelessVersions(input, curation)])]
  if (versions.length === 0 && curation.held.size > 0)
    return { kind: 'refused', code: 'held', message: heldMessage(input, curation) }
  const distinct = distinctVersions(versions)
  const ranks = new Map(distinct.map((version, rank) => [versionKey(version), rank]))
  const order = new Map(versions.map((version) => [version, ranks.get(versionKey(version)) ?? 0]))
  const rank = (file: ListedFile): number => order.get(file.version) ?? 0
  return {
    name: input.name.name,
    files: files.toSorted((a, b) => rank(a) - rank(b) || (a.filename < b.filename ? -1 : 1)),
    versions: distinct,
    status: page?.status ?? null,
    serial: page?.serial ?? null,
    more: page?.more ?? {},
    held: curation.held,
    expiresAt: soonest(curation.expiresAt(), files.every(isMeasured) ? null : input.now + MEASURED_SOON_MS),
  }
}

/** PEP 792: such a project offers no files, so none of those either that were fetched before. By their addresses they are still to be had. */
const isQuarantined = (page: ProjectPage | null): boolean => page?.status?.status === 'quarantined'

/** Nothing says when such a file is fetched, and its digest known: then the page is looked at again this soon. */
const MEASURED_SOON_MS = 60_000
const isMeasured = ({ hashes }: ListedFile): boolean => hashes.sha256 !== undefined

const soonest = (one: Instant | null, other: Instant | null): Instant | null =>
  one === null || other === null ? (one ?? other) : Math.min(one, other)

/** In rising order, one spelling each. */
function distinctVersions(versions: readonly string[]): readonly string[] {
  const distinct = new Map<string, string>()
  for (const version of versions) if (!distinct.has(versionKey(version))) distinct.set(versionKey(version), version)
  return [...distinct.values()].toSorted(compareVersions)
}

// ---------------------------------------------------------------------------------------------------- files

type Hosted = {
  readonly files: readonly ListedFile[]
  /** Every hosted file's name, listed or not: the index's file of that name is out of reach. */
  readonly taken: ReadonlySet<string>
  /** Keys of the hosted versions. */
  readonly versions: ReadonlySet<string>
}

function hostedFiles({ hosted }: RenderInput, curation: Curation): Hosted {
  const taken = new Set<string>()
  const owners = new Map<string, string>()
  const files: ListedFile[] = []
  for (const version of hosted) {
    // The same version in a repository further along the way is another thing, and stays behind the first.
    const key = versionKey(version.version)
    const owner = owners.get(key) ?? version.repository
    owners.set(key, owner)
    const isFirst = owner === version.repository
    for (const asset of version.assets) {
      const listed = isFirst && curation.allows({ ...factsOf(version), withdrawn: isWithdrawn(asset) })
      if (listed && !taken.has(asset.file)) files.push(hostedFile(version, asset))
      taken.add(asset.file)
    }
  }
  return { files, taken, versions: new Set(owners.keys()) }
}

const factsOf = ({ version, publishedAt, license, origin }: PackageVersion): Judged => ({
  version,
  publishedAt,
  license,
  origin,
})

const isWithdrawn = ({ departure }: Asset): boolean => departure?.is === 'withdrawn'

function hostedFile({ version }: PackageVersion, asset: Asset): ListedFile {
  const { sha256, sha512, sha1, md5 } = asset.digests
  return {
    filename: asset.file,
    version,
    path: asset.path ?? pathOfDigest(sha256, asset.file),
    hashes: { sha256, ...(sha512 && { sha512 }), ...(sha1 && { sha1 }), ...(md5 && { md5 }) },
    requiresPython: readAssetMetadata(asset.metadata).requiresPython,
    size: asset.size,
    uploadTime: new Date(asset.createdAt).toISOString(),
    yanked: false,
    coreMetadata: asset.sideCar && { sha256: asset.sideCar.sha256 },
    provenance: null,
  }
}

/** A file that is kept otherwise than its index has it, or that its index has no more: as it is kept, and as was said of it then. */
function retainedFile(version: PackageVersion, asset: Asset): ListedFile {
  const { page } = readAssetMetadata(asset.metadata)
  return {
    ...hostedFile(version, asset),
    uploadTime: new Date(version.publishedAt).toISOString(),
    // Whether that of these bytes is kept as well, nobody knows here; without it clients read it from the file.
    coreMetadata: null,
    ...page,
  }
}

type RetainedFile = { readonly version: PackageVersion; readonly asset: Asset }

/** By file name; what comes first in search order counts. */
function retainedFiles({ retained = [] }: RenderInput): ReadonlyMap<string, RetainedFile> {
  const files = new Map<string, RetainedFile>()
  for (const version of retained)
    for (const asset of version.assets)
      if (asset.path !== null && !files.has(asset.file)) files.set(asset.file, { version, asset })
  return files
}

function upstreamFiles(
  input: RenderInput,
  page: ProjectPage | null,
  curation: Curation,
  hosted: Hosted,
): readonly ListedFile[] {
  const files = [
    ...(page ? indexFiles(input, page, curation, hosted) : []),
    ...withdrawnFiles(input, page, curation, hosted),
  ]
  const measured = new Map(input.measured?.map((file) => [file.file, file]))
  return files.map((file) => withoutForeignProvenance(withMeasured(file, measured.get(file.filename)), hosted))
}

/** Clients lock files by strong digests, and fetch a file of which they are told none only to find it out. */
const withMeasured = (file: ListedFile, measured: MeasuredFile | undefined): ListedFile =>
  measured && file.hashes.sha256 === undefined
    ? { ...file, hashes: { ...file.hashes, sha256: measured.sha256 }, size: file.size ?? measured.size }
    : file

/** Documents about a version that is hosted here are asked of nobody else. */
const withoutForeignProvenance = (file: ListedFile, { versions }: Hosted): ListedFile =>
  file.provenance !== null && versions.has(versionKey(file.version)) ? { ...file, provenance: null } : file

function withdrawnFiles(
  input: RenderInput,
  page: ProjectPage | null,
  curation: Curation,
  { taken }: Hosted,
): readonly ListedFile[] {
  const listed = new Set(page?.files.map(({ filename }) => filename))
  return [...retainedFiles(input).values()].flatMap(({ version, asset }) => {
    if (listed.has(asset.file) || taken.has(asset.file)) return []
    const judged = { ...factsOf(version), withdrawn: isWithdrawn(asset) }
    return curation.allows(judged) ? [retainedFile(version, asset)] : []
  })
}

function indexFiles(
  input: RenderInput,
  page: ProjectPage,
  curation: Curation,
  { taken }: Hosted,
): readonly ListedFile[] {
  const { facts, counts } = indexOf(input)
  const versions = new Map(facts.versions.map((version) => [version.version, version]))
  const offered = new Map(facts.files.map((file) => [file.file, file]))
  const retained = retainedFiles(input)
  const isGone = withdrawnVersions(input)
  const derived = new Map(input.index?.sideCars?.map((sideCar) => [sideCar.file, sideCar]))
  return page.files.flatMap((file) => {
    const fact = offered.get(file.filename)
    if (!fact || fact.path === null || !counts(fact.version) || taken.has(file.filename)) return []
    const version = versions.get(fact.version)
    const kept = retained.get(file.filename)
    const judged = {
      version: fact.version,
      publishedAt: fact.publishedAt ?? version?.publishedAt ?? null,
      license: version?.license ?? null,
      origin: 'EXTERNAL',
      withdrawn: isGone(fact.version) || (kept !== undefined && isWithdrawn(kept.asset)),
    } as const
    if (!curation.allows(judged)) return []
    const isAsKept = !kept || (isWithdrawn(kept.asset) && !isOtherThan(kept.asset.digests, file.hashes))
    return isAsKept
      ? [{ ...file, version: fact.version, path: fact.path, coreMetadata: coreMetadataOf(file, derived) }]
      : [{ ...retainedFile(kept.version, kept.asset), yanked: file.yanked }]
  })
}

/** The index's word, else what is known here of these very bytes. */
function coreMetadataOf(file: PageFile, derived: ReadonlyMap<string, KeptSideCar>): PageFile['coreMetadata'] {
  const known = derived.get(file.filename)
  const isOfFile = known !== undefined && known.derivedFrom === file.hashes.sha256
  return file.coreMetadata ?? (isOfFile ? { sha256: known.sha256 } : null)
}

/** Where the index says that there is no such project, the last page is what is shown; all of a version that was kept is withdrawn then. */
function withdrawnVersions({ index, retained = [] }: RenderInput): (version: string) => boolean {
  if (!index?.only) return () => false
  const gone = new Set(
    retained.filter(({ assets }) => assets.some(isWithdrawn)).map(({ version }) => versionKey(version)),
  )
  return (version) => gone.has(versionKey(version))
}

/** Versions that the index lists without files: PEP 700 wants them in `versions`. */
function filelessVersions(input: RenderInput, curation: Curation): readonly string[] {
  if (!input.index) return []
  const { facts, counts } = indexOf(input)
  const withFiles = new Set(facts.files.map((file) => file.version))
  return facts.versions
    .filter((each) => counts(each.version) && !withFiles.has(each.version))
    .filter((each) => curation.allows({ ...each, origin: 'EXTERNAL' }))
    .map((each) => each.version)
}

function indexOf({ index }: RenderInput) {
  const only = index?.only ? new Set(index.only.map(versionKey)) : null
  return {
    facts: index?.facts ?? { versions: [], files: [], serial: null },
    counts: (version: string): boolean => only === null || only.has(versionKey(version)),
  }
}
