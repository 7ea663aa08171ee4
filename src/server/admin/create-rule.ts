import { createRule } from '../../api/admin/curation.ts'
import { planCreateRule } from '../../registry/manage-domains.ts'
import { parseRepositoryName, type FormatId } from '../../registry/names.ts'
import { handler, type ManagementParts } from '../handler.ts'
import { parseWrittenName, parseWrittenPrefix } from '../package-names.ts'
import { ruleJson } from './rule-json.ts'

export const createRuleHandler = handler(createRule, async (input, { parts, target: { view }, manage }) => {
  const packages = input.rule.packages.map(({ format, package: name, versions }) => ({
    format,
    package: normalizePattern(parts, format, name),
    ...(versions !== undefined && { versions }),
  }))
  const repository = input.repository == null ? null : parseRepositoryName(input.repository)
  const { rule, changes } = planCreateRule(manage, view, { repository, rule: { ...input.rule, packages } })
  await parts.store.commit(changes)
  return ruleJson(rule)
})

/** Rules compare normalised names: one that is spelled otherwise would hold nothing. */
function normalizePattern({ formats }: ManagementParts, format: FormatId, pattern: string): string {
  if (pattern === '*') return pattern
  if (!pattern.endsWith('*')) return parseWrittenName(formats, format, pattern).key
  return `${parseWrittenPrefix(formats, format, pattern.slice(0, -1))}*`
}
