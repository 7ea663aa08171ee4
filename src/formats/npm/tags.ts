import semver from 'semver'
import { RegistryError } from '../../registry/errors.ts'
import { compareVersions } from './ecosystem.ts'

/** A dist-tag's name. A tag that reads as a version range could never be asked for by it. */
export function parseTag(raw: string): string {
  const problem = problemOf(raw)
  if (problem !== null) {
    throw new RegistryError('invalid', `${JSON.stringify(raw.slice(0, 120))} is not a valid dist-tag: ${problem}`)
  }
  return raw
}

function problemOf(tag: string): string | null {
  if (tag.trim() === '') return 'it is empty'
  if (tag.length > 214) return 'it has at most 214 characters'
  if (tag === '__proto__') return 'it is reserved'
  if (!/^[A-Za-z0-9\-_.!~*'()]+$/.test(tag)) return "it has only letters, digits and - _ . ! ~ * ' ( )"
  if (semver.validRange(tag, { loose: true }) !== null) return 'it reads as a version range'
  return null
}

/**
 * Tags as they may be shown, given which versions are. One that points at a version left out is dropped, but for `latest`:
 * clients fail without it, so it steps down to the newest version not above where it pointed, stable ones first.
 */
export function repairTags(tags: ReadonlyMap<string, string>, visible: readonly string[]): ReadonlyMap<string, string> {
  const shown = new Set(visible)
  const repaired = new Map([...tags].filter(([, version]) => shown.has(version)))
  if (repaired.has('latest')) return repaired
  const was = tags.get('latest')
  const notAbove = was === undefined ? [] : visible.filter((version) => compareVersions(version, was) <= 0)
  const latest = newest(notAbove) ?? newest(visible)
  return latest === undefined ? repaired : new Map([['latest', latest], ...repaired])
}

function newest(versions: readonly string[]): string | undefined {
  const stable = versions.filter((version) => !semver.prerelease(version, { loose: true })?.length)
  return (stable.length > 0 ? stable : versions).reduce<string | undefined>(
    (best, version) => (best === undefined || compareVersions(version, best) > 0 ? version : best),
    undefined,
  )
}
