import type {
  Attached,
  Caller,
  Document,
  Policies,
  Principals,
  Question,
  Side,
  Statement,
} from './literal-evaluator.ts'
import type { Context, Values } from './literal-text.ts'

// Random worlds: policies, and requests that they are about or just miss. Statements are made from one of the world's own
// requests, loosened and bent, or hardly anything would ever match. A seed gives the same world each time.

export type World = {
  readonly seed: number
  readonly policies: Policies
  /** The resource policies are a role's trust policy. */
  readonly isTrust: boolean
  readonly questions: readonly Question[]
}

/** Mulberry32: small, and good enough to make documents with. */
export function randomness(seed: number) {
  let state = Math.imul(seed + 1, 0x9e3779b1)
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(fraction() * limit)
  const pick = <T>(of: readonly T[]): T => of[below(of.length)] as T
  const chance = (probability: number) => fraction() < probability
  const times = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at))
  const shuffle = <T>(of: readonly T[]): T[] =>
    of
      .map((one) => ({ one, at: fraction() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ one }) => one)
  return { below, pick, chance, times, shuffle }
}
export type Random = ReturnType<typeof randomness>

const OWNER = '111122223333'
const OTHER = '444455556666'
/** One digit from the owner's. */
const NEAR = '111122223334'

const user = (account: string, name: string, id: string): Caller => ({
  arn: `arn:aws:iam::${account}:user/${name}`,
  account,
  id,
  role: null,
})
const session = (account: string, role: string, name: string, id: string): Caller => ({
  arn: `arn:aws:sts::${account}:assumed-role/${role}/${name}`,
  account,
  id,
  role: `arn:aws:iam::${account}:role/${role}`,
})
/** Two bear each name that was given anew: the first is whom a pin means. */
const CALLERS: readonly Caller[] = [
  user(OWNER, 'bob', 'AIDABOB'),
  user(OWNER, 'bob', 'AIDABOBAGAIN'),
  user(OWNER, 'bobby', 'AIDABOBBY'),
  user(OWNER, 'Bob', 'AIDACAPITALBOB'),
  user(OWNER, 'build', 'AIDABUILD'),
  user(OTHER, 'bob', 'AIDAOTHERBOB'),
  user(OTHER, 'eve', 'AIDAEVE'),
  user(NEAR, 'bob', 'AIDANEARBOB'),
  session(OWNER, 'build', 'run-7', 'AROABUILD'),
  session(OWNER, 'build', 'run-8', 'AROABUILD'),
  session(OWNER, 'build', 'run-7', 'AROABUILDAGAIN'),
  session(OWNER, 'builder', 'run-7', 'AROABUILDER'),
  session(OTHER, 'build', 'run-7', 'AROAOTHERBUILD'),
  session(OTHER, 'deploy', 'run-7', 'AROADEPLOY'),
]

const ACTIONS = [
  'codeartifact:ReadFromRepository',
  'codeartifact:PublishPackageVersion',
  'codeartifact:DescribeRepository',
  'codeartifact:GetAuthorizationToken',
  'sts:AssumeRole',
  'granary:CreateUser',
]
const RESOURCES = [
  `arn:aws:codeartifact:us-east-1:${OWNER}:domain/acme`,
  `arn:aws:codeartifact:us-east-1:${OWNER}:repository/acme/bob`,
  `arn:aws:codeartifact:us-east-1:${OWNER}:repository/acme/main`,
  `arn:aws:codeartifact:us-east-1:${OWNER}:package/acme/main/npm//left-pad`,
  `arn:aws:codeartifact:us-east-1:${OWNER}:package/acme/main/npm/blue/ui`,
  `arn:aws:codeartifact:us-east-1:${OWNER}:package/acme/main/pypi//blue*green:x`,
  `arn:aws:iam::${OWNER}:role/build`,
  `arn:aws:codeartifact:eu-west-1:${OTHER}:repository/acme/main`,
  '*',
]

