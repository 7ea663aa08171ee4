import { kindOf, parseWheelName } from './filename.ts'
import { isRefused, findVersion } from './find-listed.ts'
import type { ListedFile, Listing, Refused } from './listing.ts'
import type { Hex } from '../../registry/model.ts'
import type { RenderInput } from '../format.ts'
import { encodePath } from './path.ts'
import { parseVersion, versionKey } from './version.ts'

// The public index's JSON API. It was never standardised; what clients read of it is `releases`, `urls` and a little of `info`.

/** What the listing itself says of the version that `info` is about; the rest is merged into it: see legacy-json.ts. */
export type BaseInfo = {
  readonly name: string
  readonly version: string
  readonly requires_python: string | null
  readonly yanked: boolean
  readonly yanked_reason: string | null
  readonly package_url: string
  readonly project_url: string
  readonly release_url: string
}

/**
 * The document begins with `{"info":`, the base info and a line break, the only one in it: so that whoever has more to say in `info` needs
 * to parse nothing of the rest, which has megabytes.
 */
export const INFO_OPENS = '{"info":'
export const INFO_ENDS = '\n'

export function renderLegacyJson(
  listing: Listing,
  { name, endpoint, hosted }: RenderInput,
  wanted: string | null,
  /** What stands before the paths of files: the endpoint, but for mirrors. */
  filesFrom: string,
): string | Refused {
  const version = wanted === null ? newestOf(listing) : findVersion(listing, name, wanted)
  if (version === undefined) return { kind: 'refused', code: 'not_found', message: `${listing.name} has no release` }
  if (isRefused(version)) return version
  const byVersion = Map.groupBy(listing.files, (file) => versionKey(file.version))
  const filesOf = (one: string) => byVersion.get(versionKey(one)) ?? []
  const assets = new Map(hosted.flatMap((one) => one.assets.map((asset) => [asset.path, asset.digests] as const)))
  const render = (file: ListedFile) => renderFile(file, filesFrom, assets.get(file.path)?.blake2b)
  const rest = {
    // An integer for everyone who parses this into types.
    last_serial: listing.serial ?? 0,
    // The public index leaves it out where one version is asked for.
    ...(wanted === null && {
      releases: Object.fromEntries(listing.versions.map((one) => [one, filesOf(one).map(render)])),
    }),
    urls: filesOf(version).map(render),
    vulnerabilities: [],
  }
  const info = JSON.stringify(infoOf(listing, version, filesOf(version), endpoint))
  return `${INFO_OPENS}${info}${INFO_ENDS},${JSON.stringify(rest).slice(1)}`
}

/** The newest that an installer would choose; where there is none, the newest that it could, and then any. */
function newestOf({ versions, files }: Listing): string | undefined {
  const keys = (some: readonly ListedFile[]) => new Set(some.map((file) => versionKey(file.version)))
  const [all, unyanked] = [keys(files), keys(files.filter((file) => file.yanked === false))]
  const newest = versions.toReversed()
  return (
    newest.find((version) => unyanked.has(versionKey(version)) && isFinal(version)) ??
    newest.find((version) => unyanked.has(versionKey(version))) ??
    newest.find((version) => all.has(versionKey(version))) ??
    newest[0]
  )
}

function isFinal(version: string): boolean {
  const parsed = parseVersion(version)
  return parsed !== undefined && parsed.pre === null && parsed.dev === null
}

function infoOf({ name }: Listing, version: string, files: readonly ListedFile[], endpoint: string): BaseInfo {
  const reasons = files.map(({ yanked }) => yanked)
  const page = `${endpoint}simple/${name}/`
  return {
    name,
    version,
    requires_python: files.find(({ requiresPython }) => requiresPython !== null)?.requiresPython ?? null,
    yanked: files.length > 0 && !reasons.includes(false),
    yanked_reason: reasons.find((reason) => typeof reason === 'string') ?? null,
    package_url: page,
    project_url: page,
    release_url: `${endpoint}pypi/${name}/${encodeURIComponent(version)}/json`,
  }
}

function renderFile(file: ListedFile, from: string, blake2b: Hex | undefined): unknown {
  const { filename, hashes, size, uploadTime, yanked, coreMetadata } = file
  const { md5, sha256 } = hashes
  return {
    comment_text: null,
    'core-metadata': coreMetadata ?? false,
    digests: { ...(blake2b && { blake2b_256: blake2b }), ...(md5 && { md5 }), ...(sha256 && { sha256 }) },
    downloads: -1,
    filename,
    has_sig: false,
    md5_digest: md5 ?? null,
    packagetype: packageType(filename),
    python_version: pythonVersion(filename),
    requires_python: file.requiresPython,
    size,
    // Without a zone, but UTC: so it has always been.
    upload_time: uploadTime === null ? null : uploadTime.replace(/(\.\d+)?Z$/, ''),
    upload_time_iso_8601: uploadTime,
    // INVARIANT: letter by letter the one of the project page. pip-tools compares them.
    url: from + encodePath(file.path),
    yanked: yanked !== false,
    yanked_reason: typeof yanked === 'string' ? yanked : null,
  }
}

const LEGACY_TYPES = new Map([
  ['egg', 'bdist_egg'],
  ['exe', 'bdist_wininst'],
  ['msi', 'bdist_msi'],
  ['rpm', 'bdist_rpm'],
  ['dmg', 'bdist_dmg'],
])

function packageType(filename: string): string {
  const kind = kindOf(filename)
  if (kind === 'wheel') return 'bdist_wheel'
  if (kind === 'sdist') return 'sdist'
  return LEGACY_TYPES.get(filename.slice(filename.lastIndexOf('.') + 1).toLowerCase()) ?? 'bdist_dumb'
}

function pythonVersion(filename: string): string {
  if (kindOf(filename) === 'sdist') return 'source'
  return parseWheelName(filename)?.python ?? /-py(\d+(?:\.\d+)*)/.exec(filename)?.[1] ?? 'any'
}
