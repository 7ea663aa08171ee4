import type { FetchedIndex, ParsedIndex } from '../../registry/ecosystem.ts'
import { RegistryError } from '../../registry/errors.ts'
import type { IndexFacts, IndexFile, IndexVersion, Instant } from '../../registry/model.ts'
import type { PackageName } from '../../registry/names.ts'
import { versionOf } from './filename.ts'
import { readSerial, type PageFile, type ProjectPage } from './page.ts'
import { pathOfIndexFile } from './path.ts'
import { likelyWheels } from './likely-wheels.ts'
import { readHtml } from './read-html.ts'
import { readJson } from './read-json.ts'
import { normalVersion, versionKey } from './version.ts'

const JSON_TYPES = [
  'application/vnd.pypi.simple.v1+json',
  'application/vnd.pypi.simple.latest+json',
  'application/json',
]
const HTML_TYPES = [
  'application/vnd.pypi.simple.v1+html',
  'application/vnd.pypi.simple.latest+html',
  'text/html',
  'application/xhtml+xml',
]

/** A project page in either form, to the one form that is kept (`ProjectPage` as JSON) and its facts. */
export function readIndex(fetched: FetchedIndex, name: PackageName): ParsedIndex {
  const page = withoutRepeats(readPage(fetched, name))
  const serial = page.serial ?? readSerial(fetched.headers['x-pypi-last-serial'])
  const model: ProjectPage = { ...page, serial }
  return { facts: factsOf(page, serial, name), document: Buffer.from(JSON.stringify(model)), model }
}

function readPage({ body, contentType, url }: FetchedIndex, name: PackageName): ProjectPage {
  const text = new TextDecoder().decode(body)
  if (JSON_TYPES.includes(contentType)) return readJson(text, url, name)
  if (HTML_TYPES.includes(contentType)) return readHtml(text, url)
  const said = contentType === '' ? 'no content type' : `the content type ${JSON.stringify(contentType.slice(0, 80))}`
  throw new RegistryError(
    'upstream_down',
    `The upstream index answered with ${said} where a project page was asked for`,
  )
}

/** The first of two files of one name counts. PEP 792: a quarantined project offers none. */
function withoutRepeats(page: ProjectPage): ProjectPage {
  const first = new Map<string, PageFile>()
  if (page.status?.status !== 'quarantined') {
    for (const file of page.files) if (!first.has(file.filename)) first.set(file.filename, file)
  }
  return { ...page, files: [...first.values()] }
}

/** The document that `readIndex` made. */
export const readDocument = (document: Uint8Array): ProjectPage =>
  JSON.parse(new TextDecoder().decode(document)) as ProjectPage

function factsOf(page: ProjectPage, serial: number | null, name: PackageName): IndexFacts {
  const versions = new Map<string, { version: string; publishedAt: Instant | null }>()
  const yanked = new Map<string, boolean>()
  // `1.0` and `1.0.0` are one version: whichever spelling comes first, the index's own list leading, stands for both.
  const see = (raw: string) => {
    const key = versionKey(raw)
    const known = versions.get(key) ?? { version: normalVersion(raw), publishedAt: null }
    versions.set(key, known)
    return known
  }
  page.versions.forEach(see)
  const files = page.files.map((file) => {
    const version = see(versionOf(file.filename, name))
    const publishedAt = file.uploadTime === null ? null : Date.parse(file.uploadTime)
    if (publishedAt !== null) version.publishedAt = Math.min(publishedAt, version.publishedAt ?? publishedAt)
    yanked.set(version.version, (yanked.get(version.version) ?? true) && file.yanked !== false)
    return indexFile(file, version.version, publishedAt)
  })
  const lackSideCars = likelyWheels(page.files, (file) => versionOf(file.filename, name))
  return {
    versions: [...versions.values()].map((version): IndexVersion => ({
      ...version,
      license: null,
      ...(yanked.get(version.version) === true && { discouraged: true }),
    })),
    files,
    serial,
    ...(lackSideCars.length > 0 && { lackSideCars }),
  }
}

const indexFile = (file: PageFile, version: string, publishedAt: Instant | null): IndexFile => ({
  file: file.filename,
  version,
  url: file.url,
  path: pathOfIndexFile(new URL(file.url), file.filename, version, file.hashes.sha256),
  digests: file.hashes,
  size: file.size,
  publishedAt,
  sideCar: file.coreMetadata,
})
