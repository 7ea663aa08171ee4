import { Parser } from 'htmlparser2'
import { RegistryError } from '../../registry/errors.ts'
import { isPlainFileName, kindOf } from './filename.ts'
import {
  coreMetadataOf,
  readHashes,
  readProvenance,
  readSerial,
  readSize,
  readUploadTime,
  readUrl,
  type CoreMetadata,
  type PageFile,
  type ProjectPage,
} from './page.ts'
import { readStatus } from './read-json.ts'

// PEP 503's form of a project page, read as installers do: what the upstream's template does with case, quotes and line
// breaks does not matter, only its anchors do.

type Attributes = Readonly<Record<string, string>>
type Anchor = { readonly attributes: Attributes; text: string }

type Found = {
  readonly anchors: readonly Anchor[]
  readonly base: string | undefined
  /** `<meta name="pypi:…" content="…">`, by what follows the colon. */
  readonly meta: ReadonlyMap<string, string>
  /** The words of title and headings. */
  readonly heading: string
}

/** `url` is where the page was found. Throws `upstream_down` for HTML that is no index: a log-in page, an error, a portal. */
export function readHtml(text: string, url: string): ProjectPage {
  const found = scan(text)
  const version = found.meta.get('repository-version') ?? '1.0'
  if (!version.startsWith('1.'))
    throw new RegistryError(
      'upstream_down',
      `The upstream index answered with a page of version ${version.slice(0, 20)} of the simple API`,
    )
  const base = (found.base === undefined ? undefined : URL.parse(found.base, url)?.href) ?? url
  const files = found.anchors.flatMap((anchor) => readAnchor(anchor, base, url))
  if (files.length === 0 && !looksLikeAnIndex(found)) {
    throw new RegistryError(
      'upstream_down',
      'The upstream index answered with an HTML page that is no index: it links to no files',
    )
  }
  return {
    files,
    versions: [],
    status: readStatus({ status: found.meta.get('project-status'), reason: found.meta.get('project-status-reason') }),
    serial: serialIn(text),
  }
}

/** A project without files is an answer; a portal's page in its place would make the project vanish. */
const looksLikeAnIndex = ({ meta, heading }: Found): boolean =>
  meta.has('repository-version') || /\b(links for|index of|simple index)\b/i.test(heading)

const serialIn = (text: string): number | null => readSerial(/<!--\s*SERIAL\s+(\d+)\s*-->/.exec(text)?.[1])

function scan(text: string): Found {
  const anchors: Anchor[] = []
  const meta = new Map<string, string>()
  let base: string | undefined
  let heading = ''
  let open: Anchor | undefined
  let inHeading = false
  const parser = new Parser({
    onopentag(tag, attributes) {
      if (tag === 'a') {
        // An anchor cannot stand in another: one that was never closed ends here.
        open = { attributes, text: '' }
        anchors.push(open)
      } else if (tag === 'base') base ??= attributes['href']
      else if (tag === 'title' || tag === 'h1') inHeading = true
      else if (tag === 'meta' && attributes['name']?.startsWith('pypi:')) {
        meta.set(attributes['name'].slice('pypi:'.length), attributes['content'] ?? '')
      }
    },
    ontext(data) {
      if (open) open.text += data
      if (inHeading) heading += data
    },
    onclosetag(tag) {
      if (tag === 'a') open = undefined
      if (tag === 'title' || tag === 'h1') {
        inHeading = false
        heading += ' '
      }
    },
  })
  parser.end(text)
  return { anchors, base, meta, heading }
}

/** `base` is what the hrefs are relative to; `page` where they stand. */
function readAnchor({ attributes, text }: Anchor, base: string, page: string): readonly PageFile[] {
  const href = attributes['href']?.trim()
  const url = href === undefined ? undefined : readUrl(href, base)
  const filename = url && fileNameOf(url, text.trim())
  if (href === undefined || url === undefined || filename === undefined) return []
  const yanked = attributes['data-yanked']
  const size = attributes['data-size']
  return [
    {
      filename,
      url: url.href,
      hashes: hashesIn(href),
      requiresPython: attributes['data-requires-python'] ?? null,
      size: size !== undefined && /^\d+$/.test(size) ? readSize(Number(size)) : null,
      uploadTime: readUploadTime(attributes['data-upload-time']),
      yanked: yanked === '' ? true : (yanked ?? false),
      coreMetadata: coreMetadataOf(filename, readCoreMetadata(attributes)),
      provenance: readProvenance(attributes['data-provenance'], page),
    },
  ]
}

/** The URL's last segment, as pip has it; the anchor's text where the URL does not end in a file name. */
function fileNameOf(url: URL, text: string): string | undefined {
  return [lastSegment(url), text].find(
    (name) => name !== undefined && isPlainFileName(name) && kindOf(name) !== undefined,
  )
}

function lastSegment(url: URL): string | undefined {
  try {
    return decodeURIComponent(url.pathname.slice(url.pathname.lastIndexOf('/') + 1))
  } catch {
    return undefined
  }
}

/** `#sha256=…`, also among other things: `#egg=hello&md5=…`. */
function hashesIn(href: string) {
  const hash = href.indexOf('#')
  const parts = hash < 0 ? [] : href.slice(hash + 1).split('&')
  return readHashes(parts.map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)] as const))
}

/** PEP 714: the new attribute before the old one. The value is `sha256=…`, or `true`. */
function readCoreMetadata(attributes: Attributes): CoreMetadata {
  const said = attributes['data-core-metadata'] ?? attributes['data-dist-info-metadata']
  if (said === undefined || said.toLowerCase() === 'false') return null
  const { sha256 } = hashesIn(`#${said}`)
  return sha256 === undefined ? true : { sha256 }
}
