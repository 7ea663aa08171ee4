import type { DeclaredDigests, Hex } from '../../registry/model.ts'

/** PEP 658 and 714: the digest of `<url>.metadata`, true where only its existence is known, null for none. */
export type CoreMetadata = { readonly sha256: Hex } | true | null

/** One file of a project page, whichever form the page came in. */
export type PageFile = {
  /** PEP 503 and 691 */
  readonly filename: string
  /** Absolute, without fragment. */
  readonly url: string
  readonly hashes: DeclaredDigests
  /** PEP 503: a version specifier as it was given. */
  readonly requiresPython: string | null
  /** PEP 700: bytes. */
  readonly size: number | null
  /** PEP 700: `2024-01-01T00:00:00.000000Z`. */
  readonly uploadTime: string | null
  /** PEP 592: the reason where one was given. */
  readonly yanked: boolean | string
  readonly coreMetadata: CoreMetadata
  /** PEP 740: where it lies, as a path below the index's simple root: `../integrity/…`. Null where there is none on the index's own host. */
  readonly provenance: string | null
  readonly more?: MoreKeys
}

/** What other standards add in JSON, as it came: see `readMore`. */
export type MoreKeys = Readonly<Record<string, unknown>>

/** PEP 792 */
export type ProjectStatus = { readonly status: string; readonly reason: string | null }

/** A project page as an index gave it: what both of its forms say. As JSON text it is the document that is kept. */
export type ProjectPage = {
  readonly files: readonly PageFile[]
  /** PEP 700: also versions without files. Empty where the index does not say. */
  readonly versions: readonly string[]
  readonly status: ProjectStatus | null
  /** The public index's serial; null where there is none. */
  readonly serial: number | null
  readonly more?: MoreKeys
}

// ---------------------------------------------------------------------- values that both readers meet

const DIGEST_LENGTH = { sha512: 128, sha384: 96, sha256: 64, sha1: 40, md5: 32 } as const
type Algorithm = keyof typeof DIGEST_LENGTH

const isAlgorithm = (name: string): name is Algorithm => Object.hasOwn(DIGEST_LENGTH, name)

/** Digests that are none are left out: a file without digest can be had, one with a wrong digest never. */
export function readHashes(declared: Iterable<readonly [algorithm: string, digest: unknown]>): DeclaredDigests {
  const hashes: Partial<Record<Algorithm, Hex>> = {}
  for (const [name, digest] of declared) {
    const algorithm = name.toLowerCase()
    if (!isAlgorithm(algorithm) || typeof digest !== 'string') continue
    if (digest.length === DIGEST_LENGTH[algorithm] && /^[0-9a-f]+$/i.test(digest))
      hashes[algorithm] = digest.toLowerCase()
  }
  return hashes
}

/** http and https URLs, made absolute, without fragment and credentials; anything else undefined. */
export function readUrl(reference: string, base: string): URL | undefined {
  const url = URL.parse(reference, base)
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) return undefined
  url.hash = ''
  url.username = ''
  url.password = ''
  return url
}

const UPLOAD_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/

/** PEP 700 allows one way of writing a time; other ways of ISO 8601 are brought into it, times without a zone being UTC. */
export function readUploadTime(raw: unknown): string | null {
  if (typeof raw !== 'string') return null
  const zoned = /[zZ]|[+-]\d\d:?\d\d$/.test(raw) ? raw : `${raw}Z`
  const time = Date.parse(zoned)
  if (Number.isNaN(time)) return null
  return UPLOAD_TIME.test(raw) ? raw : new Date(time).toISOString()
}

export const readSize = (raw: unknown): number | null =>
  typeof raw === 'number' && Number.isSafeInteger(raw) && raw >= 0 ? raw : null

/** The public index's serial, as a header or a comment gives it. */
export const readSerial = (raw: string | undefined): number | null =>
  raw !== undefined && /^\d{1,15}$/.test(raw) ? Number(raw) : null

/** No longer path is asked for, or kept. */
const MAX_PATH = 1000

/** `page` is where the page was found, one level below the simple root. What lies on another host is left out: nobody could fetch it through here. */
export function readProvenance(raw: unknown, page: string): string | null {
  if (typeof raw !== 'string' || raw === '') return null
  const root = new URL('.', page.replace(/\/$/, ''))
  const url = URL.parse(raw, page)
  if (url?.origin !== root.origin || url.search !== '' || url.pathname.length > MAX_PATH) return null
  return '../'.repeat(root.pathname.split('/').length - 2) + url.pathname.slice(1)
}

/**
 * Keys that no standard named when this was written (PEP 825's, say) go through as they are. Not private ones (`_…`), and none with an
 * address in it: that would lead past this registry.
 */
export function readMore(fields: MoreKeys, known: ReadonlySet<string>): { readonly more?: MoreKeys } {
  const more = Object.entries(fields).filter(
    ([key, value]) => !key.startsWith('_') && !known.has(key) && !/:\/\/|"\/\//.test(JSON.stringify(value)),
  )
  return more.length === 0 ? {} : { more: Object.fromEntries(more) }
}

/** Only wheels have metadata beside them: no source distribution's is ever advertised (PEP 658 allows it, no index does it). */
export const coreMetadataOf = (filename: string, declared: CoreMetadata): CoreMetadata =>
  filename.endsWith('.whl') ? declared : null
