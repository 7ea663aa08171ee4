import { denyList } from './deny-list.ts'
import { minimumAge } from './minimum-age.ts'
import type { Curated, CurationRule, Finding, VersionFacts } from './rule.ts'

function findingsOf({ id, rule }: CurationRule, facts: VersionFacts, now: number): readonly Finding[] {
  switch (rule.kind) {
    case 'deny-list':
      return denyList(id, rule, facts)
    case 'minimum-age':
      return minimumAge(id, rule, facts, now)
  }
}

/** The rules of a domain that stand in one repository. */
export const rulesFor = (rules: readonly CurationRule[], repository: string): readonly CurationRule[] =>
  rules.filter((rule) => rule.repository === null || rule.repository === repository)

/** Whether a decision may hang on when a version was published. */
export const asksForTime = (rules: readonly CurationRule[]): boolean =>
  rules.some(({ rule }) => rule.kind === 'minimum-age')

/** Every rule is asked; one finding holds the version. */
export function curate(rules: readonly CurationRule[], facts: VersionFacts, now: number): Curated {
  const findings = rules.flatMap((rule) => findingsOf(rule, facts, now))
  return { allowed: findings.length === 0, findings }
}
