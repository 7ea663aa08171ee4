import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decide, difference, explain, parseAll } from './access-oracle/compare.ts'
import { generateStatement, generateWorld, policiesFor, randomness, type Random } from './access-oracle/generate.ts'
import {
  answer,
  type Answer,
  type Attached,
  type Caller,
  type Policies,
  type Question,
  type Side,
  type Statement,
} from './access-oracle/literal-evaluator.ts'

// The product's evaluator against a second one that was written from IAM's published rules alone, over random policies.

describe('the evaluator and a literal reading of the same documents agree', () => {
  const WORLDS = 400
  it.each(Array.from({ length: 10 }, (_, part) => part * WORLDS))(
    'on worlds %d and after',
    { timeout: 120_000 },
    (from) => {
      const asked = { questions: 0, allow: 0, deny: 0, nothing: 0, error: 0 }
      const failures = new Map<number, string>()
      for (let seed = from; seed < from + WORLDS; seed++) {
        const world = generateWorld(seed)
        const parsed = parseAll(world.policies, world.isTrust)
        expect(parsed, `the documents of world ${seed} are read`).toBeDefined()
        for (const question of parsed ? world.questions : []) {
          const policies = policiesFor(world.policies, question)
          const expected = answer(policies, question)
          count(asked, expected)
          const wrong = parsed && difference(decide(policiesFor(parsed, question), question), expected)
          if (wrong && failures.size < 3 && !failures.has(seed))
            failures.set(seed, explain(seed, { policies, question }))
        }
      }
      expect([...failures.values()].join('\n'), 'the smallest cases in which they differ').toBe('')
      expect(asked.questions).toBe(WORLDS * 25)
      // Every outcome must be common, or the agreement says little.
      const { questions, ...outcomes } = asked
      for (const often of Object.values(outcomes)) expect(often / questions).toBeGreaterThan(0.05)
    },
  )

  const count = (asked: Record<'questions' | 'allow' | 'deny' | 'nothing' | 'error', number>, expected: Answer) => {
    asked.questions++
    asked[({ 'an allow': 'allow', 'an explicit deny': 'deny', nothing: 'nothing' } as const)[expected.because]]++
    if (expected.findings.some(({ verdict }) => verdict === 'error')) asked.error++
  }
})

type Vectors = { readonly principals: Readonly<Record<string, Caller>>; readonly vectors: readonly Vector[] }
type Vector = {
  readonly about: string
  readonly policies: Policies
  readonly requests: readonly (Omit<Question, 'isTrust' | 'principal'> & {
    readonly about: string
    /** A name in `principals`, or null. */
    readonly principal: string | null
    readonly isTrust?: boolean
    readonly decision: 'Allow' | 'Deny'
    /** `side/policy/statement`: what may be given as the reason. */
    readonly reason: readonly string[]
    readonly errors?: readonly string[]
  })[]
}

describe("IAM's documented examples, restated", () => {
  const { principals, vectors } = JSON.parse(
    readFileSync(new URL('access-oracle/vectors.json', import.meta.url), 'utf8'),
  ) as Vectors
  const cases = vectors.flatMap(({ about, policies, requests }) =>
    requests.map((request) => [about, request.about, policies, request] as const),
  )
  const path = ({ side, policy, statement }: Pick<Answer['findings'][number], 'side' | 'policy' | 'statement'>) =>
    `${side}/${policy}/${statement}`

  it.each(cases)('%s: %s', (_about, _case, all, { decision, reason, errors = [], principal: name, ...request }) => {
    const principal = name === null ? null : principals[name]
    if (principal === undefined) throw new Error(`nobody is called ${name}`)
    const question: Question = { isTrust: false, ...request, principal }
    const policies = policiesFor(all, question)
    const parsed = parseAll(policies, question.isTrust)
    if (!parsed) throw new Error('the documents must be read')
    const product = decide(parsed, question)
    expect(product.allowed).toBe(decision === 'Allow')
    expect(reason).toEqual(product.by ? expect.arrayContaining([path(product.by)]) : [])
    expect(product.errors.map(path)).toEqual(errors)
    expect(difference(product, answer(policies, question))).toBeUndefined()
  })
})