/** Condition keys by what their values are, each with values that such a key takes; the last are none. */
const KEYS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  text: {
    'aws:username': ['bob', 'eve', 'Bob', ''],
    'aws:PrincipalTag/team': ['blue', 'red', 'blue*', 'bl?e', '${aws:username}', '🟦🟥🟦'],
    'granary:namespace': ['blue', 'bob', 'BLUE', 'BOB'],
  },
  number: {
    'aws:MultiFactorAuthAge': ['300', '299', '300.0', '-5', '0', 'many', '', '0x12c'],
    'granary:size': ['300', '7', '1000000000', '7.5', '7 ', 'Infinity'],
  },
  date: {
    'aws:CurrentTime': ['2026-06-01T00:00:00Z', '2026-05-31T23:59:59.5Z', '2026-06-01T02:00:00+02:00', 'soon'],
    'aws:TokenIssueTime': [
      '1780272000',
      '1780272001',
      '2026-06-01',
      '2026-06-01T00:00Z',
      '',
      '2026-13-01T00:00:00Z',
      '2026-02-30',
    ],
  },
  truth: { 'aws:SecureTransport': ['true', 'false', 'True', 'FALSE', 'yes', ''] },
  address: {
    'aws:SourceIp': ['203.0.113.7', '203.0.114.7', '2001:db8::7', '::ffff:203.0.113.7', '203.0.113', 'localhost'],
    'granary:ClientIp': ['203.0.113.255', '2001:db8:1::7', '10.0.0.1', '::1', '203.0.113.256', '010.0.0.1'],
  },
  arn: {
    'aws:PrincipalArn': [...CALLERS.map(({ arn }) => arn), 'bob'],
    'aws:SourceArn': [...RESOURCES.slice(0, 5), 'arn:aws:s3:::bucket/a:b', 'arn:aws:codeartifact', ''],
  },
}
const SEVERAL: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  text: { 'aws:TagKeys': ['team', 'stage', 'Team', 'stages', '🟦🟥🟦'] },
  number: { 'granary:sizes': ['300', '7', '299', '301', 'many'] },
  date: { 'granary:times': ['2026-06-01T00:00:00Z', '1780272001', '2025-01-01', 'soon'] },
  truth: { 'granary:flags': ['true', 'false', 'perhaps'] },
  address: { 'granary:addresses': ['203.0.113.7', '198.51.100.1', '2001:db8::7', 'nowhere'] },
  arn: { 'granary:arns': [...RESOURCES.slice(0, 5), 'bob'] },
}
const OPERATORS: Readonly<Record<string, readonly string[]>> = {
  text: ['StringEquals', 'StringEqualsIgnoreCase', 'StringLike'].flatMap((name) => [
    name,
    name.replace(/^String/, 'StringNot'),
  ]),
  number: ['Equals', 'NotEquals', 'LessThan', 'LessThanEquals', 'GreaterThan', 'GreaterThanEquals'].map(
    (name) => `Numeric${name}`,
  ),
  date: ['Equals', 'NotEquals', 'LessThan', 'LessThanEquals', 'GreaterThan', 'GreaterThanEquals'].map(
    (name) => `Date${name}`,
  ),
  truth: ['Bool'],
  address: ['IpAddress', 'NotIpAddress'],
  arn: ['ArnEquals', 'ArnLike', 'ArnNotEquals', 'ArnNotLike'],
}
/** What a policy may compare with; those of texts and ARNs are made from the request instead. */
const EXPECTED: Readonly<Record<string, readonly (string | number | boolean)[]>> = {
  number: [300, '300', '300.0', 7, -5, 0, '7.5', 299],
  date: ['2026-06-01T00:00:00Z', '2026-06-01', '1780272000', 1780272000, '2026-05-31T19:00:00-05:00', '2026-01-31'],
  truth: [true, false, 'true', 'false'],
  address: [
    '203.0.113.0/24',
    '203.0.113.7',
    '203.0.113.7/32',
    '0.0.0.0/0',
    '::/0',
    '2001:db8::/32',
    '2001:db8::7',
    '203.0.112.0/23',
  ],
}
const KINDS = Object.keys(OPERATORS)

/** Characters of a session policy, less what stands around its statements. */
const LONGEST = 1_800

