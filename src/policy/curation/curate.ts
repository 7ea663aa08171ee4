import { denyList } from './deny-list.ts'
import { minimumAge } from './minimum-age.ts'
import type { VersionKey } from './packages.ts'
import type { AppliedRule, Curated, CurationRule, Finding, VersionFacts } from './rule.ts'

function findingsOf(
  { id, rule }: AppliedRule,
  facts: VersionFacts,
  now: number,
  versionKey: VersionKey,
): readonly Finding[] {
  switch (rule.kind) {
    case 'deny-list':
      return denyList(id, rule, facts, versionKey)
    case 'minimum-age':
      return minimumAge(id, rule, facts, now, versionKey)
    case 'withdrawn':
      return facts.withdrawn ? [{ rule: id, reason: 'its upstream withdrew it', until: null }] : []
  }
}

type RuledRepository = { readonly name: string; readonly withdrawn?: 'serve' | 'hold' }

/** What stands in one repository: of the domain's rules, and by the repository's settings. */
export const rulesFor = (
  rules: readonly CurationRule[],
  { name, withdrawn }: RuledRepository,
): readonly AppliedRule[] => [
  ...rules.filter((rule) => rule.repository === null || rule.repository === name),
  ...(withdrawn === 'hold' ? [{ id: 'withdrawn', rule: { kind: 'withdrawn' } } as const] : []),
]

/** Whether a decision may hang on when a version was published. */
export const asksForTime = (rules: readonly AppliedRule[]): boolean =>
  rules.some(({ rule }) => rule.kind === 'minimum-age')

/** Every rule is asked; one finding holds the version. `versionKey`: that of the facts' format. */
export function curate(
  rules: readonly AppliedRule[],
  facts: VersionFacts,
  now: number,
  versionKey: VersionKey,
): Curated {
  const findings = rules.flatMap((rule) => findingsOf(rule, facts, now, versionKey))
  return { allowed: findings.length === 0, findings }
}
