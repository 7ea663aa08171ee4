import { compileCondition, type Condition } from './condition.ts'
import { parseJson, type JsonMember, type JsonNode } from './json.ts'
import { unknownAction } from './actions.ts'
import { BadPattern, compileArn, compilePattern, variablesOfArn, type ArnPattern, type Pattern } from './match.ts'
import type { Effect, Policy, PolicyKind, PolicyVersion, PrincipalPattern, Problem, Statement } from './policy.ts'
import { parsePrincipal } from './principals.ts'

/** Characters of a document; the resource limit is CodeArtifact's, the session limit that of STS. */
const MAX_POLICY_LENGTH = {
  identity: 10_240,
  resource: 7_168,
  trust: 4_096,
  session: 2_048,
} as const satisfies Record<PolicyKind, number>

const VERSIONS: readonly PolicyVersion[] = ['2012-10-17', '2008-10-17']
const POLICY_ELEMENTS = ['Version', 'Id', 'Statement']
const ELEMENTS = ['Sid', 'Effect', 'Action', 'NotAction', 'Condition']
const ABOUT_WHAT = ['Resource', 'NotResource']
const STATEMENT_ELEMENTS: Readonly<Record<PolicyKind, readonly string[]>> = {
  identity: [...ELEMENTS, ...ABOUT_WHAT],
  session: [...ELEMENTS, ...ABOUT_WHAT],
  resource: [...ELEMENTS, ...ABOUT_WHAT, 'Principal', 'NotPrincipal'],
  // As in IAM: a trust policy is about its role, and "everybody but" is no way to say who may assume one.
  trust: [...ELEMENTS, 'Principal'],
}
const EVERYTHING: Statement['resources'] = { negated: false, listed: ['everything'] }
/** Principals that IAM knows and that nobody can be here. */
const FOREIGN_PRINCIPALS = ['Service', 'Federated', 'CanonicalUser']
const ACTION = /^(\*|[a-z0-9-]+:[a-z0-9*?]+)$/

export type Parsed =
  | { readonly policy: Policy; readonly problems?: never }
  | { readonly policy?: never; readonly problems: readonly Problem[] }

/**
 * Reads a policy document in IAM's grammar, as it was stored. What the grammar does not know is refused, never skipped; which
 * actions exist is no part of it, so that a document outlives an action that it names.
 */
export const parsePolicy = (text: string, kind: PolicyKind): Parsed => parse(text, new PolicyReader(kind, 'any action'))

/** Reads a policy document that is about to be put: one that names an action that does not exist is refused as well. */
export const parseNewPolicy = (text: string, kind: PolicyKind): Parsed =>
  parse(text, new PolicyReader(kind, 'known actions'))

function parse(text: string, reader: PolicyReader): Parsed {
  const { kind } = reader
  if (text.length > MAX_POLICY_LENGTH[kind]) {
    const message = `the document has ${text.length} characters; at most ${MAX_POLICY_LENGTH[kind]} are allowed`
    return { problems: [{ path: '', line: 1, message }] }
  }
  const json = parseJson(text)
  if ('problem' in json) return { problems: [json.problem] }
  const policy = reader.policy(json.node)
  return policy && reader.problems.length === 0 ? { policy } : { problems: reader.problems }
}

/** Reads on after a problem, so that the author hears of all of them at once. */
class PolicyReader {
  readonly problems: Problem[] = []
  readonly kind: PolicyKind
  readonly #actions: 'any action' | 'known actions'
  readonly #sids = new Set<string>()
  readonly #contextKeys = new Set<string>()
  #variables = true

  constructor(kind: PolicyKind, actions: 'any action' | 'known actions') {
    this.kind = kind
    this.#actions = actions
  }