export function generateWorld(seed: number): World {
  const random = randomness(seed)
  const isTrust = random.chance(0.15)
  const actions = random.times(1 + random.below(3), () => random.pick(isTrust ? ['sts:AssumeRole'] : ACTIONS))
  const resources = random.times(1 + random.below(3), () => random.pick(RESOURCES))
  const callers = random.times(1 + random.below(4), () => (random.chance(0.08) ? null : random.pick(CALLERS)))
  const contexts = random.times(1 + random.below(4), () => generateContext(random))
  const questions = random.times(25, (): Question => {
    const principal = random.pick(callers)
    return {
      principal,
      action: random.pick(actions),
      resource: random.pick(resources),
      context: random.pick(contexts),
      // The account that administers a repository owns it as well.
      sameAccount: principal !== null && (principal.account === OWNER || random.chance(0.1)),
      isTrust,
    }
  })
  const attached = (side: Side, count: number): readonly Attached[] =>
    random.times(count, (at) => generatePolicy(random, side, `${side}-${at}`, questions))
  const policies = {
    identity: attached('identity', random.pick([0, 1, 1, 2, 3])),
    session:
      callers.some((caller) => caller?.role) && random.chance(0.5) ? attached('session', 1 + random.below(2)) : [],
    resource: attached('resource', random.pick([0, 1, 1, 2, 2])),
  }
  return { seed, policies, isTrust, questions }
}

/** What counts for one request: only a role's session has session policies, and whoever is not logged in has none at all. */
export const policiesFor = <T>(policies: Readonly<Record<Side, readonly T[]>>, { principal }: Question) => ({
  identity: principal ? policies.identity : [],
  session: principal?.role ? policies.session : [],
  resource: policies.resource,
})

function generateContext(random: Random): Context {
  const context: Record<string, Values> = {}
  const name = (key: string) => random.pick([key, key, key.toLowerCase(), key.toUpperCase()])
  for (const kind of KINDS) {
    for (const [key, values] of Object.entries(KEYS[kind] ?? {})) {
      // The first values are the usual ones.
      const from = random.chance(0.6) ? values.slice(0, 2) : values
      if (random.chance(0.75)) context[name(key)] = random.chance(0.05) ? [random.pick(from)] : random.pick(from)
    }
    for (const [key, values] of Object.entries(SEVERAL[kind] ?? {})) {
      if (random.chance(0.75)) context[name(key)] = random.times(random.below(4), () => random.pick(values))
    }
  }
  return context
}

function generatePolicy(random: Random, side: Side, name: string, about: readonly Question[]): Attached {
  const version = random.chance(0.1) ? '2008-10-17' : '2012-10-17'
  const whole = random.times(random.pick([1, 1, 2, 3, 4]), (at) => ({
    ...(random.chance(0.5) && { Sid: random.pick([`S${at}`, `Statement${at}`]) }),
    ...generateStatement(random, side, random.pick(about)),
  }))
  const statements = whole.filter((_, at) => at === 0 || JSON.stringify(whole.slice(0, at + 1)).length < LONGEST)
  const document: Document = {
    Version: version,
    Statement: statements.length === 1 && random.chance(0.3) ? (statements[0] as Statement) : statements,
  }
  const arns = statements.flatMap(({ Principal, NotPrincipal }) => [Principal, NotPrincipal].flatMap(arnsIn))
  const pins = Object.fromEntries(
    arns
      .filter(() => random.chance(0.6))
      .flatMap((arn) => {
        const meant = CALLERS.find((caller) => caller.arn === arn || caller.role === arn)
        return meant ? [[arn, meant.id]] : []
      }),
  )
  return { name, document, ...(side === 'resource' && { pins }) }
}

const arnsIn = (principals: Principals | undefined): readonly string[] =>
  principals === undefined || principals === '*' ? [] : [principals.AWS].flat()

const oneOrMore = <T>(random: Random, make: () => T): T | readonly T[] =>
  random.chance(0.6) ? make() : random.times(1 + random.below(3), make)

