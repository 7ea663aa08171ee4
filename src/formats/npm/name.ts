import { RegistryError } from '../../registry/errors.ts'
import { displayName, packageName, type PackageName } from '../../registry/names.ts'

/** npm's limit, scope and slash included. */
const MAX_NAME = 214

// What `encodeURIComponent` leaves alone: npm's rule for names old and new.
const URL_FRIENDLY = /^[A-Za-z0-9\-_.!~*'()]+$/
// What npm forbids in new names, though old packages have it (JSONStream).
const LEGACY_ONLY = /[A-Z!~*'()]/
const NEVER_A_PACKAGE: ReadonlySet<string> = new Set(['node_modules', 'favicon.ico'])

/** `hello` or `@acme/hello`, as people write it. Letters keep their case: JSONStream and jsonstream are two packages. */
export function parseNpmName(raw: string): PackageName {
  const [, scope, name = raw] = /^@([^/]*)\/([^/]*)$/.exec(raw) ?? []
  return parseParts(scope ?? null, name)
}

/** The same from the two parts that APIs give; `namespace` without `@`. */
export function parseParts(namespace: string | null, name: string): PackageName {
  const parsed = packageName('npm', namespace, name)
  const problem = problemOf(namespace, name)
  if (problem !== null) throw notAName(parsed, problem)
  return parsed
}

/** Throws `invalid` for names that exist upstream from earlier times but that nobody may take any more. */
export function requireNewName(name: PackageName): void {
  if (LEGACY_ONLY.test(displayName(name))) {
    throw notAName(name, "new names have no capital letters and none of ! ~ * ' ( )")
  }
}

// validate-npm-package-name: a leading underscore is forbidden to names without a scope only.
function problemOf(scope: string | null, name: string): string | null {
  if ((scope === null ? 0 : scope.length + 2) + name.length > MAX_NAME) return `it has at most ${MAX_NAME} characters`
  if (!URL_FRIENDLY.test(name) || (scope !== null && !URL_FRIENDLY.test(scope))) {
    return "it has only letters, digits and - _ . ! ~ * ' ( ), and a scope is written @scope/name"
  }
  if (name.startsWith('.') || scope?.startsWith('.')) return 'it does not start with a dot'
  if (scope === null && name.startsWith('_')) return 'it does not start with an underscore'
  if (scope === null && NEVER_A_PACKAGE.has(name.toLowerCase())) return 'it is reserved'
  return null
}

const notAName = (name: PackageName, problem: string): RegistryError =>
  new RegistryError(
    'invalid',
    `${JSON.stringify(displayName(name).slice(0, 120))} is not a valid package name: ${problem}`,
  )
