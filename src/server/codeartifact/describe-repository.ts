import { describeRepository as operation } from '../../api/codeartifact/repositories.ts'
import { handler } from '../handler.ts'
import { describeRepository } from './wire-shapes.ts'

export const describeRepositoryHandler = handler(
  operation,
  async (_input, { parts, target: { view, repository } }) => ({
    repository: describeRepository(parts.config.region, view.domain, view.connections, repository),
  }),
)
