import { getDomainPermissionsPolicy } from '../../api/codeartifact/policies.ts'
import { handler } from '../handler.ts'
import { getPolicy } from './permissions-policies.ts'

export const getDomainPermissionsPolicyHandler = handler(getDomainPermissionsPolicy, async (_input, context) =>
  getPolicy(context, { domain: context.target.view.domain, repository: null }),
)
