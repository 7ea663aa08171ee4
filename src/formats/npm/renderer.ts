import type { FetchedIndex, ParsedIndex } from '../../registry/ecosystem.ts'
import type { Instant, Tag } from '../../registry/model.ts'
import { displayName, type PackageName } from '../../registry/names.ts'
import { heldError } from '../../registry/refuse-held.ts'
import type { Rendered, RenderInput } from '../format.ts'
import { ABBREVIATED } from './accept.ts'
import { abbreviatedDocument, fullDocument, manifestAt, type Shown } from './documents.ts'
import { heldMessage, heldNotice } from './held.ts'
import { isObject, recordOf } from './json.ts'
import { noticeText } from './notice.ts'
import { factsOf, instantOf, readPackument, tarballFile, type Packument } from './packument.ts'
import { repairTags } from './tags.ts'
import { sortVersions } from './versions.ts'

// Loaded in worker threads: everything that parses or writes a package document happens here.

export function readIndex(fetched: FetchedIndex, name: PackageName): ParsedIndex {
  const model = readModel(fetched.body, name)
  return { facts: factsOf(model, name), document: fetched.body, model }
}

export const readModel: (document: Uint8Array, name: PackageName) => Packument = readPackument

/** The manifests of the versions that these tarballs belong to. */
export function excerpt(document: Uint8Array, name: PackageName, files: readonly string[]): Record<string, string> {
  const wanted = new Set(files)
  const { versions } = readModel(document, name)
  const excerpts = Object.entries(versions).flatMap(([version, manifest]) => {
    const file = tarballFile(name, version)
    return wanted.has(file) ? [[file, JSON.stringify(manifest)] as const] : []
  })
  return recordOf(excerpts)
}

/** Forms: `full`, `abbreviated`, `tags`, and `version:<version or tag>`. */
export function render(input: RenderInput): Rendered {
  const { name, form, index } = input
  const packument = index && (index.model as Packument)
  const { visible, held, expiresAt } = sortVersions(input, packument)
  if (visible.size === 0) {
    if (held.size > 0) return { kind: 'refused', code: 'held', message: heldMessage(name, held) }
    return { kind: 'refused', code: 'not_found', message: `${displayName(name)} was not found: it has no versions` }
  }
  const offered = offeredTags(input.tags, input.hosted.length > 0 ? null : packument)
  const shown: Shown = { input, packument, visible, held, tags: repairTags(offered, [...visible.keys()]) }
  const document = (value: unknown, contentType = 'application/json'): Rendered => ({
    kind: 'document',
    body: Buffer.from(JSON.stringify(value)),
    contentType,
    notice: held.size === 0 ? null : noticeText(heldNotice(name, held)),
    lastModified: lastModified(shown),
    expiresAt,
  })
  if (form === 'full') return document(fullDocument(shown))
  if (form === 'abbreviated') return document(abbreviatedDocument(shown), ABBREVIATED)
  if (form === 'tags') return document(recordOf(shown.tags))
  if (form.startsWith('version:')) return renderVersion(shown, offered, form.slice('version:'.length), document)
  throw new Error(`npm has no form ${form}`)
}

function renderVersion(
  shown: Shown,
  offered: ReadonlyMap<string, string>,
  wanted: string,
  document: (manifest: unknown) => Rendered,
): Rendered {
  const { input, visible, held, tags } = shown
  const version = visible.has(wanted) ? wanted : tags.get(wanted)
  if (version !== undefined) return document(manifestAt(shown, version))
  const meant = offered.get(wanted) ?? wanted
  const findings = held.get(meant)
  if (findings) return { kind: 'refused', code: 'held', message: heldError(input.name, meant, findings).message }
  return { kind: 'refused', code: 'not_found', message: `${displayName(input.name)} has no version or tag ${wanted}` }
}

/** A package that is published here owns its tags; the first repository of the search that has a tag says where it points. */
function offeredTags(own: readonly Tag[], packument: Packument | null): ReadonlyMap<string, string> {
  if (!packument) return new Map(own.toReversed().map(({ tag, version }) => [tag, version]))
  const tags = packument.document['dist-tags']
  const entries = isObject(tags) ? Object.entries(tags) : []
  return new Map(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

/**
 * Only for what the upstream alone determines. Tags that move here, and rules that come and go, move no date; a client that
 * asked by date would keep what is wrong.
 */
function lastModified({ input, packument, held }: Shown): Instant | null {
  if (input.retained?.length) return null
  if (!packument || input.hosted.length > 0 || input.rules.length > 0 || held.size > 0 || input.index?.only) return null
  return instantOf(packument.time['modified'] ?? packument.document['modified'])
}
