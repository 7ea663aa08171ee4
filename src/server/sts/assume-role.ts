import { randomUUID } from 'node:crypto'
import {
  assumeRoleInput,
  MAX_CHAINED_SECONDS,
  MAX_SESSION_POLICY,
  type AssumeRoleInput,
} from '../../api/sts/assume-role.ts'
import type { SessionCredentials } from '../../auth/role-sessions.ts'
import { planAssumeRole } from '../../auth/roles.ts'
import { checkPolicyDocument, type RequestFacts } from '../../registry/authorize.ts'
import { RegistryError } from '../../registry/errors.ts'
import { actorOf } from '../../registry/events.ts'
import type { Instant, KnownCaller, Role } from '../../registry/model.ts'
import { arn, parseAccountId } from '../../registry/names.ts'
import { readTopologyCounter } from '../../registry/topology.ts'
import type { ManagementParts } from '../handler.ts'
import { refuseOthers, type StsRequest } from './parameters.ts'
import type { Element } from './xml.ts'

type Parts = Pick<ManagementParts, 'store' | 'authorizer' | 'sessions' | 'clock'>
type Asking = { readonly caller: KnownCaller; readonly facts: RequestFacts }

/** Credentials of a role for a time, for whom its trust policy and their own policies let assume it. */
export async function assumeRole(parts: Parts, request: StsRequest, asking: Asking): Promise<readonly Element[]> {
  const { caller } = asking
  // Before anything is looked up: whatever is taken back from now on ends the session, too.
  const now = parts.clock.now()
  if (caller.domain !== null) throw refusal('A token cannot assume roles: sign the request with an access key')
  const input = readInput(request)
  const role = await requireRole(parts, input, asking)
  checkDuration(input, role, caller)
  // Another process whose clock is ahead may have made the role or ended its sessions: this one begins after that.
  const issuedAt = Math.max(now, role.sessionsValidFrom)
  const { RoleSessionName: sessionName, DurationSeconds: durationSeconds, Policy: sessionPolicy } = input
  const credentials = parts.sessions.issue({
    assumed: {
      account: role.account,
      roleName: role.name,
      roleId: role.id,
      sessionName,
      sessionPolicy: sessionPolicy ?? null,
      issuedAt,
      accessKeyId: caller.kind === 'user' ? caller.credential : caller.accessKeyId,
    },
    expiresAt: (Math.floor(now / 1000) + durationSeconds) * 1000,
  })
  const act = { actor: actorOf(caller), now, eventId: randomUUID() }
  await parts.store.commit(planAssumeRole(role, { sessionName, durationSeconds }, act))
  return describe(role, input, credentials)
}

function readInput(request: StsRequest): AssumeRoleInput {
  refuseOthers(request, Object.keys(assumeRoleInput.shape))
  const known = Object.entries(request.parameters).filter(([name]) => Object.hasOwn(assumeRoleInput.shape, name))
  const parsed = assumeRoleInput.safeParse(Object.fromEntries(known))
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => {
      const name = String(path[0])
      return request.parameters[name] === undefined ? `${name} is missing` : `${name} ${message}`
    })
    throw new RegistryError('invalid', problems.join('; '))
  }
  if (parsed.data.Policy !== undefined) checkSessionPolicy(parsed.data.Policy)
  return parsed.data
}

function checkSessionPolicy(document: string): void {
  try {
    checkPolicyDocument(document, 'session')
  } catch (cause) {
    if (!(cause instanceof RegistryError)) throw cause
    throw new RegistryError(cause.code, cause.message, { awsCode: 'MalformedPolicyDocument', cause })
  }
}

/** The same refusal whether there is no such role, or one that is not for this caller: nobody learns which roles there are. */
async function requireRole(
  { store, authorizer }: Parts,
  { RoleArn: resource, RoleSessionName: sessionName, ExternalId: externalId }: AssumeRoleInput,
  { caller, facts }: Asking,
): Promise<Role> {
  const [, , , , owner = '', path = ''] = resource.split(':')
  const account = parseAccountId(owner)
  const topology = await readTopologyCounter(store)
  const role = await store.findRole(account, path.slice('role/'.length))
  const { allowed, reason } = await authorizer.decide({
    caller,
    action: 'sts:AssumeRole',
    resource,
    owner: account,
    domain: null,
    ...(role ? { trust: role } : { identityPoliciesOnly: true }),
    context: {
      ...facts,
      'sts:RoleSessionName': sessionName,
      ...(externalId !== undefined && { 'sts:ExternalId': externalId }),
    },
    topology,
  })
  if (role && allowed) return role
  throw refusal(
    `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${resource}`,
    // For the log only.
    new Error(role ? reason : 'the role does not exist'),
  )
}

const refusal = (message: string, cause?: Error): RegistryError => new RegistryError('forbidden', message, { cause })

/** After the permission: the longest session of a role is not for everybody to know. */
function checkDuration({ DurationSeconds: seconds }: AssumeRoleInput, role: Role, caller: KnownCaller): void {
  if (caller.kind === 'role' && seconds > MAX_CHAINED_SECONDS) {
    const message = 'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining'
    throw new RegistryError('invalid', message)
  }
  if (seconds > role.maxSessionSeconds)
    throw new RegistryError(
      'invalid',
      'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    )
}

const describe = (
  role: Role,
  { RoleSessionName: sessionName, Policy: policy }: AssumeRoleInput,
  credentials: SessionCredentials,
): readonly Element[] => [
  [
    'AssumedRoleUser',
    [
      ['AssumedRoleId', `${role.id}:${sessionName}`],
      ['Arn', arn.roleSession(role.account, role.name, sessionName)],
    ],
  ],
  [
    'Credentials',
    [
      ['AccessKeyId', credentials.accessKeyId],
      ['SecretAccessKey', credentials.secretAccessKey],
      ['SessionToken', credentials.sessionToken],
      ['Expiration', wholeSeconds(credentials.expiresAt)],
    ],
  ],
  ...(policy === undefined
    ? []
    : ([['PackedPolicySize', Math.ceil((100 * policy.length) / MAX_SESSION_POLICY)]] as const)),
]

const wholeSeconds = (instant: Instant): string => new Date(instant).toISOString().replace('.000Z', 'Z')
