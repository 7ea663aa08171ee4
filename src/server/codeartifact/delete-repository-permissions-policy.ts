import { deleteRepositoryPermissionsPolicy } from '../../api/codeartifact/policies.ts'
import { handler } from '../handler.ts'
import { deletePolicy } from './permissions-policies.ts'

export const deleteRepositoryPermissionsPolicyHandler = handler(
  deleteRepositoryPermissionsPolicy,
  async (input, context) => {
    const { view, repository } = context.target
    return deletePolicy(context, { domain: view.domain, repository }, input.policyRevision)
  },
)
