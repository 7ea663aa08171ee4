import type { Finding } from '../../registry/curation.ts'
import { displayName, type PackageName } from '../../registry/names.ts'
import { compareVersions } from './ecosystem.ts'

type Held = ReadonlyMap<string, readonly Finding[]>

const MAX_REASONS = 5
const MAX_VERSIONS = 5

/** Why versions are held, for a person: each reason with the newest versions that it holds. */
export function heldMessage(name: PackageName, held: Held): string {
  const versionsOf = new Map<string, string[]>()
  for (const [version, findings] of held) {
    for (const { reason, rule } of findings) {
      const why = `${reason} (rule ${rule})`
      const versions = versionsOf.get(why)
      if (versions) versions.push(version)
      else versionsOf.set(why, [version])
    }
  }
  const reasons = [...versionsOf].slice(0, MAX_REASONS).map(([why, versions]) => `${newestOf(versions)}: ${why}`)
  return `Versions of ${displayName(name)} are held back here: ${reasons.join('; ')}`
}

function newestOf(versions: readonly string[]): string {
  const sorted = versions.toSorted((a, b) => compareVersions(b, a))
  const more = sorted.length - MAX_VERSIONS
  return sorted.slice(0, MAX_VERSIONS).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

/** The same in a few words, for a line that clients print at every install. */
export function heldNotice(name: PackageName, held: Held): string {
  const reasons = new Set([...held.values()].flat().map((finding) => finding.reason))
  const count = held.size === 1 ? '1 version' : `${held.size} versions`
  return `${count} of ${displayName(name)} held back: ${[...reasons].slice(0, MAX_REASONS).join('; ')}`
}
