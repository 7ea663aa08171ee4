export const JSON_TYPE = 'application/vnd.pypi.simple.v1+json'
export const HTML_TYPE = 'text/html'

type PageFile = {
  readonly filename: string
  readonly url: string
  readonly hashes: Readonly<Record<string, string>>
  readonly 'requires-python'?: string | null
  readonly size?: number
  readonly 'upload-time'?: string
  readonly yanked?: boolean | string
  readonly 'core-metadata'?: boolean | Readonly<Record<string, string>>
  readonly [member: string]: unknown
}

/** A project's page, as PEP 691 has it. */
export type Page = {
  readonly meta: { readonly 'api-version': string; readonly '_last-serial'?: number }
  readonly name: string
  readonly files: readonly PageFile[]
  readonly [member: string]: unknown
}

/** The older document at `/pypi/NAME/json`. */
type LegacyDocument = {
  readonly info: { readonly name: string }
  readonly last_serial: number
  readonly releases: Readonly<Record<string, readonly LegacyFile[]>>
}

type LegacyFile = {
  readonly filename: string
  readonly url: string
  readonly digests: Readonly<Record<string, string>>
  readonly requires_python: string | null
  readonly size: number
  readonly upload_time_iso_8601: string
  readonly yanked: boolean
  readonly yanked_reason: string | null
  readonly 'core-metadata'?: boolean | Readonly<Record<string, string>>
}

/** Of either document; `url` is where it was found. */
export function pageOf(sent: Page | LegacyDocument, url: URL): Page {
  const page = 'releases' in sent ? fromLegacy(sent as LegacyDocument) : sent
  return { ...page, files: page.files.map((file) => ({ ...file, url: new URL(file.url, url).href })) }
}

const fromLegacy = ({ info, last_serial, releases }: LegacyDocument): Page => ({
  meta: { 'api-version': '1.1', '_last-serial': last_serial },
  name: info.name.replaceAll(/[-_.]+/g, '-').toLowerCase(),
  versions: Object.keys(releases),
  files: Object.values(releases).flatMap((files) => files.map(fileFromLegacy)),
})

const fileFromLegacy = (file: LegacyFile): PageFile => ({
  filename: file.filename,
  url: file.url,
  hashes: { sha256: file.digests['sha256'] ?? '' },
  'requires-python': file.requires_python,
  size: file.size,
  'upload-time': file.upload_time_iso_8601,
  yanked: file.yanked && (file.yanked_reason ?? true),
  'core-metadata': file['core-metadata'] ?? false,
  'data-dist-info-metadata': file['core-metadata'] ?? false,
})

const escaped = (value: string): string =>
  value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

export function renderHtml({ name, files }: Page): string {
  const links = files.map((file) => `<a ${attributesOf(file).join(' ')}>${escaped(file.filename)}</a><br />`)
  const head = `<meta name="pypi:repository-version" content="1.0"><title>Links for ${name}</title>`
  return `<!DOCTYPE html>\n<html><head>${head}</head><body>\n<h1>Links for ${name}</h1>\n${links.join('\n')}\n</body></html>\n`
}

function attributesOf(file: PageFile): readonly string[] {
  const attributes = [`href="${file.url}#sha256=${file.hashes['sha256']}"`]
  const python = file['requires-python']
  if (python != null) attributes.push(`data-requires-python="${escaped(python)}"`)
  const metadata = file['core-metadata']
  if (metadata) {
    const value = metadata === true ? 'true' : `sha256=${metadata['sha256']}`
    attributes.push(`data-dist-info-metadata="${value}"`, `data-core-metadata="${value}"`)
  }
  if (file.yanked) attributes.push(`data-yanked="${file.yanked === true ? '' : escaped(file.yanked)}"`)
  return attributes
}
