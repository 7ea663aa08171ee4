// Renderers decide on every version of an index: policy reaches the formats through the core.
export { curate } from '../policy/curation/curate.ts'
export type { PackagePattern } from '../policy/curation/packages.ts'
export type { CurationRule, Finding, Rule } from '../policy/curation/rule.ts'
