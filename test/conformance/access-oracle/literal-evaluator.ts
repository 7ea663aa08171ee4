import { conditionHolds } from './literal-conditions.ts'
import { all, covers, coversArn, not, spell, whether, type Context, type Verdict } from './literal-text.ts'

// A second reading of IAM's published rules: slow, over the JSON documents themselves, sharing no line with the product.
// Where the two differ, one of them has misread the rules.

type OneOrMore<T> = T | readonly T[]
type Scalar = string | number | boolean
export type Principals = '*' | { readonly AWS: OneOrMore<string> }

export type Statement = {
  readonly Sid?: string
  readonly Effect: 'Allow' | 'Deny'
  readonly Principal?: Principals
  readonly NotPrincipal?: Principals
  readonly Action?: OneOrMore<string>
  readonly NotAction?: OneOrMore<string>
  readonly Resource?: OneOrMore<string>
  readonly NotResource?: OneOrMore<string>
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, OneOrMore<Scalar>>>>>
}
export type Document = { readonly Version: string; readonly Statement: OneOrMore<Statement> }
/** `pins`: the unique ids of those whom the document's ARNs meant when it was put. */
export type Attached = {
  readonly name: string
  readonly document: Document
  readonly pins?: Readonly<Record<string, string>>
}

export type Side = 'identity' | 'session' | 'resource'
export type Policies = Readonly<Record<Side, readonly Attached[]>>
export type Caller = {
  readonly arn: string
  readonly account: string
  readonly id: string
  /** The ARN of the role that the caller is a session of. */
  readonly role: string | null
}
export type Question = {
  /** null: nobody is logged in. */
  readonly principal: Caller | null
  readonly action: string
  readonly resource: string
  readonly context: Context
  readonly sameAccount: boolean
  readonly isTrust: boolean
}

/** How a resource policy's statement took hold of the caller; null: it did not, or it is no resource policy's. */
type Grip = 'user' | 'session' | 'role' | 'account' | 'everyone'
export type Finding = {
  readonly side: Side
  readonly policy: string
  readonly statement: string | number
  readonly effect: 'Allow' | 'Deny'
  readonly verdict: Verdict
  readonly grips: readonly Grip[]
}
export type Answer = {
  readonly allowed: boolean
  readonly because: 'an explicit deny' | 'an allow' | 'nothing'
  readonly findings: readonly Finding[]
}

const listed = <T>(value: OneOrMore<T> | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value as T]

/** The same account needs one of the two sides, several accounts both, nobody logged in the resource's. */
export function answer(policies: Policies, question: Question): Answer {
  // Whoever is not logged in has no policies of their own.
  const sides: readonly Side[] = question.principal ? ['identity', 'session', 'resource'] : ['resource']
  const findings = sides.flatMap((side) => policies[side].flatMap((policy) => findingsOf(side, policy, question)))
  // What cannot be evaluated cannot allow; where it denies, it denies.
  if (findings.some(({ effect, verdict }) => effect === 'Deny' && verdict !== 'no')) {
    return { allowed: false, because: 'an explicit deny', findings }
  }
  const allows = findings.filter(({ effect, verdict }) => effect === 'Allow' && verdict === 'yes')
  const sessionAllows = policies.session.length === 0 || allows.some(({ side }) => side === 'session')
  const callersSide = sessionAllows && allows.some(({ side }) => side === 'identity')
  const grips = new Set(allows.filter(({ side }) => side === 'resource').flatMap((finding) => finding.grips))

  const allowed = ((): boolean => {
    // There is nobody to assume a role, whomever it trusts.
    if (!question.principal) return grips.size > 0 && !question.isTrust
    if (!question.sameAccount) return callersSide && grips.size > 0
    // Who is named in person is past what their own policies leave unsaid, also those of the session.
    if (grips.has('user') || grips.has('session')) return true
    if (sessionAllows && (grips.has('role') || grips.has('everyone'))) return true
    // An account that is named may hand the right on, which its own policies do. A trust policy must say at least that.
    return callersSide && (!question.isTrust || grips.has('account'))
  })()
  return { allowed, because: allowed ? 'an allow' : 'nothing', findings }
}