describe('for all policies', () => {
  /** Every question of some worlds; what the property says is wrong with one, if anything, is the failure. */
  const expectOfAll = (property: (policies: Policies, question: Question, random: Random) => boolean) => {
    const broken: unknown[] = []
    let asked = 0
    for (let seed = 1_000_000; seed < 1_000_250; seed++) {
      const world = generateWorld(seed)
      for (const question of world.questions.slice(0, 10)) {
        const policies = policiesFor(world.policies, question)
        asked++
        if (!property(policies, question, randomness(seed))) broken.push({ seed, policies, question })
      }
    }
    expect(broken.slice(0, 1), `of ${asked}, ${broken.length} are`).toEqual([])
  }
  const decided = (policies: Policies, question: Question) => {
    const parsed = parseAll(policies, question.isTrust)
    if (!parsed) throw new Error(`refused: ${JSON.stringify(policies)}`)
    return decide(parsed, question)
  }
  const allowed = (policies: Policies, question: Question) => decided(policies, question).allowed
  const statements = ({ document }: Attached) => [document.Statement].flat()
  const onEachSide = (
    policies: Policies,
    change: (those: readonly Attached[], side: Side) => readonly Attached[],
  ): Policies => ({
    identity: change(policies.identity, 'identity'),
    session: change(policies.session, 'session'),
    resource: change(policies.resource, 'resource'),
  })
  const restate = (
    policies: Policies,
    restated: (statements: readonly Statement[], side: Side) => readonly Statement[],
  ) =>
    onEachSide(policies, (those, side) =>
      those.map((policy) => ({
        ...policy,
        document: { ...policy.document, Statement: restated(statements(policy), side) },
      })),
    )

  /** Not an empty document, which is none; and a session policy without an allow is still a limit. */
  const only = (effect: 'Allow' | 'Deny', policies: Policies, { isTrust }: Question) =>
    restate(policies, (all, side) => [
      ...all.filter(({ Effect }) => Effect === effect),
      everything(side, isTrust, { Effect: effect, Action: 'nowhere:Nothing' }),
    ])
  const everything = (side: Side, isTrust: boolean, more: Pick<Statement, 'Effect' | 'Action'>): Statement => ({
    ...more,
    ...(side === 'resource' && { Principal: '*' }),
    ...(!(side === 'resource' && isTrust) && { Resource: '*' }),
  })
  const sidesOf = ({ principal }: Question): readonly Side[] => (principal ? ['identity', 'resource'] : ['resource'])
  /** One more policy, or one more statement of one that is there. */
  const adding = (effect: 'Allow' | 'Deny', policies: Policies, question: Question, random: Random): Policies => {
    const side = random.pick([...sidesOf(question), ...(policies.session.length > 0 ? ['session' as const] : [])])
    const statement =
      side === 'session' || random.chance(0.2)
        ? everything(side, question.isTrust, { Effect: effect, Action: '*' })
        : generateStatement(random, side, question, effect)
    const at = random.below(policies[side].length)
    if (side !== 'session' && (policies[side].length === 0 || random.chance(0.5))) {
      const document = { Version: '2012-10-17', Statement: [statement] }
      return { ...policies, [side]: [...policies[side], { name: 'added', document }] }
    }
    const policy = policies[side][at] as Attached
    const document = { ...policy.document, Statement: [...statements(policy), statement] }
    // The old version takes what looks like a variable for text, which is as good a statement.
    return { ...policies, [side]: policies[side].with(at, { ...policy, document }) }
  }

  it('a deny that applies wins', () => {
    expectOfAll((policies, question, random) => {
      const side = random.pick(sidesOf(question))
      const denial = everything(side, question.isTrust, { Effect: 'Deny', Action: '*' })
      const document = { Version: '2012-10-17', Statement: denial }
      return !allowed({ ...policies, [side]: [...policies[side], { name: 'no', document }] }, question)
    })
  })
  it('nothing is allowed that no statement allows', () => {
    expectOfAll((policies, question) => !allowed(only('Deny', policies, question), question))
  })
  it('no policies deny', () => {
    expectOfAll((_, question) => !allowed({ identity: [], session: [], resource: [] }, question))
  })
  it('what the allows alone allow is allowed, where no deny applies, and nothing else', () => {
    expectOfAll((policies, question) => {
      const denied = decided(only('Deny', policies, question), question).by?.effect === 'Deny'
      const permitted = allowed(only('Allow', policies, question), question)
      return allowed(policies, question) === (permitted && !denied)
    })
  })
  it('neither order nor repetition matters', () => {
    expectOfAll((policies, question, random) => {
      const repeated = restate(policies, (all) => random.shuffle(all))
      const other = onEachSide(repeated, (those) => {
        const again = those.filter(() => random.chance(0.5)).map((one) => ({ ...one, name: `${one.name} again` }))
        return random.shuffle([...those, ...again])
      })
      return allowed(other, question) === allowed(policies, question)
    })
  })
  it('one allow more never turns an allow into a deny', () => {
    expectOfAll((policies, question, random) => {
      const more = adding('Allow', policies, question, random)
      return !allowed(policies, question) || allowed(more, question)
    })
  })
  it('one deny more never turns a deny into an allow', () => {
    expectOfAll((policies, question, random) => {
      const more = adding('Deny', policies, question, random)
      return allowed(policies, question) || !allowed(more, question)
    })
  })
  it('a session policy gives nothing', () => {
    expectOfAll((policies, question) => allowed({ ...policies, session: [] }, question) || !allowed(policies, question))
  })
})
