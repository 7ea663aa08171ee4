import { listAccounts } from '../../api/admin/identities.ts'
import { handler } from '../handler.ts'
import { accountJson } from './json-shapes.ts'

export const listAccountsHandler = handler(listAccounts, async (_input, { parts }) => ({
  accounts: (await parts.store.listAccounts()).map(accountJson),
}))
