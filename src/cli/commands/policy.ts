import type { Command } from 'commander'
import type { Session } from '../session.ts'
import { addAttachedPolicies } from './attached-policies.ts'
import { addExplain } from './explain.ts'
import { addPermissionsPolicies } from './permissions-policy.ts'

export function addPolicy(program: Command, session: Session): void {
  const policy = program.command('policy').description('IAM policy documents: who may do what.')
  addAttachedPolicies(policy, session)
  addPermissionsPolicies(policy, session)
  addExplain(policy, session)
}
