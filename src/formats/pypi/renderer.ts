import type { PackageName } from '../../registry/names.ts'
import type { Rendered, RenderInput } from '../format.ts'
import { metadataOfPageFile } from './asset-metadata.ts'
import { findFile, isRefused } from './find-listed.ts'
import { parseForm } from './form.ts'
import { listProject, type Listing, type Refused } from './listing.ts'
import { contentTypeOf } from './negotiate.ts'
import { readDocument } from './read-index.ts'
import { renderHtml } from './render-html.ts'
import { renderJson } from './render-json.ts'
import { renderLegacyJson } from './render-legacy-json.ts'

// Loaded in worker threads; see `Renderer` in formats/format.ts.

export { mergePages as merge } from './merge.ts'
export { readIndex, readDocument as readModel } from './read-index.ts'

/** What the page says of these files. */
export function excerpt(document: Uint8Array, _name: PackageName, files: readonly string[]): Record<string, string> {
  const wanted = new Set(files)
  const kept = readDocument(document).files.filter(({ filename }) => wanted.has(filename))
  return Object.fromEntries(kept.map((file) => [file.filename, JSON.stringify(metadataOfPageFile(file))]))
}

export function render(input: RenderInput): Rendered {
  const listing = listProject(input)
  if ('kind' in listing) return listing
  const drawn = draw(listing, input)
  if ('kind' in drawn) return drawn
  return {
    kind: 'document',
    body: Buffer.from(drawn.text),
    contentType: drawn.contentType,
    notice: null,
    // Left out: it has seconds only, and two uploads in one second would look like one.
    lastModified: null,
    ...(listing.serial !== null && { headers: { 'x-pypi-last-serial': String(listing.serial) } }),
    expiresAt: listing.expiresAt,
  }
}

type Drawn = { readonly text: string; readonly contentType: string }

/** Everything that is said of a project is drawn from its listing: what is not listed is said nowhere. */
function draw(listing: Listing, input: RenderInput): Drawn | Refused {
  const { name, form, endpoint } = input
  const wanted = parseForm(form)
  if (wanted.of === 'page') {
    const text = form === 'json' ? renderJson(listing, endpoint) : renderHtml(listing, endpoint)
    return { text, contentType: contentTypeOf(form) }
  }
  const drawn =
    wanted.of === 'provenance'
      ? whereProvenanceLies(listing, name, wanted)
      : renderLegacyJson(listing, input, wanted.version, wanted.of === 'mirror-json' ? '/' : endpoint)
  return typeof drawn === 'string' ? { text: drawn, contentType: 'application/json' } : drawn
}

/** For the handler, which fetches it: `{"version", "path"}`, the path below the index's simple root. */
function whereProvenanceLies(
  listing: Listing,
  name: PackageName,
  wanted: { readonly version: string; readonly file: string },
): string | Refused {
  const file = findFile(listing, name, wanted)
  if (isRefused(file)) return file
  return file.provenance === null
    ? { kind: 'refused', code: 'not_found', message: `${file.filename} has no attestations` }
    : JSON.stringify({ version: file.version, path: file.provenance })
}
