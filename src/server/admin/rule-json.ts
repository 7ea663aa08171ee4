import type { CurationRule, PackagePattern } from '../../registry/curation.ts'
import type { FormatId } from '../../registry/names.ts'

/** A rule as it is stored. Its formats were held against the list of formats when it was made. */
export const ruleJson = ({ id, domain, repository, rule }: CurationRule) => ({
  id,
  domain,
  repository,
  rule:
    rule.kind === 'deny-list'
      ? { ...rule, packages: patternsJson(rule.packages) }
      : {
          kind: rule.kind,
          seconds: rule.seconds,
          ...(rule.packages && { packages: patternsJson(rule.packages) }),
          ...(rule.except && { except: patternsJson(rule.except) }),
          ...(rule.reason !== undefined && { reason: rule.reason }),
        },
})

const patternsJson = (patterns: readonly PackagePattern[]) =>
  patterns.map((pattern) => ({ ...pattern, format: pattern.format as FormatId }))
