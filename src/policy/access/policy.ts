import type { Condition } from './condition.ts'
import type { ArnPattern, Pattern } from './match.ts'

export type Effect = 'Allow' | 'Deny'

/**
 * identity: attached to a user or role, says what it may do. resource: attached to a thing, says who may do what to it.
 * trust: attached to a role, says who may assume it. session: given when a role is assumed, says what is left of its rights.
 */
export type PolicyKind = 'identity' | 'resource' | 'trust' | 'session'

/** IAM's grammar in the two versions that exist; only the newer one knows policy variables. */
export type PolicyVersion = '2012-10-17' | '2008-10-17'

/** Whom a resource or trust policy names: everybody (also who is not logged in), an account with all in it, or one principal. */
export type PrincipalPattern =
  | { readonly kind: 'everyone' }
  | { readonly kind: 'account'; readonly account: string }
  | { readonly kind: 'arn'; readonly arn: string }

/** `negated` where the document said NotAction, NotResource or NotPrincipal. */
export type Statement = {
  readonly sid: string | null
  readonly effect: Effect
  /** null in identity and session policies: the principal is whom the policy is attached to. */
  readonly principals: { readonly negated: boolean; readonly listed: readonly PrincipalPattern[] } | null
  readonly actions: { readonly negated: boolean; readonly listed: readonly Pattern[] }
  /** In trust policies everything: what they are about is the role that they are attached to. */
  readonly resources: { readonly negated: boolean; readonly listed: readonly ArnPattern[] }
  /** All must hold. */
  readonly conditions: readonly Condition[]
}

export type Policy = {
  readonly version: PolicyVersion
  readonly id: string | null
  readonly statements: readonly Statement[]
  /** Every context key that the outcome may depend on, lower-case: those of conditions and of policy variables. */
  readonly contextKeys: ReadonlySet<string>
}

/** What is wrong with a policy document, and where. */
export type Problem = {
  /** RFC 6901 JSON pointer: `/Statement/0/Effect`; empty for the document itself. */
  readonly path: string
  /** Counted from 1. */
  readonly line: number
  readonly message: string
}
