import { getRepositoryEndpoint } from '../../api/codeartifact/repositories.ts'
import { handler } from '../handler.ts'

export const getRepositoryEndpointHandler = handler(
  getRepositoryEndpoint,
  async ({ format }, { parts, host, target: { repository } }) => ({
    repositoryEndpoint: parts.endpointOf(host, format, repository.domain, repository.name),
  }),
)
