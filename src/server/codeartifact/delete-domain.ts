import { deleteDomain } from '../../api/codeartifact/domains.ts'
import { planDeleteDomain } from '../../registry/manage-domains.ts'
import { handler } from '../handler.ts'
import { summarizeDomain } from './wire-shapes.ts'

export const deleteDomainHandler = handler(deleteDomain, async (_input, { parts, target: { view }, manage }) => {
  await parts.store.commit(planDeleteDomain(manage, view))
  return { domain: { ...summarizeDomain(parts.config.region, view.domain, 'Deleted'), repositoryCount: 0 } }
})
