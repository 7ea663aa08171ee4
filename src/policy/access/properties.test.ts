import { describe, expect, it } from 'vitest'
import { evaluate, type Evaluation, type NamedPolicy } from './evaluate.ts'
import { parsePolicy } from './parse.ts'
import type { PolicyKind } from './policy.ts'

// What must hold for every set of policies, tried on random ones. The seed is fixed: a failure repeats.

/** Mulberry32: small, and good enough to shuffle with. */
function generator(seed: number) {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  const pick = <T>(of: readonly T[]): T => of[below(of.length)] as T
  return {
    below,
    pick,
    shuffle: <T>(of: readonly T[]) =>
      of
        .map((one) => ({ one, at: next() }))
        .toSorted((a, b) => a.at - b.at)
        .map(({ one }) => one),
  }
}
type Random = ReturnType<typeof generator>

const ACTIONS = ['a:Read', 'a:Write', 'b:Read']
const RESOURCES = ['arn:aws:a:r:111122223333:x/one', 'arn:aws:a:r:111122223333:x/two', 'arn:aws:a:r:444455556666:y/one']
const ROLE = 'arn:aws:iam::111122223333:role/ci'
const BOB = { arn: 'arn:aws:iam::111122223333:user/bob', account: '111122223333', id: 'AIDABOB', role: null }
const EVE = { arn: 'arn:aws:iam::444455556666:user/eve', account: '444455556666', id: 'AIDAEVE', role: null }
const SESSION = {
  arn: 'arn:aws:sts::111122223333:assumed-role/ci/run-7',
  account: '111122223333',
  id: 'AROACI',
  role: ROLE,
}
const PRINCIPALS = [BOB, EVE, SESSION]
const NAMED = [
  '*',
  { AWS: '111122223333' },
  { AWS: EVE.arn },
  { AWS: ROLE },
  { AWS: [SESSION.arn, '111122223333'] },
  { AWS: [BOB.arn, SESSION.arn, ROLE, '111122223333'] },
]
const CONDITIONS = [
  { StringEquals: { 'aws:username': 'bob' } },
  { StringNotEquals: { 'aws:username': 'bob' } },
  { NumericLessThan: { 'a:number': 5 } },
  { NumericNotEquals: { 'aws:username': 5 } },
  { Null: { 'a:number': 'true' } },
  { 'ForAnyValue:StringLike': { 'a:list': ['o*', '${aws:username}'] } },
]

function randomPolicy(random: Random, kind: PolicyKind, name: string, effect: () => string): NamedPolicy {
  const statement = () => ({
    Effect: effect(),
    [random.pick(['Action', 'NotAction'])]: random.pick([...ACTIONS, '*', 'a:*', '*']),
    ...(kind !== 'trust' && {
      [random.pick(['Resource', 'Resource', 'NotResource'])]: random.pick([
        ...RESOURCES,
        '*',
        'arn:aws:a:*:*:x/*',
        'arn:aws:a:r:*:x/${a:word}',
      ]),
    }),
    ...(kind === 'resource' && { [random.pick(['Principal', 'Principal', 'NotPrincipal'])]: random.pick(NAMED) }),
    ...(kind === 'trust' && { Principal: random.pick(NAMED) }),
    ...(random.below(3) === 0 && { Condition: random.pick(CONDITIONS) }),
  })
  const text = JSON.stringify({
    Version: '2012-10-17',
    Statement: Array.from({ length: 1 + random.below(3) }, statement),
  })
  const { policy, problems } = parsePolicy(text, kind)
  if (!policy) throw new Error(JSON.stringify(problems))
  return { name, policy, pins: random.pick([{}, { [EVE.arn]: 'AIDAEVE', [ROLE]: 'AROAOLD' }]) }
}

function randomCase(random: Random): Evaluation {
  const effect = () => random.pick(['Allow', 'Allow', 'Allow', 'Deny'])
  const policies = (kind: PolicyKind) =>
    Array.from({ length: random.below(4) }, (_, index) => randomPolicy(random, kind, `${kind}${index}`, effect))
  const principal = random.pick([...PRINCIPALS, null])
  const isTrust = random.below(3) === 0
  return {
    identityPolicies: policies('identity'),
    sessionPolicies: principal?.role ? policies('session').slice(0, 2) : [],
    resourcePolicies: policies(isTrust ? 'trust' : 'resource'),
    sameAccount: random.below(2) === 0,
    isTrust,
    request: {
      principal,
      action: random.pick(ACTIONS),
      resource: random.pick(RESOURCES),
      context: {
        'aws:username': random.pick(['bob', 'eve']),
        ...(random.below(2) && { 'a:number': random.pick(['3', '7', 'x']), 'a:list': ['one', 'bob'] }),
      },
    },
  }
}

const cases = Array.from({ length: 2_000 }, (_, seed) => seed)
const shuffled = (random: Random, policies: readonly NamedPolicy[]): readonly NamedPolicy[] =>
  random.shuffle([...policies, ...policies.filter(() => random.below(2) === 0)]).map((one) => ({
    ...one,
    policy: { ...one.policy, statements: random.shuffle([...one.policy.statements, ...one.policy.statements]) },
  }))

