import type { Change } from '../registry/changes.ts'
import { managementEvent } from '../registry/events.ts'
import type { AccessKey, Instant, Sealed, User } from '../registry/model.ts'
import { parseIdentityName, type AccountId } from '../registry/names.ts'

/** Who does it and when; `eventId` is the UUID of the event that tells of it. */
export type Act = { readonly actor: string; readonly now: Instant; readonly eventId: string }

// Plans of writes. Pure: ids, times and sealed secrets come from the caller, the preconditions stand at each change.

export function planCreateAccount(account: AccountId, act: Act): readonly Change[] {
  return [
    { change: 'create-account', account: { id: account, createdAt: act.now } },
    announceIdentity('Account Created', account, {}, act),
  ]
}

/** @param id from `mintUserId` */
export function planCreateUser(
  { account, name, id }: { account: AccountId; name: string; id: string },
  act: Act,
): readonly Change[] {
  const user = { account, name: parseIdentityName(name), id, createdAt: act.now }
  return [
    { change: 'create-user', user },
    announceIdentity('User Created', account, { userName: name, userId: id }, act),
  ]
}

/** The user's keys and policies go with it. */
export function planDeleteUser(user: User, act: Act): readonly Change[] {
  return [
    { change: 'delete-user', account: user.account, name: user.name },
    announceIdentity('User Deleted', user.account, { userName: user.name, userId: user.id }, act),
  ]
}

/**
 * @param id from `mintAccessKeyId`
 * @param secret sealed for `accessKeyContext(id)`
 */
export function planCreateAccessKey(
  user: User,
  { id, secret }: { id: string; secret: Sealed },
  act: Act,
): readonly Change[] {
  const key = {
    id,
    account: user.account,
    userName: user.name,
    userId: user.id,
    secret,
    createdAt: act.now,
    revokedAt: null,
  }
  return [
    { change: 'create-access-key', key },
    announceIdentity('Access Key Created', user.account, aboutKey(key), act),
  ]
}

/** Ends the tokens that were made with the key, too. A key that is revoked already stays as it is. */
export function planRevokeAccessKey(key: AccessKey, act: Act): readonly Change[] {
  if (key.revokedAt !== null) return []
  return [
    { change: 'revoke-access-key', id: key.id, at: act.now },
    announceIdentity('Access Key Revoked', key.account, aboutKey(key), act),
  ]
}

/**
 * Attaches the document, or replaces the one of that name.
 * @param document checked with `checkPolicyDocument` of `registry/authorize.ts`
 */
export function planAttachPolicy(
  user: User,
  { name, document }: { name: string; document: string },
  act: Act,
): readonly Change[] {
  const policy = { account: user.account, userName: user.name, name: parseIdentityName(name), document }
  return [
    { change: 'put-identity-policy', policy },
    announceIdentity('User Policy Attached', user.account, { userName: user.name, policyName: name }, act),
  ]
}

export function planDetachPolicy(user: User, name: string, act: Act): readonly Change[] {
  return [
    { change: 'delete-identity-policy', account: user.account, userName: user.name, name },
    announceIdentity('User Policy Detached', user.account, { userName: user.name, policyName: name }, act),
  ]
}

const aboutKey = (key: Pick<AccessKey, 'id' | 'userName'>) => ({ accessKeyId: key.id, userName: key.userName })

/** What the world is told of an account and those within it: users, their keys, roles. Never a secret. */
export const announceIdentity = (
  type: string,
  account: AccountId,
  detail: Readonly<Record<string, unknown>>,
  act: Act,
): Change => ({
  change: 'announce',
  event: managementEvent({
    id: act.eventId,
    type,
    time: act.now,
    actor: act.actor,
    account,
    detail: { accountId: account, ...detail },
  }),
})
