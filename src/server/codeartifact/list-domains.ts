import { listDomains } from '../../api/codeartifact/domains.ts'
import { handler } from '../handler.ts'
import { pageByKey } from './pages.ts'
import { summarizeDomain } from './wire-shapes.ts'

export const listDomainsHandler = handler(listDomains, async (input, { parts, caller }) => {
  const owned = (await parts.store.listDomains()).filter(({ owner }) => owner === caller.account)
  const { page, ...next } = pageByKey(owned, ({ name }) => name, input)
  return { domains: page.map((domain) => summarizeDomain(parts.config.region, domain)), ...next }
})
