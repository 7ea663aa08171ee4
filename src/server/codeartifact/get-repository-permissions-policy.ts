import { getRepositoryPermissionsPolicy } from '../../api/codeartifact/policies.ts'
import { handler } from '../handler.ts'
import { getPolicy } from './permissions-policies.ts'

export const getRepositoryPermissionsPolicyHandler = handler(
  getRepositoryPermissionsPolicy,
  async (_input, context) => {
    const { view, repository } = context.target
    return getPolicy(context, { domain: view.domain, repository })
  },
)
