import { curate, type Finding } from '../../registry/curation.ts'
import type { Instant, PackageVersion } from '../../registry/model.ts'
import type { RenderInput } from '../format.ts'
import { formatIntegrity } from './integrity.ts'
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
    const { version, publishedAt, license, origin } = offered
    const facts = { format: input.name.format, key: input.name.key, version, publishedAt, license, origin }
    const { allowed, findings } = curate(input.rules, facts, input.now)
    if (allowed) {
      visible.set(version, offered)
      continue
    }
    held.set(version, findings)
    for (const { until } of findings) if (until !== null && (expiresAt === null || until < expiresAt)) expiresAt = until
  }
  return { visible, held, expiresAt }
}

/** The index's versions in its order, then what is published here; where both have one, ours stands. */
function* offeredVersions(input: RenderInput, packument: Packument | null): Generator<Offered> {
  const hosted = new Map<string, PackageVersion>()
  for (const version of input.hosted) if (!hosted.has(version.version)) hosted.set(version.version, version)
  if (input.index && packument) {
    const only = input.index.only === null ? null : new Set(input.index.only)
    for (const { version, publishedAt, license } of input.index.facts.versions) {
      const manifest = ownMember(packument.versions, version)
      if (hosted.has(version) || only?.has(version) === false || !isObject(manifest)) continue
      yield { version, manifest, publishedAt, license, origin: 'EXTERNAL' }
    }
  }
  for (const version of hosted.values()) {
    const { publishedAt, license, origin } = version
    yield { version: version.version, manifest: hostedManifest(version, input), publishedAt, license, origin }
  }
}

function hostedManifest(hosted: PackageVersion, { name }: RenderInput): JsonObject {
  const parsed: unknown = JSON.parse(hosted.metadata ?? '{}')
  const { [BUNDLES]: _bundles, ...manifest } = isObject(parsed) ? parsed : {}
  const { sha512, sha1 } = hosted.assets[0]?.digests ?? {}
  return {
    name: name.namespace === null ? name.name : `@${name.namespace}/${name.name}`,
    version: hosted.version,
    ...manifest,
    dist: {
      ...(sha512 !== undefined && { integrity: formatIntegrity('sha512', sha512) }),
      ...(sha1 !== undefined && { shasum: sha1 }),
      ...(isObject(manifest['dist']) && manifest['dist']),
    },
  }
}
