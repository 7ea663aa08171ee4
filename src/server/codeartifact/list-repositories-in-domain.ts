import { listRepositoriesInDomain } from '../../api/codeartifact/domains.ts'
import { handler } from '../handler.ts'
import { pageByKey } from './pages.ts'
import { summarizeRepository } from './wire-shapes.ts'

export const listRepositoriesInDomainHandler = handler(
  listRepositoriesInDomain,
  async (input, { parts, target: { view } }) => {
    const wanted = [...view.repositories.values()].filter(
      ({ name, administrator }) =>
        name.startsWith(input.repositoryPrefix ?? '') &&
        (input.administratorAccount === undefined || administrator === input.administratorAccount),
    )
    const { page, ...next } = pageByKey(wanted, ({ name }) => name, input)
    return {
      repositories: page.map((repository) => summarizeRepository(parts.config.region, view.domain, repository)),
      ...next,
    }
  },
)
