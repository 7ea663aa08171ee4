import { denyList } from './deny-list.ts'
import type { Curated, CurationRule, Finding, VersionFacts } from './rule.ts'

const RULES = { 'deny-list': denyList } as const

/** The rules of a domain that stand in one repository. */
export const rulesFor = (rules: readonly CurationRule[], repository: string): readonly CurationRule[] =>
  rules.filter((rule) => rule.repository === null || rule.repository === repository)

/** Every rule is asked; one finding holds the version. `_now` decides rules that are about time. */
export function curate(rules: readonly CurationRule[], facts: VersionFacts, _now: number): Curated {
  const findings = rules.flatMap(({ id, rule }): readonly Finding[] => RULES[rule.kind](id, rule, facts))
  return { allowed: findings.length === 0, findings }
}
