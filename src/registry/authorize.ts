import { evaluate, type Decision, type NamedPolicy, type Principal, type Side } from '../policy/access/evaluate.ts'
import { RegistryError } from './errors.ts'
import type { Caller, KnownCaller, Role } from './model.ts'
import type { AccountId, DomainName, RepositoryName } from './names.ts'
import type { Clock } from './ports.ts'
import { createStoredPolicies, trustPolicyOf, type PolicyReads } from './stored-policies.ts'
import { TopologyCache } from './topology-cache.ts'

export { checkPolicyDocument } from './stored-policies.ts'

/** IAM's condition keys to what this request says about them: `{ 'aws:SourceIp': '203.0.113.7' }`. */
export type RequestFacts = Readonly<Record<string, string | readonly string[]>>

export type AccessQuestion = {
  readonly caller: Caller
  /** `codeartifact:ReadFromRepository`, `granary:CreateUser` */
  readonly action: string
  /** An ARN, or `*` where the action is about no one thing. */
  readonly resource: string
  /** The account that owns the resource. For what only the caller's own account decides, the caller's account. */
  readonly owner: AccountId
  /** The domain that the resource belongs to; null where it belongs to none. A token for one domain is refused elsewhere. */
  readonly domain: DomainName | null
  /** The repository that it belongs to, whose policy then counts beside the domain's; `administrator` is null where there is no such repository. */
  readonly repository?: { readonly name: RepositoryName; readonly administrator: AccountId | null }
  /** Only the caller's own policies count: for `sts:` actions, and for putting a resource policy, lest it locks its owner out. */
  readonly identityPoliciesOnly?: boolean
  /** The role that is to be assumed (`sts:AssumeRole`): its trust policy decides in place of resource policies. */
  readonly trust?: Role
  /** What the policies' conditions may look at besides who calls and when. */
  readonly context?: RequestFacts
  /** The topology counter as this request read it. */
  readonly topology: number
}

/** A decision with all policies that had a say in it, whether they said anything or not. */
export type Explanation = Decision & {
  readonly considered: readonly { readonly side: Side; readonly policy: string }[]
}

export type Authorizer = {
  decide(question: AccessQuestion): Promise<Decision>
  /** The same decision, made anew and with what it was made from. */
  explain(question: AccessQuestion): Promise<Explanation>
  /** Throws `unauthenticated` for who is not logged in and `forbidden` for everybody else, with the reason. */
  require(question: AccessQuestion): Promise<void>
}

/** Context keys that are the same in every request of one principal. A decision that looks at others is made anew each time. */
const PRINCIPAL_KEYS = new Set([
  'aws:username',
  'aws:userid',
  'aws:principalarn',
  'aws:principalaccount',
  'aws:principaltype',
  'aws:requestedregion',
  'aws:tokenissuetime',
])

const MAX_DECISIONS = 50_000

/** All that a policy can open to who is not logged in. */
const ANONYMOUS_ACTION = 'codeartifact:ReadFromRepository'

type Made = { readonly decision: Decision; readonly holds: boolean; readonly considered: Explanation['considered'] }

/** The one place that asks `policy/access`, for data and management requests alike. */
export function createAuthorizer({
  store,
  clock,
  region,
}: {
  store: PolicyReads
  clock: Clock
  region: string
}): Authorizer {
  const policies = createStoredPolicies(store)
  const decisions = new TopologyCache<Decision | 'depends on the request'>(MAX_DECISIONS)

  const resourcePoliciesOf = async ({ domain, repository, identityPoliciesOnly, trust, topology }: AccessQuestion) => {
    if (trust) return [trustPolicyOf(trust)]
    if (identityPoliciesOnly || domain === null) return []
    return policies.ofResource(domain, repository?.name ?? null, topology)
  }

  const make = async (question: AccessQuestion): Promise<Made> => {
    const { caller, action, resource, topology } = question
    const known = caller.kind === 'anonymous' ? null : caller
    const [identityPolicies, resourcePolicies] = await Promise.all([
      known ? policies.ofIdentity(known, topology) : [],
      resourcePoliciesOf(question),
    ])
    const sessionPolicies = known ? policies.ofSession(known).policies : []
    const decision = evaluate({
      identityPolicies,
      sessionPolicies,
      resourcePolicies,
      sameAccount: known !== null && isOwners(known, question),
      isTrust: question.trust !== undefined,
      request: {
        principal: known && principalOf(known),
        action,
        resource,
        context: contextOf(question, clock.now(), region),
      },
    })
    const holds = [...identityPolicies, ...sessionPolicies, ...resourcePolicies].every(({ policy }) =>
      [...policy.contextKeys].every((key) => PRINCIPAL_KEYS.has(key)),
    )
    const considered = [
      ...from('identity', identityPolicies),
      ...from('session', sessionPolicies),
      ...from('resource', resourcePolicies),
    ]
    return { decision, holds, considered }
  }

  /** What a decision that is kept depends on. The resource comes last: it alone may hold any character. */
  const keyOf = ({ caller, action, resource, owner, domain, repository, identityPoliciesOnly }: AccessQuestion) => {
    const about = `${owner} ${domain} ${repository?.name} ${repository?.administrator} ${identityPoliciesOnly === true}`
    return `${whoOf(caller)} ${action} ${about} ${resource}`
  }
  const whoOf = (caller: Caller): string => {
    if (caller.kind === 'anonymous') return 'anonymous'
    return caller.kind === 'user'
      ? caller.userId
      : `${caller.userId} ${caller.issuedAt} ${policies.ofSession(caller).number}`
  }

  const decide = async (question: AccessQuestion): Promise<Decision> => {
    const refused = refusedOutright(question)
    if (refused) return refused
    // Roles are assumed seldom, and what a trust policy says of them may be newer than the counter that the request saw.
    if (question.trust) return (await make(question)).decision
    const known = await decisions.read(question.topology, keyOf(question), async () => {
      const { decision, holds } = await make(question)
      return holds ? decision : 'depends on the request'
    })
    return known === 'depends on the request' ? (await make(question)).decision : known
  }

  return {
    decide,
    async explain(question) {
      const refused = refusedOutright(question)
      if (refused) return { ...refused, considered: [] }
      const { decision, considered } = await make(question)
      return { ...decision, considered }
    },
    async require(question) {
      const decision = await decide(question)
      if (decision.allowed) return
      const { caller, action, resource } = question
      if (caller.kind === 'anonymous') throw loginNeeded(action)
      const reason = reasonFor(question, decision)
      const message = `User ${caller.arn} is not authorized to perform ${action} on resource ${resource} because ${reason}`
      throw new RegistryError('forbidden', message, { awsCode: 'AccessDeniedException' })
    },
  }
}

