import type { Format } from '../formats/format.ts'
import { RegistryError } from '../registry/errors.ts'
import type { FormatId, PackageName } from '../registry/names.ts'

type Formats = readonly Pick<Format, 'id' | 'parseName'>[]

/** A name in the two parts that CodeArtifact's API gives, normalised as its format does it. */
export function parsePackageName(
  formats: Formats,
  format: FormatId,
  name: string,
  namespace: string | null,
): PackageName {
  const known = formats.find(({ id }) => id === format)
  if (!known) throw new RegistryError('invalid', `The package format ${format} is not served here`)
  return known.parseName(name, namespace)
}

/** A name as its users write it, in one: `@acme/hello`, `requests`. */
export function parseWrittenName(formats: Formats, format: FormatId, text: string): PackageName {
  const [, namespace, name] = /^@([^/]+)\/(.+)$/.exec(text) ?? []
  return namespace !== undefined && name !== undefined
    ? parsePackageName(formats, format, name, namespace)
    : parsePackageName(formats, format, text, null)
}

/** What a list of packages holds: a name, the beginning of names that ends in `*`, or `*`; to the same of normalised keys. */
export function parseWrittenPattern(formats: Formats, format: FormatId, pattern: string): string {
  if (pattern === '*') return pattern
  if (!pattern.endsWith('*')) return parseWrittenName(formats, format, pattern).key
  return `${parseWrittenPrefix(formats, format, pattern.slice(0, -1))}*`
}

/**
 * The beginning of names as their users write it (`@acme/`, `acme-`), to the beginning of their normalised keys (`acme/`,
 * `acme-`): it is continued to a name, which the format normalises, and cut off again.
 */
export function parseWrittenPrefix(formats: Formats, format: FormatId, prefix: string): string {
  try {
    const { key } = parseWrittenName(formats, format, `${prefix}x`)
    if (key.endsWith('x')) return key.slice(0, -1)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
  }
  // The beginning of a scope is none: its key would also begin names without a scope.
  const message = `No ${format} package name starts with ${JSON.stringify(prefix.slice(0, 120))}; a scope is written to its end: @acme/`
  throw new RegistryError('invalid', message)
}
