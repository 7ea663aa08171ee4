import { matches, matchesArn, resolves, type Context } from './match.ts'
import type { Effect, Policy, PrincipalPattern, Statement } from './policy.ts'

/** A policy with the name under which a person finds it again. */
export type NamedPolicy = { readonly name: string; readonly policy: Policy }

export type Principal = { readonly arn: string; readonly account: string }

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
export type Deciding = { readonly policy: string; readonly statement: string | number; readonly effect: Effect }

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
  readonly resourcePolicies: readonly NamedPolicy[]
  /** The principal is of the account that owns the resource. */
  readonly sameAccount: boolean
  readonly request: AccessRequest
}

type Side = 'identity' | 'resource'
type Hit = Deciding & { readonly side: Side; readonly outcome: true | 'error' }

/**
 * IAM's evaluation logic: an explicit deny anywhere wins; inside one account an identity-based or a resource-based allow
 * suffices; between accounts both are needed; whoever is not logged in has resource-based policies only.
 */
export function evaluate({ identityPolicies, resourcePolicies, sameAccount, request }: Evaluation): Decision {
  const context = new Map(Object.entries(request.context).map(([key, value]) => [key.toLowerCase(), value]))
  const hits = [
    ...identityPolicies.flatMap((policy) => hitsOf('identity', policy, request, context)),
    ...resourcePolicies.flatMap((policy) => hitsOf('resource', policy, request, context)),
  ]
  const errors = hits.filter((hit) => hit.outcome === 'error').map(deciding)
  const denied = hits.find((hit) => hit.effect === 'Deny')
  if (denied)
    return { allowed: false, reason: `${describe(denied)} explicitly denies it`, by: deciding(denied), errors }
  const allowing = (side: Side) =>
    hits.find((hit) => hit.side === side && hit.effect === 'Allow' && hit.outcome === true)
  const identity = request.principal ? allowing('identity') : undefined
  const resource = allowing('resource')
  const eitherSuffices = sameAccount || request.principal === null
  const by = eitherSuffices ? (identity ?? resource) : identity && resource
  if (by) return { allowed: true, reason: `${describe(by)} allows it`, by: deciding(by), errors }
  return { allowed: false, reason: missing(request, eitherSuffices, identity !== undefined), by: null, errors }
}

function missing(request: AccessRequest, eitherSuffices: boolean, identityAllows: boolean): string {
  if (request.principal === null) return 'no resource-based policy allows it to everyone'
  if (eitherSuffices || !identityAllows) return 'no identity-based policy allows it'
  return 'no resource-based policy of the owning account allows it'
}

const deciding = ({ policy, statement, effect }: Hit): Deciding => ({ policy, statement, effect })

const describe = ({ side, policy, statement }: Hit): string =>
  `the ${side}-based policy ${JSON.stringify(policy)} (statement ${JSON.stringify(statement)})`

function hitsOf(side: Side, { name, policy }: NamedPolicy, request: AccessRequest, context: Context): readonly Hit[] {
  return policy.statements.flatMap((statement, index): readonly Hit[] => {
    const outcome = applies(side, statement, request, context)
    if (!outcome) return []
    return [{ side, policy: name, statement: statement.sid ?? index, effect: statement.effect, outcome }]
  })
}

function applies(side: Side, statement: Statement, request: AccessRequest, context: Context): boolean | 'error' {
  if (side === 'resource' && !appliesToPrincipal(statement, request.principal)) return false
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

function appliesToPrincipal({ principals }: Statement, principal: Principal | null): boolean {
  if (!principals) return false
  return principals.listed.some((listed) => names(listed, principal)) !== principals.negated
}

const names = (listed: PrincipalPattern, principal: Principal | null): boolean => {
  if (listed.kind === 'everyone') return true
  if (principal === null) return false
  return listed.kind === 'account' ? listed.account === principal.account : listed.arn === principal.arn
}
