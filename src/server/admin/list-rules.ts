import { listRules } from '../../api/admin/curation.ts'
import { handler } from '../handler.ts'
import { ruleJson } from './rule-json.ts'

export const listRulesHandler = handler(listRules, async (_input, { target: { view } }) => ({
  rules: view.rules.map(ruleJson),
}))
