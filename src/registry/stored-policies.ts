import type { NamedPolicy } from '../policy/access/evaluate.ts'
import { parseNewPolicy, parsePolicy } from '../policy/access/parse.ts'
import type { Policy, PolicyKind } from '../policy/access/policy.ts'
import { RegistryError } from './errors.ts'
import type { KnownCaller, ResourcePolicy, Role } from './model.ts'
import type { DomainName, RepositoryName } from './names.ts'
import type { IdentityReads, TopologyReads } from './ports.ts'
import { TopologyCache } from './topology-cache.ts'

export type PolicyReads = Pick<IdentityReads, 'listIdentityPolicies' | 'listRolePolicies'> &
  Pick<TopologyReads, 'listResourcePolicies'>

/** What a session is cut down to, and a number that stands for the document in the keys of caches. */
export type SessionPolicy = { readonly policies: readonly NamedPolicy[]; readonly number: number }

/** The policies that stand in the store, compiled once for as long as the topology counter stands still. */
export type StoredPolicies = {
  /** Those of the user, or of the role. */
  ofIdentity(caller: KnownCaller, topology: number): Promise<readonly NamedPolicy[]>
  /** That of the domain, and that of the repository where one is given. */
  ofResource(domain: DomainName, repository: RepositoryName | null, topology: number): Promise<readonly NamedPolicy[]>
  ofSession(caller: KnownCaller): SessionPolicy
}

const MAX_PRINCIPALS = 5_000
const MAX_DOMAINS = 1_000
const MAX_SESSION_POLICIES = 1_000

const UNLIMITED: SessionPolicy = { policies: [], number: 0 }

export function createStoredPolicies(store: PolicyReads): StoredPolicies {
  const identities = new TopologyCache<readonly NamedPolicy[]>(MAX_PRINCIPALS)
  const domains = new TopologyCache<ReadonlyMap<RepositoryName | null, () => NamedPolicy>>(MAX_DOMAINS)
  const sessions = new Map<string, SessionPolicy>()
  let numbered = 0

  return {
    ofIdentity: (caller, topology) =>
      identities.read(topology, caller.kind === 'user' ? caller.userId : caller.roleId, async () => {
        const attached =
          caller.kind === 'user'
            ? await store.listIdentityPolicies(caller.account, caller.userName)
            : await store.listRolePolicies(caller.account, caller.roleName)
        return attached.map(({ name, document }) => ({ name, policy: compile(document, 'identity') }))
      }),

    async ofResource(domain, repository, topology) {
      const policies = await domains.read(topology, domain, async () => {
        const standing = await store.listResourcePolicies(domain)
        return new Map(standing.map((one) => [one.repository, resourcePolicy(one)]))
      })
      const asked = repository === null ? [null] : [null, repository]
      return asked.flatMap((one) => policies.get(one)?.() ?? [])
    },

    ofSession(caller) {
      if (caller.kind === 'user' || caller.sessionPolicy === null) return UNLIMITED
      const known = sessions.get(caller.sessionPolicy)
      if (known) return known
      const policy = compile(caller.sessionPolicy, 'session')
      // The number is never used again: what was decided for a document that was forgotten is not taken for another's.
      const made = { policies: [{ name: 'session', policy }], number: ++numbered }
      sessions.set(caller.sessionPolicy, made)
      if (sessions.size > MAX_SESSION_POLICIES) sessions.delete(sessions.keys().next().value as string)
      return made
    },
  }
}

/** Compiled when it is first asked for: a domain may have a thousand repositories, and a request is about one. */
function resourcePolicy({ domain, repository, document, principals }: ResourcePolicy): () => NamedPolicy {
  let compiled: NamedPolicy | undefined
  return () =>
    (compiled ??= {
      // As the end of the ARN of what it stands on.
      name: repository === null ? `domain/${domain}` : `repository/${domain}/${repository}`,
      policy: compile(document, 'resource'),
      pins: principals,
    })
}

export const trustPolicyOf = (role: Role): NamedPolicy => ({
  name: role.name,
  policy: compile(role.trust, 'trust'),
  pins: role.trusted,
})

/** Documents are checked when they are put. One that cannot be read nevertheless may have denied anything, so it denies everything. */
const compile = (document: string, kind: PolicyKind): Policy =>
  parsePolicy(document, kind).policy ?? checkPolicyDocument(DENY_EVERYTHING, 'resource')

/** Of the kind that says to whom: where a policy is attached to the caller nobody asks. */
const DENY_EVERYTHING = JSON.stringify({
  Version: '2012-10-17',
  Statement: { Sid: 'UnreadablePolicy', Effect: 'Deny', Principal: '*', Action: '*', Resource: '*' },
})

/** Throws `invalid` with every problem of a document that is about to be put, each with its place. */
export function checkPolicyDocument(document: string, kind: PolicyKind): Policy {
  const { policy, problems } = parseNewPolicy(document, kind)
  if (policy) return policy
  const list = problems.map(({ path, line, message }) => `${path || '/'} (line ${line}): ${message}`).join('; ')
  throw new RegistryError('invalid', `The policy document is not valid: ${list}`, { awsCode: 'ValidationException' })
}
