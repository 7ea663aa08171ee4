import type { CurationRule } from '../../registry/curation.ts'
import type { FormatId } from '../../registry/names.ts'

/** A rule as it is stored. Its formats were held against the list of formats when it was made. */
export const ruleJson = ({ id, domain, repository, rule }: CurationRule) => ({
  id,
  domain,
  repository,
  rule: { ...rule, packages: rule.packages.map((entry) => ({ ...entry, format: entry.format as FormatId })) },
})
