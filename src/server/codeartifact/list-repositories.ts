import { listRepositories } from '../../api/codeartifact/repositories.ts'
import { handler } from '../handler.ts'
import { pageByKey } from './pages.ts'
import { summarizeRepository } from './wire-shapes.ts'

export const listRepositoriesHandler = handler(listRepositories, async (input, { parts, caller }) => {
  const domains = await parts.store.listDomains()
  const all = await Promise.all(
    domains.map(async (domain) =>
      (await parts.store.listRepositories(domain.name)).map((repository) => ({ domain, repository })),
    ),
  )
  const prefix = input.repositoryPrefix ?? ''
  const own = all
    .flat()
    .filter(
      ({ domain, repository }) =>
        (domain.owner === caller.account || repository.administrator === caller.account) &&
        repository.name.startsWith(prefix),
    )
  const { page, ...next } = pageByKey(own, ({ repository }) => `${repository.domain}/${repository.name}`, input)
  return {
    repositories: page.map(({ domain, repository }) => summarizeRepository(parts.config.region, domain, repository)),
    ...next,
  }
})
