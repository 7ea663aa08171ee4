import semver from 'semver'
import { RegistryError } from '../../registry/errors.ts'
import { isObject, recordOf, type JsonObject } from './json.ts'
import { INSTALL_SCRIPTS } from './manifest.ts'
import type { TarballContents } from './tarball-check.ts'

type Texts = Readonly<Record<string, string>>

/**
 * A registry shows the manifest of the publish's body, but what runs is the tarball: where they differ in what matters to an
 * install, somebody is misled. Throws `mismatch` with the members that differ.
 *
 * Clients do not send package.json as it lies there: npm and yarn normalise it, each in its way. So both sides are brought into
 * one form first; what is compared, and what clients do to it, stands at each member below.
 */
export function requireAgreement(manifest: JsonObject, contents: TarballContents): void {
  const inTarball = contents.packageJson
  const folder = programFolder(inTarball)
  const differing = [
    ...(manifest['name'] === trimmed(inTarball['name']) ? [] : ['name']),
    ...(cleanVersion(manifest['version']) === cleanVersion(inTarball['version']) ? [] : ['version']),
    ...differences('scripts', scriptsOf(manifest, contents), scriptsOf(inTarball, contents)),
    ...differences('dependencies', dependenciesOf(manifest), dependenciesOf(inTarball)),
    ...differences('bin', binOf(manifest, folder), binOf(inTarball, folder)),
  ]
  if (differing.length === 0) return
  throw new RegistryError(
    'mismatch',
    `The manifest and the tarball's package.json differ in ${differing.slice(0, 20).join(', ')}`,
  )
}

function differences(member: string, left: Texts, right: Texts): readonly string[] {
  const keys = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...keys].filter((key) => left[key] !== right[key]).map((key) => `${member}.${key}`)
}

const trimmed = (value: unknown): unknown => (typeof value === 'string' ? value.trim() : value)

// npm cleans versions: `v1.0.0`, `=1.0.0` and `1.0.0+build` are published as `1.0.0`.
const cleanVersion = (value: unknown): string | null =>
  typeof value === 'string' ? semver.clean(value, { loose: true }) : null

const textsOf = (value: unknown): readonly (readonly [string, string])[] =>
  isObject(value)
    ? Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
    : []

/**
 * The scripts that run at an install. Others never run where a package is installed from a registry, and pnpm takes them out (`prepack`,
 * `prepare`). npm and yarn cut the path of a local program short, and add the `install` that a binding.gyp implies.
 */
function scriptsOf(packageJson: JsonObject, { hasBindingGyp }: TarballContents): Texts {
  const scripts = recordOf(textsOf(packageJson['scripts']))
  const kept = INSTALL_SCRIPTS.flatMap((script) => {
    const command = scripts[script]?.replace(/^(\.[/\\])?node_modules[/\\]\.bin[/\\]/, '').trim()
    return command ? [[script, command] as const] : []
  })
  const implied = hasBindingGyp && !kept.some(([script]) => script !== 'postinstall')
  return recordOf(implied ? [...kept, ['install', 'node-gyp rebuild']] : kept)
}

/** Optional dependencies count as dependencies: npm lists them in both members, yarn in one. */
function dependenciesOf(packageJson: JsonObject): Texts {
  const all = [packageJson['dependencies'], packageJson['optionalDependencies']].flatMap((listed) =>
    Array.isArray(listed) ? listed.filter((text) => typeof text === 'string').map(splitDependency) : textsOf(listed),
  )
  return recordOf(all.map(([name, spec]) => [name, canonicalSpec(spec.trim())]))
}

/** Old packages list them as `name@range` or `name range`; npm makes them members. */
function splitDependency(text: string): readonly [string, string] {
  const [, name = '', range = ''] = /^(@?[^@\s<>=]+)[@\s]*(.*)$/.exec(text.trim()) ?? []
  return [name, range]
}

const HOSTS: Readonly<Record<string, string>> = {
  github: 'github.com',
  gitlab: 'gitlab.com',
  bitbucket: 'bitbucket.org',
  gist: 'gist.github.com',
}

/** npm rewrites the addresses of Git repositories: `user/repo#v1`, `github:user/repo#v1` and `git+https://github.com/user/repo.git#v1` are one. */
function canonicalSpec(spec: string): string {
  const [, short, path] = /^(github|gitlab|bitbucket|gist):(.+)$/.exec(spec) ?? []
  if (short !== undefined) return gitAddress(`${HOSTS[short]}/${path}`)
  if (/^[^@/:\s~.][^@/:\s]*\/[^@/:\s]+$/.test(spec)) return gitAddress(`github.com/${spec}`)
  const [, address] = /^git(?:\+ssh|\+https?)?:\/\/(?:[^@/]+@)?(.+)$/.exec(spec) ?? /^git@(.+)$/.exec(spec) ?? []
  if (address !== undefined) return gitAddress(address)
  const [, onHost] =
    /^https?:\/\/(?:[^@/]+@)?((?:github\.com|gitlab\.com|bitbucket\.org)\/[^/]+\/[^/#]+\.git(?:#.*)?)$/.exec(spec) ?? []
  return onHost === undefined ? spec : gitAddress(onHost)
}

const gitAddress = (address: string): string =>
  `git ${address.replace(/^([^/:#]+):/, '$1/').replace(/\.git(?=#|$)/, '')}`

/**
 * Programs by name. npm and yarn turn one path, or a list, into names, and take `./` off paths and folders off names. From
 * `directories.bin` they make a list of what lies there, each its own; so what such a folder implies is left out on both sides.
 */
function binOf({ bin, name }: JsonObject, implying: string | null): Texts {
  const entries =
    typeof bin === 'string'
      ? [[typeof name === 'string' ? name.trim() : '', bin] as const]
      : Array.isArray(bin)
        ? bin.filter((path) => typeof path === 'string').map((path) => [path, path] as const)
        : textsOf(bin)
  const cleaned = entries.map(([program, path]) => [baseName(program), cleanPath(path)] as const)
  const implied = (program: string, path: string) =>
    implying !== null && path.startsWith(`${implying}/`) && baseName(path) === program
  return recordOf(cleaned.filter(([program, path]) => program !== '' && path !== '' && !implied(program, path)))
}

/** The folder whose files become programs: only where no programs are named. */
function programFolder({ bin, directories }: JsonObject): string | null {
  const folder = isObject(directories) ? directories['bin'] : undefined
  return bin === undefined && typeof folder === 'string' ? cleanPath(folder) : null
}

const baseName = (path: string): string => cleanPath(path.replaceAll(':', '/')).split('/').at(-1) ?? ''

/** As if from the package's root: no `./`, no doubled or leading slashes, and `..` cannot climb out. */
function cleanPath(path: string): string {
  const segments: string[] = []
  for (const segment of path.split(/[/\\]/)) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  return segments.join('/')
}