export function generateStatement(
  random: Random,
  side: Side,
  about: Question,
  effect: 'Allow' | 'Deny' = random.chance(0.8) ? 'Allow' : 'Deny',
): Statement {
  // A deny that is as wide as most allows would leave little to allow.
  const negatedOnce = random.chance(effect === 'Allow' ? 0.15 : 0.08)
  const action = oneOrMore(random, () => actionLike(random, about.action))
  const resource = oneOrMore(random, () => resourceLike(random, about))
  const allBut = side === 'resource' && !about.isTrust && random.chance(0.16)
  const exempting = allBut && effect === 'Deny'
  const principal = side === 'resource' ? principalLike(random, about.principal, exempting) : undefined
  const conditions = random.chance(effect === 'Allow' ? 0.45 : 0.6) ? generateConditions(random, about) : undefined
  const inTrust = side === 'resource' && about.isTrust
  return {
    Effect: effect,
    ...(principal && (allBut ? { NotPrincipal: principal } : { Principal: principal })),
    ...(negatedOnce && random.chance(0.5) ? { NotAction: action } : { Action: action }),
    // A trust policy is about its role and says no more of it.
    ...(!inTrust && (negatedOnce && random.chance(0.5) ? { NotResource: resource } : { Resource: resource })),
    ...(conditions && { Condition: conditions }),
  }
}

/** A pattern that covers the text, or just misses it. */
function loosened(random: Random, text: string): string {
  // Cut in two, what looks like a variable would be refused.
  if (text.includes('${')) return text
  const characters = Array.from(text)
  const at = random.below(characters.length + 1)
  const until = at + random.below(characters.length + 1 - at)
  const put = (middle: string) => [...characters.slice(0, at), middle, ...characters.slice(until)].join('')
  switch (random.below(10)) {
    case 0:
    case 1:
      return [...characters.slice(0, at), '*'].join('')
    case 2:
      return put('*')
    case 3:
      return put('*?')
    case 4:
      return characters.map((character, index) => (index === at ? '?' : character)).join('')
    case 5:
      return random.pick([`${text}x`, text.slice(1), text.slice(0, -1), `${text}?`, text.toUpperCase(), `*${text}*`])
    default:
      return text
  }
}

function actionLike(random: Random, action: string): string {
  if (random.chance(0.15)) return '*'
  const [service, name] = (random.chance(0.85) ? action : random.pick(ACTIONS)).split(':') as [string, string]
  const said = random.chance(0.2) ? name.toLowerCase() : name
  return `${random.chance(0.1) ? service.toUpperCase() : service}:${loosened(random, said) || '*'}`
}

function resourceLike(random: Random, { resource, context }: Question): string {
  if (random.chance(0.3)) return '*'
  const wanted = resource === '*' || random.chance(0.15) ? random.pick(RESOURCES.slice(0, -1)) : resource
  const [arn, partition, service, region, account, ...tail] = wanted.split(':') as [
    string,
    string,
    string,
    string,
    string,
  ]
  const sometimes = (part: string) => (random.chance(0.15) ? random.pick(['*', loosened(random, part)]) : part)
  return [
    arn,
    sometimes(partition),
    service,
    sometimes(region),
    sometimes(account),
    textLike(random, (tail as string[]).join(':'), context),
  ].join(':')
}

/** A pattern that may also use a variable where the request has its value. */
function textLike(random: Random, text: string, context: Context): string {
  if (!random.chance(0.3)) return loosened(random, text)
  // Also where only the case differs: some operators have none.
  const placeOf = (value: string) => text.toLowerCase().indexOf(value.toLowerCase())
  const fitting = Object.entries(context).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '' && placeOf(entry[1]) >= 0,
  )
  const variable = random.pick([
    ...fitting.flatMap(([key]) => [`\${${key}}`, `\${${key.toLowerCase()}, 'x'}`]),
    '${aws:username}',
    '${aws:PrincipalTag/team}',
    '${aws:TagKeys}',
    "${aws:TagKeys, 'main'}",
    '${granary:unheardOf}',
    "${granary:unheardOf, 'main'}",
    "${granary:unheardOf , 'bo*'}",
    '${*}',
    '${?}',
    '${$}',
  ])
  const value = fitting.find(([key]) => variable.toLowerCase().startsWith(`\${${key.toLowerCase()}`))?.[1]
  if (value !== undefined) {
    const at = placeOf(value)
    return `${text.slice(0, at)}${variable}${text.slice(at + value.length)}`
  }
  for (const literal of ['main', 'bob', '*', 'blue']) {
    if (text.includes(literal) && random.chance(0.7)) return text.replace(literal, () => variable)
  }
  return random.pick([`${variable}*`, `*${variable}`, `${text}${variable}`])
}

