import { deleteRule } from '../../api/admin/curation.ts'
import { planDeleteRule } from '../../registry/manage-domains.ts'
import { handler } from '../handler.ts'

export const deleteRuleHandler = handler(deleteRule, async ({ rule }, { parts, target: { view }, manage }) => {
  await parts.store.commit(planDeleteRule(manage, view, rule))
  return {}
})
