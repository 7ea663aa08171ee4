// METADATA of a wheel, PKG-INFO of a source distribution: core metadata in the form of mail headers
// (packaging.python.org: core metadata).

export type CoreMetadataFile = {
  /** The first value of a field, trimmed; undefined where it is missing or empty. */
  first(field: string): string | undefined
  all(field: string): readonly string[]
}

export function parseCoreMetadata(bytes: Uint8Array): CoreMetadataFile {
  const fields = new Map<string, string[]>()
  let open: string[] | undefined
  for (const line of new TextDecoder().decode(bytes).split(/\r\n|\r|\n/)) {
    if (line === '') break // the description follows
    const [, field, value] = /^([A-Za-z0-9][A-Za-z0-9-]*):(.*)$/.exec(line) ?? []
    if (field !== undefined && value !== undefined) {
      open = fields.get(field.toLowerCase()) ?? []
      fields.set(field.toLowerCase(), open)
      open.push(value.trim())
    } else if (open && /^[ \t]/.test(line)) {
      open.push(`${open.pop()}\n${line.trim()}`.trim())
    } else break
  }
  const all = (field: string): readonly string[] =>
    fields.get(field.toLowerCase())?.filter((value) => value !== '') ?? []
  return { all, first: (field) => all(field)[0] }
}

/** SPDX where the project gives it (PEP 639), else its own words, else what it is classified as. */
export function licenseOf(metadata: CoreMetadataFile): string | null {
  const classified = metadata
    .all('Classifier')
    .filter((classifier) => classifier.startsWith('License ::'))
    .map((classifier) => classifier.slice(classifier.lastIndexOf('::') + 2).trim())
  // Many projects put the whole text of their licence into the field.
  const own = [metadata.first('License')].filter(
    (text) => text !== undefined && text.length <= 100 && !text.includes('\n'),
  )
  return metadata.first('License-Expression') ?? own[0] ?? (classified.length > 0 ? classified.join('; ') : null)
}

export type StoredMetadata = {
  readonly name: string | null
  readonly version: string | null
  readonly summary: string | null
  readonly license: string | null
  readonly author: string | null
  readonly authorEmail: string | null
  readonly maintainer: string | null
  readonly maintainerEmail: string | null
  readonly keywords: string | null
  readonly homePage: string | null
  readonly projectUrls: readonly string[]
  readonly classifiers: readonly string[]
  readonly requiresPython: string | null
  readonly requiresDist: readonly string[]
  readonly providesExtra: readonly string[]
}

/** What is kept of a version besides its files. Its description stays in the file: it is long, and pages never show it. */
export function versionMetadata(metadata: CoreMetadataFile): string {
  const text = (field: string) => metadata.first(field) ?? null
  const stored: StoredMetadata = {
    name: text('Name'),
    version: text('Version'),
    summary: text('Summary'),
    license: licenseOf(metadata),
    author: text('Author'),
    authorEmail: text('Author-email'),
    maintainer: text('Maintainer'),
    maintainerEmail: text('Maintainer-email'),
    keywords: text('Keywords'),
    homePage: text('Home-page'),
    projectUrls: metadata.all('Project-URL'),
    classifiers: metadata.all('Classifier'),
    requiresPython: text('Requires-Python'),
    requiresDist: metadata.all('Requires-Dist'),
    providesExtra: metadata.all('Provides-Extra'),
  }
  return JSON.stringify(stored)
}
