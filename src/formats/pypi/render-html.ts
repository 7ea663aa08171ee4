import type { DeclaredDigests } from '../../registry/model.ts'
import type { ListedFile, Listing } from './listing.ts'
import type { CoreMetadata } from './page.ts'
import { encodePath, provenancePath } from './path.ts'

// PEP 503's form, frozen at 1.4 by PEP 833. Clients scrape it with regular expressions, so its shape is the public index's,
// exactly: one anchor per line, `href` first, double quotes, nothing raw that could end an attribute or a tag.

export function renderHtml(listing: Listing, endpoint: string): string {
  const title = `Links for ${escape(listing.name)}`
  return [
    '<!DOCTYPE html>',
    '<html>',
    '  <head>',
    '    <meta name="pypi:repository-version" content="1.4">',
    ...renderStatus(listing.status),
    `    <title>${title}</title>`,
    '  </head>',
    '  <body>',
    `    <h1>${title}</h1>`,
    ...listing.files.map((file) => renderAnchor(listing.name, file, endpoint)),
    '  </body>',
    '</html>',
    ...(listing.serial === null ? [] : [`<!--SERIAL ${listing.serial}-->`]),
    '',
  ].join('\n')
}

const escape = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')

function renderStatus(status: Listing['status']): readonly string[] {
  if (!status) return []
  const meta = (name: string, content: string) => `    <meta name="${name}" content="${escape(content)}">`
  const lines = [meta('pypi:project-status', status.status)]
  return status.reason === null ? lines : [...lines, meta('pypi:project-status-reason', status.reason)]
}

function renderAnchor(project: string, file: ListedFile, endpoint: string): string {
  const core = coreMetadata(file.coreMetadata)
  const provenance = provenancePath(project, file)
  const attributes: readonly (readonly [string, string | null])[] = [
    ['href', endpoint + encodePath(file.path) + fragment(file.hashes)],
    ['data-requires-python', file.requiresPython],
    ['data-dist-info-metadata', core],
    ['data-core-metadata', core],
    ['data-yanked', file.yanked === true ? '' : file.yanked === false ? null : file.yanked],
    ['data-provenance', provenance === null ? null : endpoint + encodePath(provenance)],
    // No standard has these two in HTML; uv reads them.
    ['data-size', file.size === null ? null : String(file.size)],
    ['data-upload-time', file.uploadTime],
  ]
  const written = attributes.flatMap(([name, value]) => (value === null ? [] : [`${name}="${escape(oneLine(value))}"`]))
  return `<a ${written.join(' ')}>${escape(file.filename)}</a><br />`
}

const oneLine = (text: string): string => text.replace(/[\r\n\t]+/g, ' ')

/** One digest, the strongest that every client knows. */
function fragment(hashes: DeclaredDigests): string {
  const [algorithm, digest] =
    (['sha256', 'sha512', 'sha384', 'sha1', 'md5'] as const)
      .map((name) => [name, hashes[name]] as const)
      .find(([, value]) => value !== undefined) ?? []
  return digest === undefined ? '' : `#${algorithm}=${digest}`
}

const coreMetadata = (core: CoreMetadata): string | null =>
  core === null ? null : core === true ? 'true' : `sha256=${core.sha256}`
