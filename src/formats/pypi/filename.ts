import type { PackageName } from '../../registry/names.ts'
import { findName } from './name.ts'
import { normalVersion, parseVersion } from './version.ts'

// File names of distributions. Wheels say name and version exactly; names of source distributions older than PEP 625 may
// contain dashes, so where the name ends is a guess that the project's own name settles.

export type FileKind = 'wheel' | 'sdist' | 'legacy'

const KINDS: readonly (readonly [suffix: string, kind: FileKind])[] = [
  ['.whl', 'wheel'],
  ['.tar.gz', 'sdist'],
  ['.zip', 'sdist'],
  // Nothing builds these any more, but old projects list them.
  ...(['.tar.bz2', '.tar.xz', '.tar.z', '.tgz', '.tbz', '.tar'] as const).map((suffix) => [suffix, 'sdist'] as const),
  ...(['.egg', '.exe', '.msi', '.rpm', '.deb', '.dmg'] as const).map((suffix) => [suffix, 'legacy'] as const),
]

/** Separators, control characters and halves of surrogate pairs: in no file name. */
// oxlint-disable-next-line no-control-regex
const FORBIDDEN = /[/\\\u0000-\u001f\u007f]/

export const isPlainFileName = (file: string): boolean =>
  file !== '' && file !== '.' && file !== '..' && file.length <= 255 && file.isWellFormed() && !FORBIDDEN.test(file)

function split(file: string): { readonly stem: string; readonly suffix: string; readonly kind: FileKind } | undefined {
  const lower = file.toLowerCase()
  const [suffix, kind] = KINDS.find(([ending]) => lower.endsWith(ending)) ?? []
  if (suffix === undefined || kind === undefined || !isPlainFileName(file)) return undefined
  const stem = file.slice(0, -suffix.length)
  return stem === '' ? undefined : { stem, suffix, kind }
}

/** What kind of distribution a file is by its name; undefined for what is none. */
export const kindOf = (file: string): FileKind | undefined => split(file)?.kind

export type WheelName = {
  readonly name: string
  readonly version: string
  /** `py3`, `cp311` */
  readonly python: string
  /** `cp311`, `abi3`, `none` */
  readonly abi: string
  /** `any`, `manylinux_2_17_x86_64.manylinux2014_x86_64` */
  readonly platform: string
  /** PEP 825: which variant of the platform it is for. No such wheel is taken by uploads, but indexes may list them. */
  readonly label: string | null
}

/** PEP 427 and 825: name-version(-build)?-python-abi-platform(-label)?, the build tag starting with a digit. */
export function parseWheelName(file: string): WheelName | undefined {
  const [name, version, ...tags] = file.endsWith('.whl') ? file.slice(0, -4).split('-') : []
  if (name === undefined || version === undefined) return undefined
  const [python = '', abi = '', platform, label = null, ...more] = /^\d/.test(tags[0] ?? '') ? tags.slice(1) : tags
  if (platform === undefined || more.length > 0 || !tags.every((tag) => /^[\w.]+$/.test(tag))) return undefined
  // Without labels there were fewer ways to read a name; what was no wheel then is none now.
  if (label !== null && !/^[a-z]+\d/i.test(python)) return undefined
  return { name, version, python, abi, platform, label }
}

/** Every way to read a file name as name-version, the longest name first; a wheel's has one. */
function readingsOf(file: string): readonly Pick<WheelName, 'name' | 'version'>[] {
  const parts = split(file)
  const wheel = parts && parseWheelName(file)
  if (wheel) return [wheel]
  const stem = parts?.stem ?? ''
  return [...stem.matchAll(/-/g)]
    .map(({ index }) => ({ name: stem.slice(0, index), version: stem.slice(index + 1) }))
    .filter(({ version }) => version !== '')
    .toReversed()
}

/** Each guess may cost a question to the upstream. */
const MAX_CANDIDATES = 4

/**
 * The projects that a file may belong to, the likeliest first. Where some reading of it gives a real version, readings that
 * give none are left out: they would ask the upstream about words that belong to somebody else's name.
 */
export function nameCandidates(file: string): readonly PackageName[] {
  const readings = readingsOf(file)
  const exact = readings.filter(({ version }) => parseVersion(version))
  const names = (exact.length > 0 ? exact : readings).flatMap(({ name }) => findName(name) ?? [])
  return [...new Map(names.map((name) => [name.key, name])).values()].slice(0, MAX_CANDIDATES)
}

/** What a file's name says behind the project's name, as it is written there; undefined where it starts with another name. */
export function versionTextOf(file: string, project: PackageName): string | undefined {
  return readingsOf(file).find(({ name }) => findName(name)?.key === project.key)?.version
}

/**
 * The version of a file on a project's page, in its normal form. A file whose version cannot be told, or is none, counts as
 * a version of its own under the words that it uses, so that curation always has something to judge.
 */
export function versionOf(file: string, project: PackageName): string {
  const wheel = parseWheelName(file)
  if (wheel) return normalVersion(parseVersion(wheel.version) ? wheel.version : wheel.version.replaceAll('_', '-'))
  const own = versionTextOf(file, project)
  if (own !== undefined) return versionAtStart(own) ?? own
  const others = readingsOf(file).map(({ version }) => parseVersion(version)?.text)
  return others.find((version) => version !== undefined) ?? split(file)?.stem ?? file
}

/** `1.0.win32-py2.7` and `1.0-py2.7` start with a version: the longest that is one counts. */
function versionAtStart(text: string): string | undefined {
  const ends = [...text.matchAll(/[-.]/g)].map(({ index }) => index).toReversed()
  for (const end of [text.length, ...ends]) {
    const version = parseVersion(text.slice(0, end))
    if (version) return version.text
  }
  return undefined
}
