import { putDomainPermissionsPolicy } from '../../api/codeartifact/policies.ts'
import { handler } from '../handler.ts'
import { putPolicy } from './permissions-policies.ts'

export const putDomainPermissionsPolicyHandler = handler(putDomainPermissionsPolicy, async (input, context) =>
  putPolicy(context, { domain: context.target.view.domain, repository: null }, input),
)
