import { curate, type Finding } from '../../registry/curation.ts'
import { isOtherThan } from '../../registry/departures.ts'
import type { Instant, PackageVersion } from '../../registry/model.ts'
import type { RenderInput } from '../format.ts'
import { versionKey } from './ecosystem.ts'
import { declaredDigests, formatIntegrity } from './integrity.ts'
import { isObject, ownMember, type JsonObject } from './json.ts'
import type { Packument } from './packument.ts'

/** Where a published version's metadata keeps its provenance bundles, by file name: ours, never shown in a manifest. */
export const BUNDLES = '_bundles'

/** One version that a package offers, before anyone asked whether it may be shown. */
type Offered = {
  readonly version: string
  readonly manifest: JsonObject
  readonly publishedAt: Instant | null
  readonly license: string | null
  readonly origin: 'INTERNAL' | 'EXTERNAL'
  readonly withdrawn: boolean
}

export type Sorted = {
  readonly visible: ReadonlyMap<string, Offered>
  readonly held: ReadonlyMap<string, readonly Finding[]>
  /** When time alone releases a held version; null where it never will. */
  readonly expiresAt: Instant | null
}

/** Every version, asked of curation. */
export function sortVersions(input: RenderInput, packument: Packument | null): Sorted {
  const visible = new Map<string, Offered>()
  const held = new Map<string, readonly Finding[]>()
  let expiresAt: Instant | null = null
  for (const offered of offeredVersions(input, packument)) {
    const { manifest: _manifest, ...said } = offered
    const facts = { format: input.name.format, key: input.name.key, ...said }
    const { allowed, findings } = curate(input.rules, facts, input.now, versionKey)
    if (allowed) {
      visible.set(said.version, offered)
      continue
    }
    held.set(said.version, findings)
    for (const { until } of findings) if (until !== null && (expiresAt === null || until < expiresAt)) expiresAt = until
  }
  return { visible, held, expiresAt }
}

/** The index's versions in its order, then what was fetched and is in it no more, then what is published here; where several have one, the last of them stands. */
function* offeredVersions(input: RenderInput, packument: Packument | null): Generator<Offered> {
  const hosted = firstOfEach(input.hosted)
  const retained = firstOfEach(input.retained ?? [])
  const listed = new Set<string>()
  if (input.index && packument) {
    const only = input.index.only === null ? null : new Set(input.index.only)
    for (const { version, publishedAt, license } of input.index.facts.versions) {
      const offered = ownMember(packument.versions, version)
      if (hosted.has(version) || only?.has(version) === false || !isObject(offered)) continue
      const kept = retained.get(version)
      const manifest = kept ? asItIsKept(kept, offered, input) : offered
      listed.add(version)
      yield { version, manifest, publishedAt, license, origin: 'EXTERNAL', withdrawn: isWithdrawn(kept) }
    }
  }
  for (const version of retained.values()) {
    // Without a manifest it would be installed without its dependencies.
    if (listed.has(version.version) || hosted.has(version.version) || manifestText(version) === null) continue
    yield ownVersion(version, input)
  }
  for (const version of hosted.values()) yield ownVersion(version, input)
}

function firstOfEach(versions: readonly PackageVersion[]): ReadonlyMap<string, PackageVersion> {
  const first = new Map<string, PackageVersion>()
  for (const version of versions) if (!first.has(version.version)) first.set(version.version, version)
  return first
}

function ownVersion(own: PackageVersion, input: RenderInput): Offered {
  const { version, publishedAt, license, origin } = own
  const manifest = ownManifest(own, parsed(manifestText(own)), input)
  return { version, manifest, publishedAt, license, origin, withdrawn: isWithdrawn(own) }
}

const isWithdrawn = (version: PackageVersion | undefined): boolean => version?.assets[0]?.departure?.is === 'withdrawn'

/** The manifest that is kept with the version, or with its tarball since the index departed from it. */
const manifestText = ({ metadata, assets }: PackageVersion): string | null => metadata ?? assets[0]?.metadata ?? null

function parsed(text: string | null): JsonObject {
  const value: unknown = JSON.parse(text ?? '{}')
  return isObject(value) ? value : {}
}

/**
 * The index says something else of the version than when its tarball was fetched: clients are shown the digests of the bytes that they
 * get, and what was said of those. Only what is said of any version later, that it is deprecated, is the index's.
 */
function asItIsKept(kept: PackageVersion, offered: JsonObject, input: RenderInput): JsonObject {
  const [asset] = kept.assets
  const dist = isObject(offered['dist']) ? offered['dist'] : {}
  if (!asset || (isWithdrawn(kept) && !isOtherThan(asset.digests, declaredDigests(dist)))) return offered
  const text = manifestText(kept)
  const { deprecated: _deprecated, ...manifest } = text === null ? withoutSignatures(offered) : parsed(text)
  const { deprecated } = offered
  return { ...ownManifest(kept, manifest, input), ...(deprecated !== undefined && { deprecated }) }
}

/** They are made over the integrity, which is another one. */
function withoutSignatures(manifest: JsonObject): JsonObject {
  const dist = isObject(manifest['dist']) ? manifest['dist'] : {}
  return { ...manifest, dist: { tarball: dist['tarball'] } }
}

function ownManifest(own: PackageVersion, given: JsonObject, { name }: RenderInput): JsonObject {
  const { [BUNDLES]: _bundles, ...manifest } = given
  const { sha512, sha1 } = own.assets[0]?.digests ?? {}
  return {
    name: name.namespace === null ? name.name : `@${name.namespace}/${name.name}`,
    version: own.version,
    ...manifest,
    dist: {
      ...(sha512 !== undefined && { integrity: formatIntegrity('sha512', sha512) }),
      ...(sha1 !== undefined && { shasum: sha1 }),
      ...(isObject(manifest['dist']) && manifest['dist']),
    },
  }
}
