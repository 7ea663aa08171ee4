import { RegistryError, type ErrorCode } from '../../registry/errors.ts'
import type { PackageName } from '../../registry/names.ts'
import { parseNpmName } from './name.ts'

/** What a path points at. */
export type Place =
  | { readonly at: 'ping' }
  | { readonly at: 'whoami' }
  /** The keys that the registries behind this one sign with. */
  | { readonly at: 'keys' }
  | { readonly at: 'attestations'; readonly name: PackageName; readonly version: string }
  /** `npm audit` asks here. */
  | { readonly at: 'advisories' }
  | { readonly at: 'dist-tags'; readonly name: PackageName }
  | { readonly at: 'dist-tag'; readonly name: PackageName; readonly tag: string }
  | { readonly at: 'package'; readonly name: PackageName }
  /** A version or a tag: only the package's document can tell which. */
  | { readonly at: 'version'; readonly name: PackageName; readonly version: string }
  | { readonly at: 'tarball'; readonly name: PackageName; readonly file: string }
  /** A revision of a package or of a file of it (`…/-rev/…`), by which npm takes things away. */
  | { readonly at: 'revision'; readonly name: PackageName }

/** semver's MAX_LENGTH; tags are shorter. */
const MAX_VERSION = 256

/**
 * The one reader of npm's paths: `raw` is the path as it came, each segment decoded once. Throws `invalid` for what no client
 * means (`..`, NUL, a second layer of percent encoding), `not_found` where nothing lies. `noName` is the code for a
 * name that no package can have: a reader finds nothing there, a publisher is told why.
 */
export function parsePath(raw: string, noName: ErrorCode): Place {
  const segments = raw
    .split('/')
    .filter((segment) => segment !== '')
    .map(decodeSegment)
  const place = placeAt(segments, noName)
  if (!place) throw new RegistryError('not_found', `There is nothing at ${JSON.stringify(raw.slice(0, 300))}`)
  return place
}

function placeAt(segments: readonly string[], noName: ErrorCode): Place | null {
  if (segments[0] === '-') return serviceAt(segments.slice(1), noName)
  // npm up to version 10 puts the whole path of `dist.attestations.url` behind the registry's address, which has a path itself.
  const [format, , , ...again] = segments
  if (format === 'npm' && again.slice(0, 4).join('/') === ATTESTATIONS) return serviceAt(again.slice(1), noName)
  return packageAt(segments, noName)
}

const ATTESTATIONS = '-/npm/v1/attestations'

function decodeSegment(segment: string): string {
  const decoded = decodeOnce(segment)
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f\\]/.test(decoded)) throw malformed('it has control characters or backslashes')
  if (/%[0-9a-f]{2}/i.test(decoded)) throw malformed('it is percent-encoded twice')
  if (decoded.split('/').some((part) => part === '.' || part === '..')) throw malformed('it has dot segments')
  return decoded
}

function decodeOnce(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch (cause) {
    throw malformed('its percent-encoding is not valid UTF-8', cause)
  }
}

const malformed = (why: string, cause?: unknown): RegistryError =>
  new RegistryError('invalid', `This path cannot be read: ${why}`, { cause })

/** `/-/…`: what is not below a package's own name. */
function serviceAt(segments: readonly string[], noName: ErrorCode): Place | null {
  const [service, ...rest] = segments
  if (service === 'ping' && rest.length === 0) return { at: 'ping' }
  if (service === 'whoami' && rest.length === 0) return { at: 'whoami' }
  if (service === 'npm') return securityAt(rest, noName)
  if (service === 'package') {
    const [name, below] = takeName(rest, noName)
    if (!name || below[0] !== 'dist-tags') return null
    if (below.length === 1) return { at: 'dist-tags', name }
    if (below.length === 2) return { at: 'dist-tag', name, tag: below[1] ?? '' }
  }
  return null
}

/** `/-/npm/v1/…` */
function securityAt([v1, ...segments]: readonly string[], noName: ErrorCode): Place | null {
  if (v1 !== 'v1') return null
  if (segments.join('/') === 'keys') return { at: 'keys' }
  if (segments.join('/') === 'security/advisories/bulk') return { at: 'advisories' }
  if (segments[0] !== 'attestations') return null
  // `hello@1.0.0`, `@acme%2fhello@1.0.0`, or `@acme/hello@1.0.0` in two segments.
  const spec = segments.slice(1).join('/')
  const at = spec.lastIndexOf('@')
  const version = spec.slice(at + 1)
  const [name, below] = takeName(at > 0 ? spec.slice(0, at).split('/') : [], noName)
  if (!name || below.length > 0 || version === '' || version.length > MAX_VERSION) return null
  return { at: 'attestations', name, version: unslashed(version) }
}

function packageAt(segments: readonly string[], noName: ErrorCode): Place | null {
  const [name, below] = takeName(segments, noName)
  if (!name) return null
  if (below.length === 0) return { at: 'package', name }
  if (below.length >= 2 && below.at(-2) === '-rev') return { at: 'revision', name }
  if (below[0] === '-') return tarballAt(name, below.slice(1))
  if (below.length > 1) return null
  const version = unslashed(below[0] ?? '')
  if (version.length > MAX_VERSION)
    throw new RegistryError('invalid', `A version has at most ${MAX_VERSION} characters`)
  // `-rev` and its like are npm's own words, never versions.
  return version.startsWith('-') ? null : { at: 'version', name, version }
}

/** `n-1.0.0.tgz`; npm's publish body repeats the scope: `@s/n-1.0.0.tgz`, in one segment or two. */
function tarballAt(name: PackageName, segments: readonly string[]): Place | null {
  const [scope, file, ...more] = segments.flatMap((segment) => segment.split('/'))
  if (scope === undefined || more.length > 0) return null
  if (file === undefined) return { at: 'tarball', name, file: scope }
  return scope === `@${name.namespace}` && name.namespace !== null ? { at: 'tarball', name, file } : null
}

/** The package name at the head, `@s%2fn` in one segment or `@s/n` in two, and what follows it. */
function takeName(segments: readonly string[], noName: ErrorCode): readonly [PackageName | null, readonly string[]] {
  const [first, second] = segments
  if (first === undefined) return [null, []]
  const inTwo = first.startsWith('@') && !first.includes('/')
  if (inTwo && second === undefined) return [null, []]
  const raw = inTwo ? `${first}/${second}` : first
  if (!first.startsWith('@')) unslashed(first)
  try {
    return [parseNpmName(raw), segments.slice(inTwo ? 2 : 1)]
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'invalid')
      throw new RegistryError(noName, error.message, { cause: error })
    throw error
  }
}

function unslashed(segment: string): string {
  if (segment.includes('/')) throw malformed('it has an encoded slash where none belongs')
  return segment
}
