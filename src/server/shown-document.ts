import type { PinnedPrincipals } from '../registry/model.ts'
import { parseAccountId } from '../registry/names.ts'
import type { IdentityReads } from '../registry/ports.ts'

type Store = Pick<IdentityReads, 'findUser' | 'findRole'>

/**
 * A policy's document as its readers should see it: a user or role that was deleted stands there by the unique id that it
 * had, so that nobody takes somebody of the same name for it. As IAM does.
 */
export async function showDocument(
  store: Store,
  { document, principals }: { readonly document: string; readonly principals: PinnedPrincipals },
): Promise<string> {
  const gone = new Map<string, string>()
  for (const [principal, id] of Object.entries(principals)) {
    if ((await idOf(store, principal)) !== id) gone.set(principal, id)
  }
  return gone.size === 0 ? document : withIds(document, gone)
}

const IDENTITY = /^arn:aws:(?:iam::(\d{12}):(user|role)\/|sts::(\d{12}):(assumed-role)\/)([^/]+)/

async function idOf(store: Store, principal: string): Promise<string | undefined> {
  const [, iamAccount, iamKind, stsAccount, stsKind, name = ''] = IDENTITY.exec(principal) ?? []
  const account = parseAccountId(iamAccount ?? stsAccount ?? '')
  const kind = iamKind ?? stsKind
  return (kind === 'user' ? await store.findUser(account, name) : await store.findRole(account, name))?.id
}

type Principals = string | { readonly AWS: string | readonly string[] }
type Statement = { readonly Principal?: Principals; readonly NotPrincipal?: Principals }

/** Only where a principal stands: the same text in a condition is a text. The document was parsed when it was put. */
function withIds(document: string, ids: ReadonlyMap<string, string>): string {
  const named = (principal: string): string => ids.get(principal) ?? principal
  const renamed = (principals: Principals): Principals =>
    typeof principals === 'string'
      ? principals
      : { AWS: typeof principals.AWS === 'string' ? named(principals.AWS) : principals.AWS.map(named) }
  const policy = JSON.parse(document) as { readonly Statement: Statement | readonly Statement[] }
  const statement = (one: Statement): Statement => ({
    ...one,
    ...(one.Principal && { Principal: renamed(one.Principal) }),
    ...(one.NotPrincipal && { NotPrincipal: renamed(one.NotPrincipal) }),
  })
  const statements = Array.isArray(policy.Statement)
    ? (policy.Statement as readonly Statement[]).map(statement)
    : statement(policy.Statement as Statement)
  return JSON.stringify({ ...policy, Statement: statements }, null, 2)
}
