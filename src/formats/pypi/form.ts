import { versionKey } from './version.ts'

// What is rendered of a project besides its page: the JSON API's document, and where a file's attestations lie. Each has a word,
// with what is asked in it, which is part of the key that the answer is kept under.

export type Form =
  | { readonly of: 'page' }
  /** `version` null: all of them. For the other one see mirror.ts. */
  | { readonly of: 'legacy-json' | 'mirror-json'; readonly version: string | null }
  | { readonly of: 'provenance'; readonly version: string; readonly file: string }

export const legacyForm = (version: string | null, of: 'legacy-json' | 'mirror-json' = 'legacy-json'): string =>
  version === null ? of : `${of}:${spelledOnce(version)}`

export const provenanceForm = (version: string, file: string): string =>
  `provenance:${spelledOnce(version)}:${encodeURIComponent(file)}`

/** One answer is kept of a version, however many ways there are to write it. */
const spelledOnce = (version: string): string => encodeURIComponent(versionKey(version))

export function parseForm(form: string): Form {
  const [of, version, file] = form.split(':').map(decodeURIComponent)
  if (of === 'legacy-json' || of === 'mirror-json') return { of, version: version ?? null }
  return of === 'provenance' && version !== undefined && file !== undefined ? { of, version, file } : { of: 'page' }
}
