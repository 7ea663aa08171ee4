import { createDomain } from '../../api/codeartifact/domains.ts'
import { planCreateDomain } from '../../registry/manage-domains.ts'
import { handler } from '../handler.ts'
import { summarizeDomain } from './wire-shapes.ts'

export const createDomainHandler = handler(createDomain, async (_input, { parts, target, manage }) => {
  const { domain, changes } = planCreateDomain(manage, target)
  await parts.store.commit(changes)
  return { domain: { ...summarizeDomain(parts.config.region, domain), repositoryCount: 0 } }
})
