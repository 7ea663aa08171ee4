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
const PRINCIPALS = [
  { arn: 'arn:aws:iam::111122223333:user/bob', account: '111122223333' },
  { arn: 'arn:aws:iam::444455556666:user/eve', account: '444455556666' },
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
    [random.pick(['Resource', 'Resource', 'NotResource'])]: random.pick([
      ...RESOURCES,
      '*',
      'arn:aws:a:*:*:x/*',
      'arn:aws:a:r:*:x/${a:word}',
    ]),
    ...(kind === 'resource' && {
      [random.pick(['Principal', 'Principal', 'NotPrincipal'])]: random.pick([
        '*',
        { AWS: '111122223333' },
        { AWS: PRINCIPALS[1]?.arn },
      ]),
    }),
    ...(random.below(3) === 0 && { Condition: random.pick(CONDITIONS) }),
  })
  const text = JSON.stringify({
    Version: '2012-10-17',
    Statement: Array.from({ length: 1 + random.below(3) }, statement),
  })
  const { policy, problems } = parsePolicy(text, kind)
  if (!policy) throw new Error(JSON.stringify(problems))
  return { name, policy }
}

function randomCase(random: Random): Evaluation {
  const effect = () => random.pick(['Allow', 'Allow', 'Allow', 'Deny'])
  const policies = (kind: PolicyKind) =>
    Array.from({ length: random.below(4) }, (_, index) => randomPolicy(random, kind, `${kind}${index}`, effect))
  return {
    identityPolicies: policies('identity'),
    resourcePolicies: policies('resource'),
    sameAccount: random.below(2) === 0,
    request: {
      principal: random.pick([...PRINCIPALS, null]),
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
  random.shuffle([...policies, ...policies.filter(() => random.below(2) === 0)]).map(({ name, policy }) => ({
    name,
    policy: { ...policy, statements: random.shuffle([...policy.statements, ...policy.statements]) },
  }))

describe('for any policies', () => {
  it('neither order nor repetition changes the decision', () => {
    let allowed = 0
    for (const seed of cases) {
      const random = generator(seed)
      const one = randomCase(random)
      const other = {
        ...one,
        identityPolicies: shuffled(random, one.identityPolicies),
        resourcePolicies: shuffled(random, one.resourcePolicies),
      }
      const decision = evaluate(one)
      allowed += Number(decision.allowed)
      expect(evaluate(other).allowed, `seed ${seed}`).toBe(decision.allowed)
    }
    // The generator must make both answers often, or the properties say nothing.
    expect(allowed).toBeGreaterThan(200)
    expect(cases.length - allowed).toBeGreaterThan(200)
  })

  it.each(['Deny', 'Allow'])('adding a policy that says %s never turns the decision to the opposite', (effect) => {
    const opposite = effect === 'Deny'
    const turned = cases.filter((seed) => {
      const random = generator(seed)
      const before = randomCase(random)
      const kind = random.pick(['identity', 'resource'] as const)
      const added = randomPolicy(random, kind, 'added', () => effect)
      const side = kind === 'identity' ? 'identityPolicies' : 'resourcePolicies'
      const after = evaluate({ ...before, [side]: [...before[side], added] })
      return evaluate(before).allowed !== opposite && after.allowed === opposite
    })
    expect(turned).toEqual([])
  })

  it('a deny of everything wins, and no policy at all denies', () => {
    const denial = parsePolicy(
      '{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}',
      'identity',
    ).policy
    if (!denial) throw new Error('the policy must parse')
    for (const seed of cases) {
      const one = randomCase(generator(seed))
      expect(
        evaluate({ ...one, identityPolicies: [...one.identityPolicies, { name: 'no', policy: denial }] }).allowed,
      ).toBe(false)
      expect(evaluate({ ...one, identityPolicies: [], resourcePolicies: [] }).allowed).toBe(false)
    }
  })
})
