import { RegistryError } from '../registry/errors.ts'
import type { User } from '../registry/model.ts'
import type { AccountId } from '../registry/names.ts'
import type { IdentityReads } from '../registry/ports.ts'

export async function readUser(
  store: Pick<IdentityReads, 'findUser'>,
  account: AccountId,
  name: string,
): Promise<User> {
  const user = await store.findUser(account, name)
  if (user) return user
  throw new RegistryError('not_found', `User ${name} does not exist in account ${account}`, { resourceId: name })
}
