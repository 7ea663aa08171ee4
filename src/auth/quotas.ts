import { RegistryError } from '../registry/errors.ts'

/**
 * How many of each there may be, as AWS limits them, too: what policies cost at each change of a policy grows with their number,
 * and the accounts of an installation share its processor. Two who make the last one at once may both succeed.
 */
const QUOTAS = {
  'users of an account': 5_000,
  'roles of an account': 1_000,
  'policies of a user or role': 20,
  /** AWS has two; what was revoked does not count. */
  'access keys of a user': 10,
} as const

/** Throws `quota`. @param there how many there are, without the one that is to be made */
export function refuseMore(what: keyof typeof QUOTAS, there: number): void {
  const quota = QUOTAS[what]
  if (there < quota) return
  throw new RegistryError('quota', `There are ${there} ${what} already; at most ${quota} are allowed`)
}
