/** Packages that a rule is about. */
export type PackagePattern = {
  readonly format: string
  /** A normalised name, a prefix of one that ends in `*`, or `*` alone. */
  readonly package: string
  /** Versions, however they are spelled; empty or left out means all of them. */
  readonly versions?: readonly string[]
}

/** One text per version of a format, whatever its spelling: `1.0` and `1.0.0` are one version of PyPI. The format's knowledge. */
export type VersionKey = (version: string) => string

/** Whether a normalised name is meant by another, or by a beginning that ends in `*`. */
export const names = (pattern: string, key: string): boolean =>
  pattern.endsWith('*') ? key.startsWith(pattern.slice(0, -1)) : pattern === key

// A pattern is asked about every version of an index; and one pattern is of one format, so it has one set of keys.
const keysOf = new WeakMap<PackagePattern, ReadonlySet<string>>()

function hasVersion(pattern: PackagePattern, version: string, versionKey: VersionKey): boolean {
  if (!pattern.versions?.length) return true
  let keys = keysOf.get(pattern)
  if (!keys) {
    keys = new Set(pattern.versions.map(versionKey))
    keysOf.set(pattern, keys)
  }
  return keys.has(versionKey(version))
}

export const isAmong = (
  patterns: readonly PackagePattern[],
  { format, key, version }: { readonly format: string; readonly key: string; readonly version: string },
  versionKey: VersionKey,
): boolean =>
  patterns.some(
    (pattern) => pattern.format === format && names(pattern.package, key) && hasVersion(pattern, version, versionKey),
  )
