// JSON that people write by hand and must be told about where it is wrong: policy reaches others through the core.
export { parseJson, type JsonNode } from '../policy/access/json.ts'
export type { Problem } from '../policy/access/policy.ts'
