import type { Change } from '../registry/changes.ts'
import type { Role } from '../registry/model.ts'
import { parseIdentityName, type AccountId } from '../registry/names.ts'
import { announceIdentity, type Act } from './identities.ts'

// Plans of what is done to roles. Pure, as those of users: documents were checked and principals found before.

/** A trust policy, and whom its principals mean. */
export type Trust = Pick<Role, 'trust' | 'trusted'>

/** @param id from `mintRoleId` */
export function planCreateRole(
  {
    account,
    name,
    id,
    maxSessionSeconds,
    trust,
    trusted,
  }: Trust & Pick<Role, 'account' | 'name' | 'id' | 'maxSessionSeconds'>,
  act: Act,
): { readonly role: Role; readonly changes: readonly Change[] } {
  const role: Role = {
    account,
    name: parseIdentityName(name),
    id,
    createdAt: act.now,
    trust,
    trusted,
    maxSessionSeconds,
    sessionsValidFrom: act.now,
  }
  return { role, changes: [{ change: 'create-role', role }, announce('Role Created', role, act)] }
}

/** Leaves what is not given as it is. @param plannedAt the topology counter, read before the role was */
export function planUpdateRole(
  was: Role,
  wish: { readonly trust: Trust | undefined; readonly maxSessionSeconds: number | undefined },
  plannedAt: number,
  act: Act,
): { readonly role: Role; readonly changes: readonly Change[] } {
  const role: Role = { ...was, ...wish.trust, maxSessionSeconds: wish.maxSessionSeconds ?? was.maxSessionSeconds }
  return { role, changes: [{ change: 'set-role', role, plannedAt }, announce('Role Updated', role, act)] }
}

/**
 * Ends all sessions of the role with their tokens. Those that begin in this very millisecond end, too: nobody can tell which
 * of them came first.
 * @param plannedAt the topology counter, read before the role was
 */
export function planRevokeSessions(
  was: Role,
  plannedAt: number,
  act: Act,
): { readonly role: Role; readonly changes: readonly Change[] } {
  const sessionsValidFrom = Math.max(was.sessionsValidFrom, act.now + 1)
  const role: Role = { ...was, sessionsValidFrom }
  return { role, changes: [{ change: 'set-role', role, plannedAt }, announce('Role Sessions Revoked', role, act)] }
}

/** The role's policies go with it, and its sessions end. */
export function planDeleteRole(role: Role, act: Act): readonly Change[] {
  return [{ change: 'delete-role', account: role.account, name: role.name }, announce('Role Deleted', role, act)]
}

/**
 * Attaches the document, or replaces the one of that name.
 * @param document checked with `checkPolicyDocument` of `registry/authorize.ts`
 */
export function planAttachRolePolicy(
  role: Role,
  { name, document }: { name: string; document: string },
  act: Act,
): readonly Change[] {
  const policy = { account: role.account, roleName: role.name, name: parseIdentityName(name), document }
  return [{ change: 'put-role-policy', policy }, announce('Role Policy Attached', role, act, { policyName: name })]
}

export function planDetachRolePolicy(role: Role, name: string, act: Act): readonly Change[] {
  return [
    { change: 'delete-role-policy', account: role.account, roleName: role.name, name },
    announce('Role Policy Detached', role, act, { policyName: name }),
  ]
}

/** What the world is told when somebody assumes a role: never the credentials. */
export function planAssumeRole(
  role: Role,
  { sessionName, durationSeconds }: { sessionName: string; durationSeconds: number },
  act: Act,
): readonly Change[] {
  return [announce('Role Assumed', role, act, { sessionName, durationSeconds })]
}

type About = { readonly account: AccountId; readonly name: string; readonly id: string }

const announce = (
  type: string,
  { account, name, id }: About,
  act: Act,
  more: Readonly<Record<string, unknown>> = {},
): Change => announceIdentity(type, account, { roleName: name, roleId: id, ...more }, act)
