import { updateRepository } from '../../api/codeartifact/repositories.ts'
import { planUpdateRepository } from '../../registry/manage-repositories.ts'
import { handler } from '../handler.ts'
import { parseUpstreams, requireUpstreams } from './upstreams.ts'
import { describeRepository } from './wire-shapes.ts'

export const updateRepositoryHandler = handler(updateRepository, async (input, context) => {
  const {
    parts,
    target: { view, repository: was },
    manage,
  } = context
  const upstreams = input.upstreams && parseUpstreams(input.upstreams)
  // Before the plan, whose refusals tell what there is.
  const added = (upstreams ?? []).filter((upstream) => !was.upstreams.includes(upstream))
  await requireUpstreams(context, view, added)
  const { repository, changes } = planUpdateRepository(manage, view, was, { description: input.description, upstreams })
  await parts.store.commit(changes)
  return { repository: describeRepository(parts.config.region, view.domain, view.connections, repository) }
})
