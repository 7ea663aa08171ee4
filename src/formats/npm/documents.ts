import { createHash } from 'node:crypto'
import type { Finding } from '../../registry/curation.ts'
import type { PackageVersion } from '../../registry/model.ts'
import { displayName } from '../../registry/names.ts'
import type { RenderInput } from '../format.ts'
import { heldMessage } from './held.ts'
import { isObject, recordOf, type JsonObject } from './json.ts'
import { abbreviate } from './manifest.ts'
import { tarballFile, type Packument } from './packument.ts'
import { attestationsPath } from './upstream-documents.ts'
import type { Sorted } from './versions.ts'

/** What an answer shows of a package, once curation was asked and the tags repaired. */
export type Shown = {
  readonly input: RenderInput
  readonly packument: Packument | null
  readonly visible: Sorted['visible']
  readonly held: ReadonlyMap<string, readonly Finding[]>
  readonly tags: ReadonlyMap<string, string>
}

/**
 * One version, with the addresses here of its tarball and of its attestations, which npm asks for at the path of that address. INVARIANT:
 * nothing else of `dist` is touched; what upstreams sign is name, version and integrity.
 */
export function manifestAt({ input, visible }: Shown, version: string): JsonObject {
  const manifest = visible.get(version)?.manifest ?? {}
  const dist = isObject(manifest['dist']) ? manifest['dist'] : {}
  // Always with a literal slash: yarn writes any other spelling into its lock file.
  const tarball = `${input.endpoint}${displayName(input.name)}/-/${tarballFile(input.name, version)}`
  const { attestations } = dist
  const attested = isObject(attestations) && {
    attestations: { ...attestations, url: input.endpoint + attestationsPath(input.name, version) },
  }
  return { ...manifest, dist: { ...dist, tarball, ...attested } }
}

/** The whole document: an upstream's with all that it has, or one made of what was published here. */
export function fullDocument(shown: Shown): JsonObject {
  const { input, packument } = shown
  const isHosted = input.hosted.length > 0
  const versions = versionsOf(shown, (manifest) => (isHosted ? withoutReadme(manifest) : manifest))
  return {
    ...packument?.document,
    ...(isHosted && packageFields(shown)),
    name: displayName(input.name),
    'dist-tags': recordOf(shown.tags),
    versions,
    ...timeField(fullTime(shown)),
    ...restrictions(shown),
  }
}

/** What an install needs, npm's `application/vnd.npm.install-v1+json`, and `time`, which age gates of clients ask for. */
export function abbreviatedDocument(shown: Shown): JsonObject {
  const time = shownTime(shown)
  const modified = time['modified'] ?? shown.packument?.document['modified']
  const staged = shown.packument?.document['stagedVersions']
  return {
    name: displayName(shown.input.name),
    ...(modified !== undefined && { modified }),
    'dist-tags': recordOf(shown.tags),
    ...timeField(time),
    versions: versionsOf(shown, abbreviate),
    ...restrictions(shown),
    ...(staged !== undefined && { stagedVersions: staged }),
  }
}

function versionsOf(shown: Shown, shorten: (manifest: JsonObject) => JsonObject): Record<string, JsonObject> {
  return recordOf(shown.visible.keys().map((version) => [version, shorten(manifestAt(shown, version))]))
}

// ------------------------------------------------------------------------------------------- times

const timeField = (time: JsonObject): { time?: JsonObject } => (Object.keys(time).length === 0 ? {} : { time })

/** The upstream's times as they are, but for versions that are not shown; then our own. */
function fullTime(shown: Shown): JsonObject {
  const { packument, visible } = shown
  const kept = Object.entries(packument?.time ?? {}).filter(
    ([version]) => visible.has(version) || !Object.hasOwn(packument?.versions ?? {}, version),
  )
  return recordOf([...kept, ...timesOfRetained(shown), ...ownTimes(shown)])
}

/** Times of the versions shown and of the package, nothing else. */
function shownTime(shown: Shown): JsonObject {
  const kept = Object.entries(shown.packument?.time ?? {}).filter(
    ([version]) => version === 'created' || version === 'modified' || shown.visible.has(version),
  )
  return recordOf([...kept, ...timesOfRetained(shown), ...ownTimes(shown)])
}

/** Registries forget the times of what they withdraw, and clients that ask for them miss them. */
function timesOfRetained({ input, packument, visible }: Shown): readonly (readonly [string, string])[] {
  const known = packument?.time ?? {}
  return (input.retained ?? []).flatMap(({ version, publishedAt }) =>
    visible.has(version) && !Object.hasOwn(known, version) ? [[version, new Date(publishedAt).toISOString()]] : [],
  )
}

function ownTimes({ input, packument, visible }: Shown): readonly (readonly [string, string])[] {
  if (input.hosted.length === 0) return []
  const own = [...visible.values()].flatMap(({ version, origin, publishedAt }) =>
    origin === 'INTERNAL' && publishedAt !== null ? [[version, new Date(publishedAt).toISOString()] as const] : [],
  )
  const times = own.map(([, time]) => time)
  const { created, modified } = packument?.time ?? {}
  const all = (bound: unknown) => [...times, ...(typeof bound === 'string' ? [bound] : [])].toSorted()
  const first = all(created).at(0)
  const last = all(modified).at(-1)
  return [
    ...(first === undefined ? [] : [['created', first] as const]),
    ...(last === undefined ? [] : [['modified', last] as const]),
    ...own,
  ]
}

// ------------------------------------------------------------------------------------- policyRestrictions

/**
 * npm's resolver looks at these after all others, and stops with the message where nothing else fits; other clients read no such
 * member. No `dist`: a held version's tarball is refused as well.
 */
function restrictions({ input, packument, held }: Shown): { policyRestrictions?: JsonObject } {
  const upstream = packument?.document['policyRestrictions']
  if (held.size === 0) return upstream === undefined ? {} : { policyRestrictions: upstream as JsonObject }
  const theirs = isObject(upstream) && isObject(upstream['versions']) ? Object.entries(upstream['versions']) : []
  const name = displayName(input.name)
  const ours = [...held.keys()].map((version) => [version, { name, version }] as const)
  return { policyRestrictions: { message: heldMessage(input.name, held), versions: recordOf([...theirs, ...ours]) } }
}

// ------------------------------------------------------------------------- members of published packages

// npm shows these of the version tagged `latest` beside the versions.
const PACKAGE_MEMBERS = [
  'description',
  'keywords',
  'homepage',
  'bugs',
  'license',
  'author',
  'contributors',
  'maintainers',
  'repository',
  'readme',
  'readmeFilename',
] as const

function packageFields({ input, tags, visible }: Shown): JsonObject {
  const latest = visible.get(tags.get('latest') ?? '')?.manifest ?? {}
  const members = PACKAGE_MEMBERS.filter((member) => latest[member] !== undefined)
  return {
    _id: displayName(input.name),
    _rev: revisionOf(input.hosted, input.tags),
    ...Object.fromEntries(members.map((member) => [member, latest[member]])),
  }
}

function withoutReadme({ readme: _readme, ...manifest }: JsonObject): JsonObject {
  return manifest
}

/** CouchDB's `_rev`, which clients send back with a write: it names this exact set of versions and tags. */
function revisionOf(hosted: readonly PackageVersion[], tags: RenderInput['tags']): string {
  const hash = createHash('sha256')
  for (const { repository, version, revision } of hosted) hash.update(JSON.stringify([repository, version, revision]))
  for (const { tag, version } of tags) hash.update(JSON.stringify([tag, version]))
  return `${hosted.length}-${hash.digest('hex').slice(0, 32)}`
}
