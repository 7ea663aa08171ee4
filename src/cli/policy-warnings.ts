// What the author of a policy may not have meant, though it is valid. Only a look: what counts is what the server makes of it.

type Listed = string | readonly string[] | undefined
type Principals = string | { readonly AWS?: Listed } | undefined
type Statement = {
  readonly Sid?: string
  readonly Effect?: string
  readonly Principal?: Principals
  readonly NotPrincipal?: Principals
  readonly Action?: Listed
  readonly Condition?: unknown
}

/** Of a resource policy that the server took: sentences without a full stop. */
export function warningsOf(document: string): readonly string[] {
  const { Statement: given = [] } = JSON.parse(document) as { Statement?: Statement | readonly Statement[] }
  return [given].flat().flatMap((statement, index) => {
    const name = `statement ${JSON.stringify((statement as Statement).Sid ?? index)}`
    return openness(name, statement as Statement)
  })
}

function openness(name: string, { Effect, Principal, NotPrincipal, Action, Condition }: Statement): readonly string[] {
  if (Effect !== 'Allow' || !(namesEveryone(Principal) || NotPrincipal !== undefined)) return []
  const what = Action === undefined ? 'what it does not except' : list(Action).join(', ')
  const whom = NotPrincipal === undefined ? 'everyone' : 'everyone whom it does not except'
  const when = Condition === undefined ? '' : ', where its conditions hold'
  return [`${name} allows ${what} to ${whom}, also to who is not logged in${when}`]
}

const namesEveryone = (principals: Principals): boolean =>
  typeof principals === 'string' ? principals === '*' : list(principals?.AWS).includes('*')

const list = (listed: Listed): readonly string[] => [listed ?? []].flat()
