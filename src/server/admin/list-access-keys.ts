import { listAccessKeys } from '../../api/admin/identities.ts'
import { handler } from '../handler.ts'
import { accessKeyJson } from './json-shapes.ts'
import { readUser } from '../read-user.ts'

export const listAccessKeysHandler = handler(listAccessKeys, async (input, { parts, target: { account } }) => {
  const { name } = await readUser(parts.store, account, input.user)
  return { keys: (await parts.store.listAccessKeys(account, name)).map(accessKeyJson) }
})
