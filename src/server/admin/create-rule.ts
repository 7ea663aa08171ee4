import { createRule } from '../../api/admin/curation.ts'
import type { InputOf } from '../../api/operation.ts'
import type { PackagePattern, Rule } from '../../registry/curation.ts'
import { planCreateRule } from '../../registry/manage-domains.ts'
import { parseRepositoryName } from '../../registry/names.ts'
import { handler, type ManagementParts } from '../handler.ts'
import { parseWrittenPattern } from '../package-names.ts'
import { ruleJson } from './rule-json.ts'

export const createRuleHandler = handler(createRule, async (input, { parts, target: { view }, manage }) => {
  const repository = input.repository == null ? null : parseRepositoryName(input.repository)
  const { rule, changes } = planCreateRule(manage, view, { repository, rule: normalizeRule(parts, input.rule) })
  await parts.store.commit(changes)
  return ruleJson(rule)
})

type GivenRule = InputOf<typeof createRule>['rule']
type GivenPattern = GivenRule extends { packages?: (infer P)[] | undefined } ? P : never

function normalizeRule(parts: ManagementParts, rule: GivenRule): Rule {
  const normalized = (patterns: readonly GivenPattern[]): readonly PackagePattern[] =>
    patterns.map(({ format, package: name, versions }) => ({
      format,
      // Rules compare normalised names: one that is spelled otherwise would hold nothing.
      package: parseWrittenPattern(parts.formats, format, name),
      ...(versions !== undefined && { versions }),
    }))
  if (rule.kind === 'deny-list') return { ...rule, packages: normalized(rule.packages) }
  const { kind, seconds, packages, except, reason } = rule
  return {
    kind,
    seconds,
    ...(packages && { packages: normalized(packages) }),
    ...(except && { except: normalized(except) }),
    ...(reason !== undefined && { reason }),
  }
}