const SIDES = ['identityPolicies', 'sessionPolicies', 'resourcePolicies'] as const
const kindOf = (side: (typeof SIDES)[number], { isTrust }: Evaluation): PolicyKind =>
  side === 'resourcePolicies' ? (isTrust ? 'trust' : 'resource') : side === 'identityPolicies' ? 'identity' : 'session'

/** The seeds whose evaluations, told by `vary` to be comparable, break what is claimed of the two. */
const broken = (
  vary: (one: Evaluation, random: Random) => Evaluation | null,
  claim: (before: boolean, after: boolean) => boolean,
) => {
  let compared = 0
  const seeds = cases.filter((seed) => {
    const random = generator(seed)
    const one = randomCase(random)
    const other = vary(one, random)
    if (other === null) return false
    compared += 1
    return !claim(evaluate(one).allowed, evaluate(other).allowed)
  })
  expect(compared).toBeGreaterThan(200)
  return seeds
}

describe('for any policies', () => {
  // P-61
  it('neither order nor repetition changes the decision', () => {
    let allowed = 0
    for (const seed of cases) allowed += Number(evaluate(randomCase(generator(seed))).allowed)
    // The generator must make both answers often, or the properties say nothing.
    expect(allowed).toBeGreaterThan(200)
    expect(cases.length - allowed).toBeGreaterThan(200)
    const reordered = (one: Evaluation, random: Random) => ({
      ...one,
      identityPolicies: shuffled(random, one.identityPolicies),
      sessionPolicies: shuffled(random, one.sessionPolicies),
      resourcePolicies: shuffled(random, one.resourcePolicies),
    })
    expect(broken(reordered, (before, after) => before === after)).toEqual([])
  })

  it.each(['Deny', 'Allow'])('adding a policy that says %s never turns the decision to the opposite', (effect) => {
    const opposite = effect === 'Deny'
    const adding = (one: Evaluation, random: Random) => {
      const side = random.pick(SIDES)
      // The first session policy is no permission but a limit.
      if (side === 'sessionPolicies' && one.sessionPolicies.length === 0) return null
      return { ...one, [side]: [...one[side], randomPolicy(random, kindOf(side, one), 'added', () => effect)] }
    }
    expect(broken(adding, (before, after) => before === opposite || after !== opposite)).toEqual([])
  })

  it.each(SIDES)('a deny of everything among the %s wins', (side) => {
    const denial = { Effect: 'Deny', Action: '*' }
    const denying = (one: Evaluation) => {
      const kind = kindOf(side, one)
      const statement = {
        ...denial,
        ...(kind !== 'trust' && { Resource: '*' }),
        ...(side === 'resourcePolicies' && { Principal: '*' }),
      }
      const { policy } = parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement: statement }), kind)
      if (!policy) throw new Error('the policy must parse')
      return { ...one, [side]: [...one[side], { name: 'no', policy }] }
    }
    expect(broken(denying, (_, after) => !after)).toEqual([])
  })

  it('nothing is allowed that no statement allows, and what is allowed names the statement', () => {
    const without = (policies: readonly NamedPolicy[]) =>
      policies.map(({ policy, ...named }) => ({
        ...named,
        policy: { ...policy, statements: policy.statements.filter(({ effect }) => effect === 'Deny') },
      }))
    const denialsOnly = (one: Evaluation) => ({
      ...one,
      identityPolicies: without(one.identityPolicies),
      resourcePolicies: without(one.resourcePolicies),
    })
    expect(broken(denialsOnly, (_, after) => !after)).toEqual([])
    expect(
      broken(
        (one) => ({ ...one, identityPolicies: [], resourcePolicies: [] }),
        (_, after) => !after,
      ),
    ).toEqual([])
    for (const seed of cases) {
      const { allowed, by } = evaluate(randomCase(generator(seed)))
      if (allowed || by) expect(by?.effect, `seed ${seed}`).toBe(allowed ? 'Allow' : 'Deny')
    }
  })

  const implies = (before: boolean, after: boolean) => !before || after
  it.each<[string, (one: Evaluation) => Evaluation | null, (before: boolean, after: boolean) => boolean]>([
    [
      'what a session may, it may without its session policies',
      (one) => (one.sessionPolicies.length > 0 ? { ...one, sessionPolicies: [] } : null),
      implies,
    ],
    [
      'what is allowed between accounts is allowed inside one',
      (one) => (one.sameAccount ? null : { ...one, sameAccount: true }),
      implies,
    ],
    [
      'whoever may assume a role could use a thing that carries the same policy',
      (one) => (one.isTrust ? { ...one, isTrust: false } : null),
      implies,
    ],
    [
      'nobody assumes a role without being known',
      (one) => ({ ...one, isTrust: true, request: { ...one.request, principal: null } }),
      (_, after) => !after,
    ],
    [
      'the identity-based policies of somebody else give nothing to who is not known',
      (one) => (one.request.principal ? null : { ...one, identityPolicies: [] }),
      (before, after) => !before || after,
    ],
    [
      'between accounts nothing is allowed by one side alone',
      (one) => (one.request.principal ? { ...one, sameAccount: false, resourcePolicies: [] } : null),
      (_, after) => !after,
    ],
  ])('%s', (_, vary, claim) => {
    expect(broken(vary, claim)).toEqual([])
  })
})
