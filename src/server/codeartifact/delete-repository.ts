import { deleteRepository } from '../../api/codeartifact/repositories.ts'
import { planDeleteRepository } from '../../registry/manage-repositories.ts'
import { handler } from '../handler.ts'
import { describeRepository } from './wire-shapes.ts'

export const deleteRepositoryHandler = handler(deleteRepository, async (_input, { parts, target, manage }) => {
  const { view, repository } = target
  await parts.store.commit(planDeleteRepository(manage, view, repository))
  return { repository: describeRepository(parts.config.region, view.domain, view.connections, repository) }
})
