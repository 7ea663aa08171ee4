import { path, query } from '../operation.ts'
import { accountId, domainName } from '../shapes.ts'

// Where the things lie that operations are about, as their inputs say it.

export const inAccount = { account: path('account', accountId) }
export const inDomain = {
  domain: path('domain', domainName),
  domainOwner: query('domain-owner', accountId.optional()),
}
