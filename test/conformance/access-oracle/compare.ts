import { evaluate, type Decision, type Evaluation, type NamedPolicy } from '../../../src/policy/access/evaluate.ts'
import { parsePolicy } from '../../../src/policy/access/parse.ts'
import {
  answer,
  type Answer,
  type Attached,
  type Policies,
  type Question,
  type Side,
  type Statement,
} from './literal-evaluator.ts'

// The same documents and the same request, asked of both.

export type Case = { readonly policies: Policies; readonly question: Question }
type Parsed = Readonly<Record<Side, readonly NamedPolicy[]>>

/** The product's own reading of the documents; undefined where it refuses one. */
export function parseAll(policies: Policies, isTrust: boolean): Parsed | undefined {
  const parsed = (side: Side) =>
    policies[side].flatMap(({ name, document, pins }): NamedPolicy[] => {
      const { policy } = parsePolicy(JSON.stringify(document), kindOf(side, isTrust))
      return policy ? [{ name, policy, ...(pins && { pins }) }] : []
    })
  const all = { identity: parsed('identity'), session: parsed('session'), resource: parsed('resource') }
  return (['identity', 'session', 'resource'] as const).every((side) => all[side].length === policies[side].length)
    ? all
    : undefined
}

const kindOf = (side: Side, isTrust: boolean) => (side === 'resource' && isTrust ? 'trust' : side)

export const decide = ({ identity, session, resource }: Parsed, question: Question): Decision =>
  evaluate({
    identityPolicies: identity,
    sessionPolicies: session,
    resourcePolicies: resource,
    sameAccount: question.sameAccount,
    isTrust: question.isTrust,
    request: {
      principal: question.principal,
      action: question.action,
      resource: question.resource,
      context: question.context,
    },
  } satisfies Evaluation)

/** What is wrong with the product's decision in the light of the oracle's answer; undefined: nothing. */
export function difference(decision: Decision, expected: Answer): string | undefined {
  if (decision.allowed !== expected.allowed) return 'allowed'
  const { by } = decision
  const wanted = { 'an explicit deny': 'Deny', 'an allow': 'Allow', nothing: undefined }[expected.because]
  if (by?.effect !== wanted) return `by: ${by?.effect} where it is ${expected.because}`
  if (by && !expected.findings.some((finding) => finding.verdict !== 'no' && sameStatement(finding, by))) {
    return `by: no such statement applies: ${JSON.stringify(by)}`
  }
  const named = (list: readonly Named[]) =>
    list.map(({ side, policy, statement, effect }) => JSON.stringify([side, policy, statement, effect])).toSorted()
  const [errors, wantedErrors] = [decision.errors, expected.findings.filter(({ verdict }) => verdict === 'error')].map(
    named,
  )
  return JSON.stringify(errors) === JSON.stringify(wantedErrors)
    ? undefined
    : `errors: ${String(errors)} where they are ${String(wantedErrors)}`
}

type Named = Pick<Answer['findings'][number], 'side' | 'policy' | 'statement' | 'effect'>
const sameStatement = (a: Named, b: Named) =>
  a.side === b.side && a.policy === b.policy && a.statement === b.statement && a.effect === b.effect

function differs({ policies, question }: Case): string | undefined {
  const parsed = parseAll(policies, question.isTrust)
  return parsed && difference(decide(parsed, question), answer(policies, question))
}

/** The smallest documents and request about which the two still differ, and what each says: for a person to read. */
export function explain(seed: number, whole: Case): string {
  let smallest = whole
  for (
    let next: Case | undefined = whole;
    next;
    next = smallerOnes(smallest).find((one) => differs(one) !== undefined)
  ) {
    smallest = next
  }
  const parsed = parseAll(smallest.policies, smallest.question.isTrust)
  const shown = {
    seed,
    difference: differs(smallest),
    ...smallest,
    product: parsed && decide(parsed, smallest.question),
    oracle: answer(smallest.policies, smallest.question),
  }
  return JSON.stringify(shown, null, 2)
}

function* smallerOnes({ policies, question }: Case): Generator<Case> {
  for (const side of ['identity', 'session', 'resource'] as const) {
    for (const [at, policy] of policies[side].entries()) {
      const put = (...others: Attached[]): Case => ({
        policies: { ...policies, [side]: policies[side].toSpliced(at, 1, ...others) },
        question,
      })
      yield put()
      if (Object.keys(policy.pins ?? {}).length > 0) yield put({ ...policy, pins: {} })
      const statements = [policy.document.Statement].flat()
      const restated = (Statement: readonly Statement[]) =>
        put({ ...policy, document: { ...policy.document, Statement } })
      for (const [index, statement] of statements.entries()) {
        if (statements.length > 1) yield restated(statements.toSpliced(index, 1))
        for (const smaller of smallerStatements(statement)) yield restated(statements.with(index, smaller))
      }
    }
  }
  for (const key of Object.keys(question.context)) {
    yield { policies, question: { ...question, context: without(question.context, key) } }
  }
}

const without = <T>(from: Readonly<Record<string, T>>, key: string): Record<string, T> =>
  Object.fromEntries(Object.entries(from).filter(([name]) => name !== key))

const lessOf = <T>(list: T | readonly T[]): (readonly T[])[] =>
  Array.isArray(list) && list.length > 1 ? list.map((_, at) => list.toSpliced(at, 1)) : []

function* smallerStatements(statement: Statement): Generator<Statement> {
  for (const element of ['Action', 'NotAction', 'Resource', 'NotResource'] as const) {
    for (const less of lessOf(statement[element])) yield { ...statement, [element]: less }
  }
  for (const element of ['Principal', 'NotPrincipal'] as const) {
    const said = statement[element]
    for (const AWS of typeof said === 'object' ? lessOf(said.AWS) : []) yield { ...statement, [element]: { AWS } }
  }
  const { Condition, ...unconditional } = statement
  if (!Condition) return
  yield unconditional
  for (const [operator, keys] of Object.entries(Condition)) {
    if (Object.keys(Condition).length > 1) yield { ...statement, Condition: without(Condition, operator) }
    for (const [key, values] of Object.entries(keys)) {
      const others = without(keys, key)
      if (Object.keys(others).length > 0) yield { ...statement, Condition: { ...Condition, [operator]: others } }
      for (const less of lessOf(values)) {
        yield { ...statement, Condition: { ...Condition, [operator]: { ...keys, [key]: less } } }
      }
    }
  }
}
