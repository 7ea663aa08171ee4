import type { DenyListRule, Finding, VersionFacts } from './rule.ts'

const names = (pattern: string, key: string): boolean =>
  pattern.endsWith('*') ? key.startsWith(pattern.slice(0, -1)) : pattern === key

export function denyList(id: string, rule: DenyListRule, facts: VersionFacts): readonly Finding[] {
  const listed = rule.packages.some(
    (entry) =>
      entry.format === facts.format &&
      names(entry.package, facts.key) &&
      (!entry.versions?.length || entry.versions.includes(facts.version)),
  )
  return listed ? [{ rule: id, reason: rule.reason, until: null }] : []
}
