import { deleteDomainPermissionsPolicy } from '../../api/codeartifact/policies.ts'
import { handler } from '../handler.ts'
import { deletePolicy } from './permissions-policies.ts'

export const deleteDomainPermissionsPolicyHandler = handler(deleteDomainPermissionsPolicy, async (input, context) =>
  deletePolicy(context, { domain: context.target.view.domain, repository: null }, input.policyRevision),
)
