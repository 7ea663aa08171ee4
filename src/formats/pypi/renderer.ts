import type { PackageName } from '../../registry/names.ts'
import type { Rendered, RenderInput } from '../format.ts'
import { metadataOfPageFile } from './asset-metadata.ts'
import { listProject } from './listing.ts'
import { contentTypeOf } from './negotiate.ts'
import { readDocument } from './read-index.ts'
import { renderHtml } from './render-html.ts'
import { renderJson } from './render-json.ts'

// Loaded in worker threads; see `Renderer` in formats/format.ts.

export { readIndex } from './read-index.ts'

/** What the page says of these files. */
export function excerpt(document: Uint8Array, _name: PackageName, files: readonly string[]): Record<string, string> {
  const wanted = new Set(files)
  const kept = readDocument(document).files.filter(({ filename }) => wanted.has(filename))
  return Object.fromEntries(kept.map((file) => [file.filename, JSON.stringify(metadataOfPageFile(file))]))
}

export function render(input: RenderInput): Rendered {
  const listing = listProject(input)
  if ('kind' in listing) return listing
  const page = input.form === 'json' ? renderJson(listing, input.endpoint) : renderHtml(listing, input.endpoint)
  return {
    kind: 'document',
    body: Buffer.from(page),
    contentType: contentTypeOf(input.form),
    notice: null,
    // Left out: it has seconds only, and two uploads in one second would look like one.
    lastModified: null,
    expiresAt: listing.expiresAt,
  }
}
