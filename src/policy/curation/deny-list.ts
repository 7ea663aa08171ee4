import { isAmong, type VersionKey } from './packages.ts'
import type { DenyListRule, Finding, VersionFacts } from './rule.ts'

export const denyList = (
  id: string,
  rule: DenyListRule,
  facts: VersionFacts,
  versionKey: VersionKey,
): readonly Finding[] =>
  isAmong(rule.packages, facts, versionKey) ? [{ rule: id, reason: rule.reason, until: null }] : []