function findingsOf(side: Side, { name, document, pins = {} }: Attached, question: Question): readonly Finding[] {
  return listed(document.Statement).map((statement, at) => {
    const grips = side === 'resource' ? gripsOf(statement, question.principal, pins) : []
    const variables = document.Version === '2012-10-17'
    const about = all([
      whether(side !== 'resource' || grips.length > 0),
      actionCovered(statement, question.action),
      resourceCovered(statement, question.resource, { variables, context: question.context }),
    ])
    // The conditions of a statement about something else are nobody's concern.
    const conditions = about === 'no' ? [] : conditionsOf(statement)
    const verdict = all([
      about,
      ...conditions.map(({ operator, key, expected }) =>
        conditionHolds(operator, key, expected, { variables, context: question.context }),
      ),
    ])
    return { side, policy: name, statement: statement.Sid || at, effect: statement.Effect, verdict, grips }
  })
}

const conditionsOf = ({ Condition = {} }: Statement) =>
  Object.entries(Condition).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, values]) => ({ operator, key, expected: listed(values).map(String) })),
  )

/** Actions have no case, and no variables. */
function actionCovered({ Action, NotAction }: Statement, action: string): Verdict {
  const spelling = { wildcards: true, variables: false, context: {} }
  const covered = listed(Action ?? NotAction).some((pattern) =>
    covers(spell(pattern.toLowerCase(), spelling) ?? [], action.toLowerCase()),
  )
  return whether(Action === undefined ? !covered : covered)
}

/**
 * A variable without a value makes an ARN that matches nothing. For NotResource that would mean "everything else", which
 * nobody can say of an unknown: there the statement cannot be evaluated.
 */
function resourceCovered(
  { Resource, NotResource }: Statement,
  resource: string,
  spelling: { readonly variables: boolean; readonly context: Context },
): Verdict {
  // A trust policy says neither: it is about its role.
  if (Resource === undefined && NotResource === undefined) return 'yes'
  const verdicts = listed(Resource ?? NotResource).map((pattern) => coversArn(pattern, resource, spelling))
  if (Resource !== undefined) return whether(verdicts.includes('yes'))
  return not(verdicts.includes('yes') ? 'yes' : verdicts.includes('error') ? 'error' : 'no')
}

function gripsOf(
  { Effect, Principal, NotPrincipal }: Statement,
  caller: Caller | null,
  pins: Readonly<Record<string, string>>,
): readonly Grip[] {
  const said = Principal ?? NotPrincipal
  const names = said === '*' ? ['*'] : listed(said?.AWS)
  const grips = names.flatMap((name) => gripOf(name, caller, pins) ?? [])
  if (Principal !== undefined) return grips
  // NotPrincipal. Whoever is logged in is several principals at once: the account, the role, the session or user. An
  // exception from a deny must name them all, or the deny takes hold of the one that was left out.
  const exempted =
    Effect === 'Allow' || grips.includes('everyone')
      ? grips.length > 0
      : caller !== null && levelsOf(caller).every((level) => grips.includes(level))
  return exempted ? [] : ['everyone']
}

const levelsOf = (caller: Caller): readonly Grip[] =>
  caller.role === null ? ['account', 'user'] : ['account', 'role', 'session']

function gripOf(name: string, caller: Caller | null, pins: Readonly<Record<string, string>>): Grip | null {
  if (name === '*') return 'everyone'
  if (!caller) return null
  if (name === caller.account || name === `arn:aws:iam::${caller.account}:root`) return 'account'
  if (Object.hasOwn(pins, name) && pins[name] !== caller.id) return null
  if (name === caller.arn) return caller.role === null ? 'user' : 'session'
  return name === caller.role ? 'role' : null
}
