import { RegistryError } from '../../registry/errors.ts'
import type { Hex } from '../../registry/model.ts'
import { isPlainFileName } from './filename.ts'

// The raw path below a repository, taken apart before it is decoded, and each part decoded once: `%252F` is a file with
// `%2F` in its name, never a slash.

export type Target =
  | { readonly at: 'projects' }
  /** `name` as it was written; `slash` is whether one stood behind it. */
  | { readonly at: 'project'; readonly name: string; readonly slash: boolean; readonly alias: boolean }
  /** `path` decoded: `packages/aa/bb/rest/file`. */
  | { readonly at: 'file'; readonly path: string; readonly file: string; readonly metadata: boolean }
  /** The JSON API. `version` null: all of them. */
  | { readonly at: 'legacy-json'; readonly name: string; readonly version: string | null }
  | { readonly at: 'provenance'; readonly name: string; readonly version: string; readonly file: string }
  | { readonly at: 'upload' }
  | { readonly at: 'nothing' }

export function parsePath(raw: string): Target {
  const path = raw.startsWith('/') ? raw.slice(1) : raw
  if (path === '' || path === 'legacy' || path === 'legacy/') return { at: 'upload' }
  const slash = path.endsWith('/')
  const segments = (slash ? path.slice(0, -1) : path).split('/').map(decode)
  const [first, name] = segments
  if (first === 'packages') return slash ? { at: 'nothing' } : fileAt(segments)
  if (first === 'simple' || first === '+simple') {
    if (name === undefined) return { at: 'projects' }
    if (segments.length === 2) return { at: 'project', name, slash, alias: first !== 'simple' }
  }
  // No decoded segment has a slash in it: joined, they can be taken apart again.
  const decoded = segments.join('/')
  return legacyAt(decoded) ?? (slash ? undefined : provenanceAt(decoded)) ?? { at: 'nothing' }
}

/** As the public index has it; older versions of pip-tools put `pypi` behind the last slash of the index's address, so behind `simple/`. */
const LEGACY = /^(?:simple\/)?pypi\/(?<project>[^/]+)(?:\/(?<version>[^/]+))?\/json$/
/** As Renovate and pip-tools ask. */
const SHORT_LEGACY = /^(?<project>[^/]+)\/json$/

function legacyAt(path: string): Target | undefined {
  const { project, version } = (LEGACY.exec(path) ?? SHORT_LEGACY.exec(path))?.groups ?? {}
  return project === undefined ? undefined : { at: 'legacy-json', name: project, version: version ?? null }
}

const PROVENANCE = /^integrity\/(?<name>[^/]+)\/(?<version>[^/]+)\/(?<file>[^/]+)\/provenance$/

function provenanceAt(path: string): Target | undefined {
  const { name, version, file } = PROVENANCE.exec(path)?.groups ?? {}
  return name === undefined || version === undefined || file === undefined
    ? undefined
    : { at: 'provenance', name, version, file }
}

const METADATA = '.metadata'

function fileAt(segments: readonly string[]): Target {
  const last = segments.at(-1)
  if (last === undefined || segments.length < 2) return { at: 'nothing' }
  const metadata = last.endsWith(METADATA)
  const file = metadata ? last.slice(0, -METADATA.length) : last
  return { at: 'file', path: [...segments.slice(0, -1), file].join('/'), file, metadata }
}

function decode(segment: string): string {
  const decoded = decodeSegment(segment)
  if (decoded === undefined)
    throw new RegistryError('invalid', `The path has a part that is no name: ${JSON.stringify(segment.slice(0, 60))}`)
  return decoded
}

/** Undefined for what is not UTF-8 and for what would be more, or less, than one segment. */
function decodeSegment(segment: string): string | undefined {
  try {
    const decoded = decodeURIComponent(segment)
    return isPlainFileName(decoded) ? decoded : undefined
  } catch {
    return undefined
  }
}

/**
 * Where a file of an index lies below this registry's endpoint, decoded as `parsePath` decodes it. The public index's layout
 * is kept where its URL has one, so that a lock file survives a change of host; other files lie under their digest, and
 * those without one under their version.
 */
export function pathOfIndexFile(url: URL, file: string, version: string, sha256: Hex | undefined): string {
  return publicPath(url, file) ?? (sha256 === undefined ? pathOfVersion(version, file) : pathOfDigest(sha256, file))
}

/** Where a file lies that has no path of its own upstream: `packages/sha256/<hex>/<file>`. */
export const pathOfDigest = (sha256: Hex, file: string): string => `packages/sha256/${sha256}/${file}`

const pathOfVersion = (version: string, file: string): string =>
  `packages/file/${isPlainFileName(version) ? version : 'unknown'}/${file}`

function publicPath(url: URL, file: string): string | undefined {
  const segments = url.pathname.split('/')
  const start = segments.indexOf('packages')
  if (start < 0) return undefined
  const decoded = segments.slice(start).map(decodeSegment)
  if (decoded.length < 2 || decoded.includes(undefined) || decoded.at(-1) !== file) return undefined
  return decoded.join('/')
}

/** Where the attestations of a file are served (PEP 740), decoded; null where it has none, or a version that cannot stand in a path. */
export const provenancePath = (
  project: string,
  {
    version,
    filename,
    provenance,
  }: { readonly version: string; readonly filename: string; readonly provenance: string | null },
): string | null =>
  provenance === null || !isPlainFileName(version) ? null : `integrity/${project}/${version}/${filename}/provenance`

/** A decoded path as it stands in a URL: no query, nothing that a reader would have to unescape but percent signs. */
export const encodePath = (path: string): string => path.split('/').map(encodeSegment).join('/')

// encodeURIComponent leaves quotes, parentheses and stars; `+` must be %2B, since some clients read it as a space.
const encodeSegment = (segment: string): string =>
  encodeURIComponent(segment).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