  policy(node: JsonNode): Policy | undefined {
    const members = this.#object(node, 'a policy', POLICY_ELEMENTS)
    if (!members) return undefined
    const version = this.#version(node, members.get('Version'))
    this.#variables = version === '2012-10-17'
    const id = members.get('Id')
    const statement = members.get('Statement')
    if (!statement) return this.#complain(node, 'Statement is missing')
    const nodes = statement.kind === 'array' ? statement.items : [statement]
    if (nodes.length === 0) return this.#complain(statement, 'at least one statement is needed')
    const statements = nodes.flatMap((one) => this.#statement(one) ?? [])
    return {
      version: version ?? '2012-10-17',
      id: id ? (this.#string(id, 'Id') ?? null) : null,
      statements,
      contextKeys: this.#contextKeys,
    }
  }

  #version(policy: JsonNode, node: JsonNode | undefined): PolicyVersion | undefined {
    if (!node) return this.#complain(policy, 'Version is missing; it is "2012-10-17"')
    const version = VERSIONS.find((one) => node.kind === 'string' && node.text === one)
    return version ?? this.#complain(node, 'Version is "2012-10-17" or "2008-10-17"')
  }

  #statement(node: JsonNode): Statement | undefined {
    const elements = STATEMENT_ELEMENTS[this.kind]
    const members = this.#object(node, 'a statement', elements)
    if (!members) return undefined
    const effect = this.#effect(node, members.get('Effect'))
    const actions = this.#either(node, members, 'Action', (one) =>
      this.#strings(one, 'an action', (text) => this.#action(text)),
    )
    const resources = elements.includes('Resource')
      ? this.#either(node, members, 'Resource', (one) =>
          this.#strings(one, 'a resource', (text) => this.#resource(text)),
        )
      : EVERYTHING
    const principals = elements.includes('Principal')
      ? this.#either(node, members, 'Principal', (one) => this.#principals(one))
      : null
    const sid = this.#sid(members.get('Sid'))
    const condition = members.get('Condition')
    const conditions = condition ? this.#conditions(condition) : []
    if (!effect || !actions || !resources || principals === undefined) return undefined
    return { sid, effect, principals, actions, resources, conditions }
  }

  #effect(statement: JsonNode, node: JsonNode | undefined): Effect | undefined {
    if (!node) return this.#complain(statement, 'Effect is missing')
    if (node.kind === 'string' && (node.text === 'Allow' || node.text === 'Deny')) return node.text
    return this.#complain(node, 'Effect is "Allow" or "Deny"')
  }

  #sid(node: JsonNode | undefined): string | null {
    const sid = node && this.#string(node, 'Sid')
    if (!node || !sid) return null
    if (this.#sids.has(sid)) this.#complain(node, `two statements have the Sid ${JSON.stringify(sid)}`)
    this.#sids.add(sid)
    return sid
  }

  /** `Action` or `NotAction`: exactly one of the two. */
  #either<T>(
    statement: JsonNode,
    members: ReadonlyMap<string, JsonNode>,
    name: 'Action' | 'Resource' | 'Principal',
    read: (node: JsonNode) => readonly T[] | undefined,
  ): { readonly negated: boolean; readonly listed: readonly T[] } | undefined {
    const plain = members.get(name)
    const negated = members.get(`Not${name}`)
    if (plain && negated) return this.#complain(negated, `${name} and Not${name} exclude each other`)
    const node = plain ?? negated
    if (!node) return this.#complain(statement, `${name} is missing`)
    const listed = read(node)
    return listed && { negated: !plain, listed }
  }

  #action(text: string): Pattern {
    const lower = text.toLowerCase()
    if (!ACTION.test(lower))
      throw new BadPattern(`${JSON.stringify(text)} is not an action; one looks like codeartifact:ReadFromRepository`)
    const problem = this.#actions === 'known actions' ? unknownAction(text) : null
    if (problem !== null) throw new BadPattern(problem)
    return compilePattern(lower, { wildcards: true, variables: false })
  }

  #resource(text: string): ArnPattern {
    const pattern = compileArn(text, this.#variables ? 'resource part only' : 'none')
    for (const key of variablesOfArn(pattern)) this.#contextKeys.add(key)
    return pattern
  }

  #principals(node: JsonNode): readonly PrincipalPattern[] | undefined {
    if (node.kind === 'string' && node.text === '*') return [{ kind: 'everyone' }]
    const members = this.#object(node, 'a principal', ['AWS', ...FOREIGN_PRINCIPALS])
    // Left out of a list they would make it shorter than its author reads it, so they are refused.
    const foreign = FOREIGN_PRINCIPALS.flatMap((name) => members?.get(name) ?? [])
    for (const one of foreign) {
      this.#complain(one, 'principals here are users, roles and accounts: "*" or {"AWS": ...} names them, nothing else')
    }
    const listed = members?.get('AWS')
    if (members && !listed && foreign.length === 0) this.#complain(node, 'a principal is "*" or {"AWS": ...}')
    return listed && this.#strings(listed, 'a principal', parsePrincipal)
  }

  #conditions(node: JsonNode): readonly Condition[] {
    const conditions: Condition[] = []
    for (const { key: operator, value: block } of this.#members(node, 'a Condition')) {
      for (const { key, value } of this.#members(block, 'a condition operator')) {
        const condition = this.#guarded(value, () =>
          compileCondition(operator, key, this.#values(value), this.#variables),
        )
        if (!condition) continue
        conditions.push(condition)
        for (const used of [condition.key, ...condition.variables]) this.#contextKeys.add(used)
      }
    }
    return conditions
  }

  /** IAM takes numbers and booleans unquoted, too. */
  #values(node: JsonNode): readonly string[] {
    const nodes = node.kind === 'array' ? node.items : [node]
    if (nodes.length === 0) throw new BadPattern('at least one value is needed')
    return nodes.map((one) => {
      if (!('text' in one)) throw new BadPattern('a condition compares with strings, numbers and booleans')
      return one.text
    })
  }

  #strings<T>(node: JsonNode, what: string, read: (text: string) => T): readonly T[] | undefined {
    const nodes = node.kind === 'array' ? node.items : [node]
    if (nodes.length === 0) return this.#complain(node, `${what} is needed`)
    const listed = nodes.map((one) => {
      if (one.kind !== 'string') return this.#complain(one, `${what} is written as a string`)
      return this.#guarded(one, () => read(one.text))
    })
    return listed.every((one) => one !== undefined) ? listed : undefined
  }

  #string(node: JsonNode, what: string): string | undefined {
    return node.kind === 'string' ? node.text : this.#complain(node, `${what} is written as a string`)
  }

  #object(node: JsonNode, what: string, elements: readonly string[]): ReadonlyMap<string, JsonNode> | undefined {
    if (node.kind !== 'object') return this.#complain(node, `${what} is written as an object`)
    for (const { key, value } of node.members) {
      if (!elements.includes(key))
        this.#complain(value, `${what} has no element ${JSON.stringify(key.slice(0, 80))} here`)
    }
    return new Map(node.members.map(({ key, value }) => [key, value]))
  }

  #members(node: JsonNode, what: string): readonly JsonMember[] {
    if (node.kind === 'object' && node.members.length > 0) return node.members
    this.#complain(node, `${what} is written as an object with at least one member`)
    return []
  }

  #guarded<T>(node: JsonNode, read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof BadPattern)) throw error
      return this.#complain(node, error.message)
    }
  }

  #complain(node: JsonNode, message: string): undefined {
    this.problems.push({ path: node.path, line: node.line, message })
  }
}
