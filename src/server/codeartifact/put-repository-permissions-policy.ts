import { putRepositoryPermissionsPolicy } from '../../api/codeartifact/policies.ts'
import { handler } from '../handler.ts'
import { putPolicy } from './permissions-policies.ts'

export const putRepositoryPermissionsPolicyHandler = handler(putRepositoryPermissionsPolicy, async (input, context) => {
  const { view, repository } = context.target
  return putPolicy(context, { domain: view.domain, repository }, input)
})