/** The same whatever is there: the ARN of what was asked for would tell a stranger that it exists, and whose it is. */
export const loginNeeded = (action: string): RegistryError =>
  new RegistryError('unauthenticated', `Authentication is required to perform ${action}`)

/** A repository has two owners: the account that owns its domain, and the one that administers it. */
const isOwners = ({ account }: KnownCaller, { owner, repository }: AccessQuestion): boolean =>
  account === owner || account === repository?.administrator

/** What the owner's policies are called is the owner's business: guests hear that one of them denies, as from AWS. */
const reasonFor = (question: AccessQuestion, { reason, by }: Decision): string =>
  by?.side === 'resource' && question.caller.kind !== 'anonymous' && !isOwners(question.caller, question)
    ? 'a resource-based policy explicitly denies it'
    : reason

const principalOf = (caller: KnownCaller): Principal => ({
  arn: caller.arn,
  account: caller.account,
  id: caller.kind === 'user' ? caller.userId : caller.roleId,
  role: caller.kind === 'user' ? null : caller.roleArn,
})

const from = (side: Side, policies: readonly NamedPolicy[]): Explanation['considered'] =>
  policies.map(({ name }) => ({ side, policy: name }))

/** What no policy can allow. */
function refusedOutright({ caller, action, domain }: AccessQuestion): Decision | undefined {
  const refused = (reason: string): Decision => ({ allowed: false, reason, by: null, errors: [] })
  if (caller.kind === 'anonymous') {
    // "Everyone" in a policy that allows everything was hardly meant to let strangers publish.
    return action === ANONYMOUS_ACTION ? undefined : refused('it needs a log-in: without one there is only reading')
  }
  if (caller.domain === null || caller.domain === domain) return undefined
  return refused(`the token is for the domain ${caller.domain} only`)
}

function contextOf({ caller, context = {} }: AccessQuestion, now: number, region: string): RequestFacts {
  const told = Object.fromEntries(Object.entries(context).map(([key, value]) => [key.toLowerCase(), value]))
  for (const key of PRINCIPAL_KEYS) delete told[key]
  // What is known for certain comes last: nothing that a request says replaces it.
  return {
    ...told,
    'aws:currenttime': new Date(now).toISOString(),
    'aws:epochtime': String(Math.floor(now / 1000)),
    'aws:requestedregion': region,
    ...factsOf(caller),
  }
}

/** What IAM's condition keys say of who calls; the ARN of a session's principal is its role's. */
function factsOf(caller: Caller): RequestFacts {
  if (caller.kind === 'anonymous') return { 'aws:principaltype': 'Anonymous', 'aws:userid': 'anonymous' }
  const known = { 'aws:principalaccount': caller.account, 'aws:userid': caller.userId }
  if (caller.kind === 'user')
    return { ...known, 'aws:principaltype': 'User', 'aws:principalarn': caller.arn, 'aws:username': caller.userName }
  return {
    ...known,
    'aws:principaltype': 'AssumedRole',
    'aws:principalarn': caller.roleArn,
    'aws:tokenissuetime': new Date(caller.issuedAt).toISOString(),
  }
}
