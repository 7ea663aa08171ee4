/** Packages that a rule is about. */
export type PackagePattern = {
  readonly format: string
  /** A normalised name, a prefix of one that ends in `*`, or `*` alone. */
  readonly package: string
  /** Exact versions; empty or left out means all of them. */
  readonly versions?: readonly string[]
}

/** Whether a normalised name is meant by another, or by a beginning that ends in `*`. */
export const names = (pattern: string, key: string): boolean =>
  pattern.endsWith('*') ? key.startsWith(pattern.slice(0, -1)) : pattern === key

export const isAmong = (
  patterns: readonly PackagePattern[],
  { format, key, version }: { readonly format: string; readonly key: string; readonly version: string },
): boolean =>
  patterns.some(
    (pattern) =>
      pattern.format === format &&
      names(pattern.package, key) &&
      (!pattern.versions?.length || pattern.versions.includes(version)),
  )
