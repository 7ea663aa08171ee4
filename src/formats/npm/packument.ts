import semver from 'semver'
import { RegistryError } from '../../registry/errors.ts'
import type { IndexFacts, IndexFile, IndexVersion, Instant } from '../../registry/model.ts'
import { displayName, type PackageName } from '../../registry/names.ts'
import type { OfferedVersion } from '../../registry/ports.ts'
import { declaredDigests } from './integrity.ts'
import { isObject, ownMember, type JsonObject } from './json.ts'
import { licenseOf } from './manifest.ts'

/** An upstream's whole document about a package, parsed and found to be one. */
export type Packument = {
  /** As it came: `versions` and `time` are objects where they are there. */
  readonly document: JsonObject
  readonly versions: JsonObject
  readonly time: JsonObject
}

/** Throws `upstream_down` for anything that is not the document of `name`: an error page, another package, a wrong spelling. */
export function readPackument(bytes: Uint8Array, name: PackageName): Packument {
  const refuse = (why: string, cause?: unknown) =>
    new RegistryError(
      'upstream_down',
      `The upstream's answer for ${displayName(name)} is not its package document: ${why}`,
      { cause },
    )
  const document = parseJson(bytes, (cause) => refuse('it is not JSON', cause))
  if (!isObject(document)) throw refuse('it is not an object')
  if (document['name'] !== displayName(name)) throw refuse('it is named otherwise')
  const { versions, time } = document
  // A package whose versions were all withdrawn is left with a note in `time`.
  const withdrawn = versions === undefined && isObject(time) && isObject(time['unpublished'])
  if (!isObject(versions) && !withdrawn) throw refuse('it has no versions')
  return { document, versions: isObject(versions) ? versions : {}, time: isObject(time) ? time : {} }
}

function parseJson(bytes: Uint8Array, refusal: (cause: unknown) => Error): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')) as unknown
  } catch (cause) {
    throw refusal(cause)
  }
}

/** What curation, downloads and resolution need to know of it. Versions that are none, or have no tarball, are left out. */
export function factsOf({ versions, time }: Packument, name: PackageName): IndexFacts {
  const listed: IndexVersion[] = []
  const files: IndexFile[] = []
  for (const [version, manifest] of Object.entries(versions)) {
    if (!isObject(manifest) || semver.valid(version, { loose: true }) === null) continue
    const file = fileOf(name, version, manifest, instantOf(ownMember(time, version)))
    if (!file) continue
    const { deprecated } = manifest
    const discouraged = deprecated !== undefined && deprecated !== false && deprecated !== ''
    const { publishedAt } = file
    listed.push({ version, publishedAt, license: licenseOf(manifest), ...(discouraged && { discouraged }) })
    files.push(file)
  }
  return { versions: listed, files, serial: null }
}

/** What a registry says of one version alone: `GET /<name>/<version>`. undefined for anything else, and where it declares no integrity. */
export function readManifest(bytes: Uint8Array, name: PackageName, version: string): OfferedVersion | undefined {
  const manifest = parseJson(bytes, (cause) => new RegistryError('upstream_down', 'It is not JSON', { cause }))
  if (!isObject(manifest) || manifest['name'] !== displayName(name) || manifest['version'] !== version) return undefined
  const file = fileOf(name, version, manifest, null)
  if (!file || Object.keys(file.digests).length === 0) return undefined
  return {
    version: { version, publishedAt: null, license: licenseOf(manifest) },
    file,
    metadata: JSON.stringify(manifest),
  }
}

function fileOf(
  name: PackageName,
  version: string,
  { dist }: JsonObject,
  publishedAt: Instant | null,
): IndexFile | null {
  if (!isObject(dist)) return null
  const url = dist['tarball']
  if (typeof url !== 'string' || !URL.canParse(url)) return null
  const digests = declaredDigests(dist)
  // `unpackedSize` is the size of something else; the tarball's is not declared.
  return { file: tarballFile(name, version), version, url, path: null, digests, size: null, publishedAt, sideCar: null }
}

/** The one name under which a version's tarball is known here, whatever its upstream calls it. */
export const tarballFile = (name: PackageName, version: string): string => `${name.name}-${version}.tgz`

export function instantOf(time: unknown): Instant | null {
  const instant = typeof time === 'string' ? Date.parse(time) : NaN
  return Number.isNaN(instant) ? null : instant
}
