import { createRepository } from '../../api/codeartifact/repositories.ts'
import { planCreateRepository } from '../../registry/manage-repositories.ts'
import { handler } from '../handler.ts'
import { parseUpstreams, requireUpstreams } from './upstreams.ts'
import { describeRepository } from './wire-shapes.ts'

export const createRepositoryHandler = handler(createRepository, async (input, context) => {
  const { parts, caller, target, manage } = context
  const upstreams = parseUpstreams(input.upstreams ?? [])
  // Before the plan, whose refusals tell what there is.
  await requireUpstreams(context, target.view, upstreams)
  const { repository, changes } = planCreateRepository(manage, target.view, {
    name: target.name,
    administrator: caller.account,
    description: input.description ?? null,
    upstreams,
  })
  await parts.store.commit(changes)
  const { domain, connections } = target.view
  return { repository: describeRepository(parts.config.region, domain, connections, repository) }
})
