import { isAmong } from './packages.ts'
import type { DenyListRule, Finding, VersionFacts } from './rule.ts'

export const denyList = (id: string, rule: DenyListRule, facts: VersionFacts): readonly Finding[] =>
  isAmong(rule.packages, facts) ? [{ rule: id, reason: rule.reason, until: null }] : []
