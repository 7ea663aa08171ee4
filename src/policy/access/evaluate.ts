import { matches, matchesArn, resolves, type Context } from './match.ts'
import type { Effect, Policy, Statement } from './policy.ts'
import { namedBy, type NamedAs, type Pins, type Principal } from './principals.ts'

export type { Principal } from './principals.ts'

/** A policy with the name under which a person finds it again. */
export type NamedPolicy = {
  readonly name: string
  readonly policy: Policy
  /** The unique ids of the users and roles that its principals' ARNs meant when it was put; an ARN that is not here means whoever bears it. */
  readonly pins?: Pins
}

export type AccessRequest = {
  /** null: nobody is logged in. */
  readonly principal: Principal | null
  /** `codeartifact:ReadFromRepository` */
  readonly action: string
  /** An ARN, or `*` for actions that are about no one thing: only a policy's bare `*` covers it. */
  readonly resource: string
  /** IAM's condition keys, in any case. A key that is absent is unknown. */
  readonly context: Readonly<Record<string, string | readonly string[]>>
}

/** `statement`: its Sid, or its position in the document counted from 0. */
export type Deciding = {
  readonly side: Side
  readonly policy: string
  readonly statement: string | number
  readonly effect: Effect
}

export type Decision = {
  readonly allowed: boolean
  /** Goes after "because". */
  readonly reason: string
  /** What decided; null where nothing did and the answer is the default, no. */
  readonly by: Deciding | null
  /** Statements that could not be evaluated: these cannot allow, and where they deny, they deny. */
  readonly errors: readonly Deciding[]
}

export type Evaluation = {
  readonly identityPolicies: readonly NamedPolicy[]
  /** What a role session was cut down to: one of them has to allow. Empty where it was not, and for users. */
  readonly sessionPolicies: readonly NamedPolicy[]
  readonly resourcePolicies: readonly NamedPolicy[]
  /** The principal is of the account that owns the resource. */
  readonly sameAccount: boolean
  /** The resource policy is a role's trust policy: also inside one account it has to allow, or to leave it to the account. */
  readonly isTrust?: boolean
  readonly request: AccessRequest
}

export type Side = 'identity' | 'session' | 'resource'
type Hit = Deciding & {
  readonly outcome: true | 'error'
  /** By what name the statement means the caller; null in what is attached to the caller. */
  readonly named: NamedAs | null
}

/**
 * IAM's evaluation logic. An explicit deny anywhere wins. Inside one account an identity-based or a resource-based allow
 * suffices, between accounts both are needed, and a session policy limits what either gives but for what is given to the very
 * session. Whoever is not logged in has resource-based policies only.
 */
export function evaluate(evaluation: Evaluation): Decision {
  const { identityPolicies, sessionPolicies, resourcePolicies, request } = evaluation
  const context = new Map(Object.entries(request.context).map(([key, value]) => [key.toLowerCase(), value]))
  const hitsOf = (side: Side, policies: readonly NamedPolicy[]) =>
    policies.flatMap((policy) => hitsOfPolicy(side, policy, request, context))
  const hits = [
    ...hitsOf('identity', identityPolicies),
    ...hitsOf('session', sessionPolicies),
    ...hitsOf('resource', resourcePolicies),
  ]
  const errors = hits.filter(({ outcome }) => outcome === 'error').map(deciding)
  const describe = describer(evaluation)
  const denied = hits.find(({ effect }) => effect === 'Deny')
  if (denied)
    return { allowed: false, reason: `${describe(denied)} explicitly denies it`, by: deciding(denied), errors }
  const allows = hits.filter(({ effect, outcome }) => effect === 'Allow' && outcome === true)
  const [by, ...also] = grounds(evaluation, allows)
  if (by === undefined) return { allowed: false, reason: missing(evaluation, allows), by: null, errors }
  const verb = also.length === 0 ? 'allows' : 'allow'
  const reason = `${[by, ...also].map(describe).join(' and ')} ${verb} it`
  return { allowed: true, reason, by: deciding(by), errors }
}

