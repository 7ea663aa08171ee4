import { RegistryError } from '../registry/errors.ts'
import type { Role } from '../registry/model.ts'
import type { AccountId } from '../registry/names.ts'
import type { IdentityReads } from '../registry/ports.ts'

export async function readRole(
  store: Pick<IdentityReads, 'findRole'>,
  account: AccountId,
  name: string,
): Promise<Role> {
  const role = await store.findRole(account, name)
  if (role) return role
  throw new RegistryError('not_found', `Role ${name} does not exist in account ${account}`, { resourceId: name })
}
