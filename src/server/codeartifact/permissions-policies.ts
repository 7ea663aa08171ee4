import { checkPolicyDocument } from '../../registry/authorize.ts'
import {
  planDeleteResourcePolicy,
  planPutResourcePolicy,
  readResourcePolicy,
  type PolicyHolder,
} from '../../registry/manage-policies.ts'
import type { ResourcePolicy } from '../../registry/model.ts'
import { arn } from '../../registry/names.ts'
import { pinPrincipals } from '../../registry/pin-principals.ts'
import type { HandlerContext } from '../handler.ts'
import { showDocument } from '../shown-document.ts'

// What the six operations on permissions policies have in common: a domain and a repository differ in nothing but their ARN.

type Context = Pick<HandlerContext, 'parts' | 'manage'>

export async function putPolicy(
  { parts, manage }: Context,
  holder: PolicyHolder,
  { policyDocument: document, policyRevision: was }: { policyDocument: string; policyRevision?: string | undefined },
) {
  checkPolicyDocument(document, 'resource')
  const [policies, principals] = await Promise.all([
    parts.store.listResourcePolicies(holder.domain.name),
    pinPrincipals(parts.store, document, 'resource'),
  ])
  const { policy, changes } = planPutResourcePolicy(manage, holder, policies, { document, principals, was })
  if (changes.length > 0) await parts.store.commit(changes)
  return { policy: policyJson(parts.config.region, holder, policy) }
}

export async function getPolicy({ parts }: Pick<Context, 'parts'>, holder: PolicyHolder) {
  const policy = readResourcePolicy(await parts.store.listResourcePolicies(holder.domain.name), holder)
  return { policy: policyJson(parts.config.region, holder, await shown(parts, policy)) }
}

export async function deletePolicy({ parts, manage }: Context, holder: PolicyHolder, was: string | undefined) {
  const policies = await parts.store.listResourcePolicies(holder.domain.name)
  const { policy, changes } = planDeleteResourcePolicy(manage, holder, policies, was)
  await parts.store.commit(changes)
  return { policy: policyJson(parts.config.region, holder, await shown(parts, policy)) }
}

const shown = async ({ store }: Context['parts'], policy: ResourcePolicy): Promise<ResourcePolicy> => ({
  ...policy,
  document: await showDocument(store, policy),
})

const policyJson = (region: string, { domain, repository }: PolicyHolder, { revision, document }: ResourcePolicy) => ({
  resourceArn: repository
    ? arn.repository(region, domain.owner, domain.name, repository.name)
    : arn.domain(region, domain.owner, domain.name),
  revision,
  document,
})
