import { evaluate, type Decision, type NamedPolicy, type Principal } from '../policy/access/evaluate.ts'
import { parsePolicy } from '../policy/access/parse.ts'
import type { Policy, PolicyKind } from '../policy/access/policy.ts'
import { RegistryError } from './errors.ts'
import type { Caller } from './model.ts'
import type { AccountId, DomainName } from './names.ts'
import type { Clock, IdentityReads } from './ports.ts'
import { TopologyCache } from './topology-cache.ts'

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
  /** What the policies' conditions may look at besides who calls and when. */
  readonly context?: RequestFacts
  /** The topology counter as this request read it. */
  readonly topology: number
}

export type Authorizer = {
  decide(question: AccessQuestion): Promise<Decision>
  /** Throws `unauthenticated` for who is not logged in and `forbidden` for everybody else, with the reason. */
  require(question: AccessQuestion): Promise<void>
}

/** The policies that stand on a resource and on what holds it, as of the topology counter. */
export type ResourcePolicies = (resource: string, topology: number) => Promise<readonly NamedPolicy[]>

/** Nothing carries a policy of its own: who is not of the owner's account has no way in. */
const noResourcePolicies: ResourcePolicies = async () => []

type User = Extract<Caller, { kind: 'user' }>

/** Context keys that are the same in every request of one principal. A decision that looks at others is made anew each time. */
const PRINCIPAL_KEYS = new Set([
  'aws:username',
  'aws:userid',
  'aws:principalarn',
  'aws:principalaccount',
  'aws:principaltype',
  'aws:requestedregion',
])

const MAX_PRINCIPALS = 5_000
const MAX_DECISIONS = 50_000

/** The one place that asks `policy/access`, for data and management requests alike. */
export function createAuthorizer({
  store,
  clock,
  region,
  resourcePoliciesOf = noResourcePolicies,
}: {
  store: Pick<IdentityReads, 'listIdentityPolicies'>
  clock: Clock
  region: string
  resourcePoliciesOf?: ResourcePolicies
}): Authorizer {
  const policies = new TopologyCache<readonly NamedPolicy[]>(MAX_PRINCIPALS)
  const decisions = new TopologyCache<Decision | 'depends on the request'>(MAX_DECISIONS)

  const identityPoliciesOf = (caller: User, topology: number) =>
    policies.read(topology, caller.userId, async () =>
      (await store.listIdentityPolicies(caller.account, caller.userName)).map(({ name, document }) =>
        stored(name, document),
      ),
    )

  const ask = async (question: AccessQuestion): Promise<{ decision: Decision; keys: readonly string[] }> => {
    const { caller, action, resource, owner, topology } = question
    const user = caller.kind === 'user' ? caller : null
    const [identityPolicies, resourcePolicies] = await Promise.all([
      user ? identityPoliciesOf(user, topology) : [],
      resourcePoliciesOf(resource, topology),
    ])
    const decision = evaluate({
      identityPolicies,
      resourcePolicies,
      sameAccount: user?.account === owner,
      request: {
        principal: user && principalOf(user),
        action,
        resource,
        context: contextOf(question, clock.now(), region),
      },
    })
    return {
      decision,
      keys: [...identityPolicies, ...resourcePolicies].flatMap(({ policy }) => [...policy.contextKeys]),
    }
  }

  const decide = async (question: AccessQuestion): Promise<Decision> => {
    const { caller, action, resource, owner, topology } = question
    const narrowed = refusedByToken(question)
    if (narrowed) return narrowed
    const who = caller.kind === 'user' ? caller.userId : 'anonymous'
    const known = await decisions.read(topology, [who, owner, action, resource].join('\n'), async () => {
      const { decision, keys } = await ask(question)
      return keys.every((key) => PRINCIPAL_KEYS.has(key)) ? decision : 'depends on the request'
    })
    return known === 'depends on the request' ? (await ask(question)).decision : known
  }

  return {
    decide,
    async require(question) {
      const { allowed, reason } = await decide(question)
      if (allowed) return
      const { caller, action, resource } = question
      if (caller.kind === 'anonymous') {
        throw new RegistryError(
          'unauthenticated',
          `Authentication is required to perform ${action} on resource ${resource}`,
        )
      }
      const message = `User ${caller.arn} is not authorized to perform ${action} on resource ${resource} because ${reason}`
      throw new RegistryError('forbidden', message, { awsCode: 'AccessDeniedException' })
    },
  }
}

/** Throws `invalid` with every problem of the document and its place. */
export function checkPolicyDocument(document: string, kind: PolicyKind): Policy {
  const { policy, problems } = parsePolicy(document, kind)
  if (policy) return policy
  const list = problems.map(({ path, line, message }) => `${path || '/'} (line ${line}): ${message}`).join('; ')
  throw new RegistryError('invalid', `The policy document is not valid: ${list}`, { awsCode: 'ValidationException' })
}

const principalOf = (user: User): Principal => ({ arn: user.arn, account: user.account })

const refusedByToken = ({ caller, domain }: AccessQuestion): Decision | undefined => {
  if (caller.kind === 'anonymous' || caller.domain === null || caller.domain === domain) return undefined
  const reason = `the token is for the domain ${caller.domain} only`
  return { allowed: false, reason, by: null, errors: [] }
}

function contextOf({ caller, context = {} }: AccessQuestion, now: number, region: string): RequestFacts {
  const told = Object.fromEntries(Object.entries(context).map(([key, value]) => [key.toLowerCase(), value]))
  // What is known for certain comes last: nothing that a request says replaces it.
  const known = {
    ...told,
    'aws:currenttime': new Date(now).toISOString(),
    'aws:epochtime': String(Math.floor(now / 1000)),
    'aws:requestedregion': region,
  }
  if (caller.kind === 'anonymous') return { ...known, 'aws:principaltype': 'Anonymous', 'aws:userid': 'anonymous' }
  return {
    ...known,
    'aws:principaltype': 'User',
    'aws:principalarn': caller.arn,
    'aws:principalaccount': caller.account,
    'aws:username': caller.userName,
    'aws:userid': caller.userId,
  }
}

/** Documents are checked when they are attached. One that cannot be read nevertheless may have denied anything, so it denies everything. */
function stored(name: string, document: string): NamedPolicy {
  const { policy } = parsePolicy(document, 'identity')
  return { name, policy: policy ?? checkPolicyDocument(DENY_ALL, 'identity') }
}

const DENY_ALL = JSON.stringify({
  Version: '2012-10-17',
  Statement: { Sid: 'UnreadablePolicy', Effect: 'Deny', Action: '*', Resource: '*' },
})
