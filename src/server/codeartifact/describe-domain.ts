import { describeDomain } from '../../api/codeartifact/domains.ts'
import { handler } from '../handler.ts'
import { summarizeDomain } from './wire-shapes.ts'

export const describeDomainHandler = handler(describeDomain, async (_input, { parts, target: { view } }) => ({
  domain: { ...summarizeDomain(parts.config.region, view.domain), repositoryCount: view.repositories.size },
}))
