import { associateExternalConnection } from '../../api/codeartifact/repositories.ts'
import { planAssociateConnection } from '../../registry/manage-repositories.ts'
import { parseConnectionName } from '../../registry/names.ts'
import { handler } from '../handler.ts'
import { describeRepository } from './wire-shapes.ts'

export const associateExternalConnectionHandler = handler(
  associateExternalConnection,
  async (input, { parts, target: { view, repository: was }, manage }) => {
    const name = parseConnectionName(input.externalConnection)
    const { repository, changes } = planAssociateConnection(manage, view, was, name)
    await parts.store.commit(changes)
    return { repository: describeRepository(parts.config.region, view.domain, view.connections, repository) }
  },
)
