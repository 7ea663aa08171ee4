// What the author of a policy may not have meant, though it is valid. Only a look: what counts is what the server makes of it.

type Listed = string | readonly string[] | undefined
type Principals = string | { readonly AWS?: Listed } | undefined
type Statement = {
  readonly Sid?: string
  readonly Effect?: string
  readonly Principal?: Principals
  readonly NotPrincipal?: Principals
  readonly Action?: Listed
  readonly Condition?: Readonly<Record<string, object>>
}

/** Of a policy that the server took, attached to whatever it is: sentences without a full stop. */
export const warningsOf = (document: string): readonly string[] =>
  statementsOf(document).flatMap(([name, statement]) => [...openness(name, statement), ...vacuity(name, statement)])

/** Of the trust policy of a role. */
export const trustWarningsOf = (document: string): readonly string[] =>
  statementsOf(document).flatMap(([name, statement]) => {
    const everyone = statement.Effect === 'Allow' && namesEveryone(statement.Principal)
    const open = `${name} lets everyone of its account assume the role, and everyone of other accounts whose own policies allow it`
    return [...(everyone ? [open + when(statement)] : []), ...vacuity(name, statement)]
  })

function statementsOf(document: string): readonly (readonly [name: string, statement: Statement])[] {
  const { Statement: given = [] } = JSON.parse(document) as { Statement?: Statement | readonly Statement[] }
  const statements: readonly Statement[] = Array.isArray(given) ? given : [given as Statement]
  return statements.map((statement, index) => [`statement ${JSON.stringify(statement.Sid ?? index)}`, statement])
}

function openness(name: string, statement: Statement): readonly string[] {
  const { Effect, Principal, NotPrincipal, Action } = statement
  if (Effect !== 'Allow' || !(namesEveryone(Principal) || NotPrincipal !== undefined)) return []
  const what = Action === undefined ? 'what it does not except' : list(Action).join(', ')
  const whom = NotPrincipal === undefined ? 'everyone' : 'everyone whom it does not except'
  return [`${name} allows ${what} to ${whom}, also to who is not logged in${when(statement)}`]
}

const when = ({ Condition }: Statement): string => (Condition === undefined ? '' : ', where its conditions hold')

/** "All values are among these" is true of no values, so a request that does not have the key is let in. */
function vacuity(name: string, { Effect, Condition = {} }: Statement): readonly string[] {
  if (Effect !== 'Allow') return []
  const present = new Set(Object.keys(Condition['Null'] ?? {}).map((key) => key.toLowerCase()))
  return Object.entries(Condition)
    .filter(([operator]) => operator.startsWith('ForAllValues:'))
    .flatMap(([operator, keys]) => Object.keys(keys).map((key) => [operator, key] as const))
    .filter(([, key]) => !present.has(key.toLowerCase()))
    .map(
      ([operator, key]) =>
        `${name} also allows where there is no ${key} (${operator}); "Null": {"${key}": "false"} excepts that`,
    )
}

const namesEveryone = (principals: Principals): boolean =>
  typeof principals === 'string' ? principals === '*' : list(principals?.AWS).includes('*')

const list = (listed: Listed): readonly string[] => [listed ?? []].flat()
