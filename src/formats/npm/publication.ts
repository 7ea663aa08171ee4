import semver from 'semver'
import { RegistryError } from '../../registry/errors.ts'
import { displayName, type PackageName } from '../../registry/names.ts'
import type { Landed } from '../../registry/blob-store.ts'
import { parseIntegrity } from './integrity.ts'
import { isObject, ownMember, type JsonObject } from './json.ts'
import type { PublishBody } from './publish-body.ts'
import { parseTag } from './tags.ts'

/** One version as a publish describes it, checked against its own parts and against the bytes that arrived. */
export type Publication = {
  readonly version: string
  readonly manifest: JsonObject
  readonly tags: readonly string[]
  /** Where the client sends it beside the manifest (yarn); null where it sends none. */
  readonly readme: string | null
  /** Provenance bundles, their JSON text by file name. */
  readonly bundles: ReadonlyMap<string, string>
}

/** semver's MAX_LENGTH. */
const MAX_VERSION = 256
const MAX_BUNDLE = 1024 * 1024
/** A readme is for people; a longer one is cut. */
const MAX_README = 1024 * 1024

const invalid = (message: string) => new RegistryError('invalid', message)
const mismatch = (message: string) => new RegistryError('mismatch', message)

/** Throws `invalid` for what is no publish of one version, `mismatch` where its parts contradict each other or `landed`. */
export function readPublication({ document, tarballs }: PublishBody, name: PackageName, landed: Landed): Publication {
  const display = displayName(name)
  for (const member of ['_id', 'name']) {
    const given = document[member]
    if (given !== display && !(member === '_id' && given === undefined)) {
      throw mismatch(`The body's ${member} is ${brief(given)}, but its address says ${display}`)
    }
  }
  const { version, manifest } = readManifest(document, display)
  const attachments = isObject(document['_attachments']) ? document['_attachments'] : {}
  checkBytes(ownMember(attachments, tarballs[0] ?? ''), manifest, landed)
  const { readme } = document
  return {
    version,
    manifest,
    tags: readTags(document['dist-tags'], version),
    readme: typeof readme === 'string' ? readme.slice(0, MAX_README) : null,
    bundles: readBundles(attachments, tarballs),
  }
}

function readManifest({ versions }: JsonObject, display: string): { version: string; manifest: JsonObject } {
  const [entry, ...more] = isObject(versions) ? Object.entries(versions) : []
  if (!entry || more.length > 0) throw invalid('A publish has exactly one version')
  const [version, manifest] = entry
  if (!isObject(manifest)) throw invalid('The version has no manifest')
  // Build metadata does not tell versions apart (semver 10), so it is no part of a published one; npm leaves it out as well.
  if (version.length > MAX_VERSION || semver.valid(version) !== version) {
    throw invalid(`${brief(version)} is not a semantic version such as 1.2.3`)
  }
  if (manifest['version'] !== version)
    throw mismatch(`The manifest of ${version} has the version ${brief(manifest['version'])}`)
  if (manifest['name'] !== display) throw mismatch(`The manifest of ${display} has the name ${brief(manifest['name'])}`)
  return { version, manifest }
}

function checkBytes(attachment: unknown, manifest: JsonObject, landed: Landed): void {
  const length = isObject(attachment) ? attachment['length'] : undefined
  if (length !== undefined && length !== landed.size) {
    throw mismatch(`The attachment is said to have ${brief(length)} bytes, but ${landed.size} arrived`)
  }
  const dist = isObject(manifest['dist']) ? manifest['dist'] : {}
  if (dist['integrity'] !== undefined) checkIntegrity(dist['integrity'], landed)
  const shasum = dist['shasum']
  if (shasum !== undefined && (typeof shasum !== 'string' || shasum.toLowerCase() !== landed.digests.sha1)) {
    throw mismatch('The bytes that arrived do not have the digest of dist.shasum')
  }
}

function checkIntegrity(integrity: unknown, { digests }: Landed): void {
  const declared = parseIntegrity(integrity)
  const algorithms = (['sha512', 'sha384', 'sha256', 'sha1'] as const).filter(
    (algorithm) => declared[algorithm] !== undefined,
  )
  if (algorithms.length === 0) throw mismatch(`dist.integrity ${brief(integrity)} has no digest that can be checked`)
  for (const algorithm of algorithms) {
    if (declared[algorithm] !== digests[algorithm]) {
      throw mismatch(`The bytes that arrived do not have the ${algorithm} digest of dist.integrity`)
    }
  }
}

function readTags(tags: unknown, version: string): readonly string[] {
  if (tags === undefined) return []
  if (!isObject(tags)) throw invalid('dist-tags is not an object')
  return Object.entries(tags).map(([tag, target]) => {
    if (target !== version)
      throw invalid(`The dist-tag ${brief(tag)} must point at the version that is published, ${version}`)
    return parseTag(tag)
  })
}

/** `npm publish --provenance` attaches a Sigstore bundle beside the tarball: JSON text, not base64. */
function readBundles(attachments: JsonObject, tarballs: readonly string[]): ReadonlyMap<string, string> {
  const bundles = new Map<string, string>()
  for (const [file, attachment] of Object.entries(attachments)) {
    if (tarballs.includes(file)) continue
    const text = isObject(attachment) ? attachment['data'] : undefined
    if (!file.endsWith('.sigstore') || typeof text !== 'string')
      throw invalid(`The attachment ${brief(file)} is neither a tarball nor a bundle`)
    if (text.length > MAX_BUNDLE)
      throw new RegistryError('too_large', `The attachment ${brief(file)} is larger than ${MAX_BUNDLE} bytes`)
    bundles.set(file, text)
  }
  return bundles
}

const brief = (value: unknown): string => (JSON.stringify(value) ?? 'missing').slice(0, 120)