/** The statements that together allow it, the one that decides first; none where it is not allowed. */
function grounds(evaluation: Evaluation, allows: readonly Hit[]): readonly Hit[] {
  const { sessionPolicies, sameAccount, isTrust = false, request } = evaluation
  const given = (to: NamedAs) => allows.find(({ side, named }) => side === 'resource' && named === to)
  if (request.principal === null) return isTrust ? [] : present(given('everyone'))

  const toCaller = given('caller')
  if (sameAccount && toCaller) return [toCaller]
  const identity = allows.find(({ side }) => side === 'identity')
  const toMany = given('role') ?? given('everyone')
  const toAccount = given('account')
  // What a statement gives to the account the caller's own policies share out: by itself it gives them nothing.
  const owners = toCaller ?? toMany ?? toAccount
  const both = identity && owners ? [owners, identity] : []
  // To assume a role the caller's own policies never suffice: the account has to be trusted with it at the least.
  const alone = isTrust ? toMany : (identity ?? toMany)
  const inside = alone ? [alone] : isTrust ? both : []
  const granted = sameAccount ? inside : both
  if (granted.length === 0 || sessionPolicies.length === 0) return granted
  const session = allows.find(({ side }) => side === 'session')
  return session ? [...granted, session] : []
}

const present = <T>(one: T | undefined): readonly T[] => (one === undefined ? [] : [one])

/** Whose word is missing: the first of those who would all have to be asked. */
function missing({ sessionPolicies, sameAccount, isTrust, request }: Evaluation, allows: readonly Hit[]): string {
  const has = (side: Side) => allows.some((hit) => hit.side === side)
  const owners = isTrust ? 'the trust policy of the role does not allow it' : null
  if (request.principal === null) return owners ?? 'no resource-based policy allows it to everyone'
  if (owners && sameAccount && !has('resource')) return owners
  const shared = allows.some(({ named }) => named === 'role' || named === 'everyone')
  if (!has('identity') && !(sameAccount && shared)) return 'no identity-based policy allows it'
  if (sessionPolicies.length > 0 && !has('session')) return 'the session policy does not allow it'
  return owners ?? 'no resource-based policy of the owning account allows it'
}

const deciding = ({ side, policy, statement, effect }: Hit): Deciding => ({ side, policy, statement, effect })

const describer =
  ({ isTrust }: Evaluation) =>
  ({ side, policy, statement }: Hit): string => {
    const where = `(statement ${JSON.stringify(statement)})`
    // Whoever made the session gave its policy no name.
    if (side === 'session') return `the session policy ${where}`
    const kind = side === 'resource' && isTrust ? 'trust' : `${side}-based`
    return `the ${kind} policy ${JSON.stringify(policy)} ${where}`
  }

function hitsOfPolicy(
  side: Side,
  { name, policy, pins = {} }: NamedPolicy,
  request: AccessRequest,
  context: Context,
): readonly Hit[] {
  return policy.statements.flatMap((statement, index): readonly Hit[] => {
    const named = side === 'resource' ? namedBy(statement, request.principal, pins) : null
    if (side === 'resource' && named === null) return []
    const outcome = applies(statement, request, context)
    if (!outcome) return []
    return [{ side, policy: name, statement: statement.sid ?? index, effect: statement.effect, outcome, named }]
  })
}

function applies(statement: Statement, request: AccessRequest, context: Context): boolean | 'error' {
  const action = request.action.toLowerCase()
  const actions = statement.actions
  if (actions.listed.some((pattern) => matches(pattern, action, context)) === actions.negated) return false
  const resources = statement.resources
  if (resources.listed.some((pattern) => matchesArn(pattern, request.resource, context)) === resources.negated)
    return false
  // "Everything but ${aws:username}'s own" says nothing where the name is unknown; read as "everything" it would open all.
  const unknown = resources.negated && !resources.listed.every((pattern) => resolves(pattern, context))
  const outcomes = statement.conditions.map((condition) => condition.holds(context))
  if (outcomes.includes(false)) return false
  return unknown || outcomes.includes('error') ? 'error' : true
}
