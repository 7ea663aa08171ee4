import { isObject, type JsonObject } from './json.ts'

// npm's own list (npm/minify-registry-metadata), and `libc`, without which pnpm fetches the full document of every optional dependency.
const KEPT_MEMBERS = [
  'name',
  'version',
  'dependencies',
  'optionalDependencies',
  'devDependencies',
  'peerDependencies',
  'peerDependenciesMeta',
  'acceptDependencies',
  'bin',
  '_hasShrinkwrap',
  'directories',
  'dist',
  'engines',
  'os',
  'cpu',
  'libc',
  'deprecated',
  'funding',
] as const

/** One version's manifest as the abbreviated document carries it: what an install needs, and nothing that is empty or false. */
export function abbreviate(manifest: JsonObject): JsonObject {
  const kept: Record<string, unknown> = {}
  for (const member of KEPT_MEMBERS) {
    const value = manifest[member]
    if (!isEmpty(value)) kept[member] = value
  }
  // npm reads the one spelling, pnpm also the other, and packages have either.
  const bundled = manifest['bundleDependencies'] ?? manifest['bundledDependencies']
  if (!isEmpty(bundled)) kept['bundleDependencies'] = kept['bundledDependencies'] = bundled
  if (manifest['hasInstallScript'] === true || hasInstallScript(manifest['scripts'])) kept['hasInstallScript'] = true
  return kept
}

function isEmpty(value: unknown): boolean {
  return !value || (typeof value === 'object' && Object.keys(value).length === 0)
}

/** Scripts that run where a package is installed from a registry. `prepare` and its like run only where it is packed. */
export const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall'] as const

const hasInstallScript = (scripts: unknown): boolean =>
  isObject(scripts) && INSTALL_SCRIPTS.some((script) => Boolean(scripts[script]))

/** SPDX expression, or whatever the package says in its place; old packages have an object or a list of them. */
export function licenseOf(manifest: JsonObject): string | null {
  const { license, licenses } = manifest
  for (const candidate of [license, Array.isArray(licenses) ? (licenses[0] as unknown) : licenses]) {
    const text = isObject(candidate) ? candidate['type'] : candidate
    if (typeof text === 'string' && text.trim() !== '') return text.trim()
  }
  return null
}