function principalLike(random: Random, caller: Caller | null, exempting: boolean): Principals {
  const meant = caller === null || random.chance(0.2) ? random.pick(CALLERS) : caller
  const one = () =>
    random.pick([
      meant.account,
      `arn:aws:iam::${meant.account}:root`,
      meant.arn,
      meant.arn,
      meant.role ?? meant.arn,
      meant.role ?? meant.arn,
      random.pick(CALLERS).arn,
      random.pick([OWNER, OTHER, NEAR]),
    ])
  // All that the caller is at once, as an exception from a deny has to say; or all but one of it.
  if (random.chance(exempting ? 0.7 : 0.1)) {
    const levels = [`arn:aws:iam::${meant.account}:root`, ...(meant.role ? [meant.role] : []), meant.arn]
    return { AWS: random.chance(0.5) ? levels : levels.toSpliced(random.below(levels.length), 1) }
  }
  if (random.chance(caller ? 0.15 : 0.5)) return random.pick(['*', { AWS: '*' }, { AWS: ['*', one()] }])
  return { AWS: oneOrMore(random, one) }
}

type Conditions = NonNullable<Statement['Condition']>

function generateConditions(random: Random, about: Question): Conditions {
  const conditions: Record<string, Record<string, Conditions[string][string]>> = {}
  for (let left = random.pick([1, 1, 1, 2, 3]); left > 0; left--) {
    const kind = random.pick([...KINDS, 'text', 'text'])
    const several = random.chance(0.3)
    const keyKind = random.chance(0.93) ? kind : random.pick(KINDS)
    const key = random.pick(Object.keys((several ? SEVERAL : KEYS)[keyKind] ?? {}))
    if (random.chance(0.1)) {
      conditions['Null'] = {
        ...conditions['Null'],
        [key]: oneOrMore(random, () => random.pick(['true', 'false', true, false])),
      }
      continue
    }
    const quantifier = random.chance(several ? 0.7 : 0.1) ? random.pick(['ForAllValues:', 'ForAnyValue:']) : ''
    const name = `${quantifier}${random.pick(OPERATORS[kind] ?? [])}${random.chance(0.15) ? 'IfExists' : ''}`
    conditions[name] = { ...conditions[name], [key]: oneOrMore(random, () => expectedLike(random, kind, key, about)) }
  }
  return conditions
}

function expectedLike(random: Random, kind: string, key: string, { context }: Question): string | number | boolean {
  const fixed = EXPECTED[kind]
  if (fixed) return random.pick(fixed)
  const found = Object.entries(context).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1]
  const actual = found === undefined || random.chance(0.2) ? [] : [found].flat()
  if (kind === 'text')
    return textLike(random, random.pick(actual.length > 0 ? actual : ['blue', 'bob', 'team']), context)
  const arn = random.pick([
    ...actual.filter((value) => value.split(':').length >= 6),
    random.pick(RESOURCES.slice(0, -1)),
  ])
  const [first, ...rest] = arn.split(':')
  const [partition, service, region, account, ...tail] = rest as [string, string, string, string]
  const somewhat = (part: string) => (random.chance(0.15) ? random.pick(['*', '?*', loosened(random, part)]) : part)
  return [
    first,
    somewhat(partition),
    service,
    somewhat(region),
    random.chance(0.1) ? '${granary:account}' : somewhat(account),
    textLike(random, (tail as string[]).join(':'), context),
  ].join(':')
}
