import { isAmong, type VersionKey } from './packages.ts'
import type { Finding, MinimumAgeRule, VersionFacts } from './rule.ts'

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/**
 * Holds what came from upstream until it is old enough: most malicious versions are found within days. What is published here
 * is its team's own business. A version whose age nobody knows is held.
 */
export function minimumAge(
  id: string,
  rule: MinimumAgeRule,
  facts: VersionFacts,
  now: number,
  versionKey: VersionKey,
): readonly Finding[] {
  if (facts.origin === 'INTERNAL') return []
  if (rule.packages && !isAmong(rule.packages, facts, versionKey)) return []
  if (isAmong(rule.except ?? [], facts, versionKey)) return []
  const { publishedAt } = facts
  if (publishedAt === null) return [{ rule: id, reason: 'nobody knows when it was published', until: null }]
  const until = publishedAt + rule.seconds * 1000
  return now < until ? [{ rule: id, reason: rule.reason ?? `it is younger than ${inWords(rule.seconds)}`, until }] : []
}

/** In the largest unit that divides it: `7 days`, `36 hours`. */
function inWords(seconds: number): string {
  const [size, unit] =
    (
      [
        [DAY, 'day'],
        [HOUR, 'hour'],
        [MINUTE, 'minute'],
      ] as const
    ).find(([one]) => seconds % one === 0) ?? ([1, 'second'] as const)
  const count = seconds / size
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
