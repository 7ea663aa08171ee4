import { disassociateExternalConnection } from '../../api/codeartifact/repositories.ts'
import { planDisassociateConnection } from '../../registry/manage-repositories.ts'
import { parseConnectionName } from '../../registry/names.ts'
import { handler } from '../handler.ts'
import { describeRepository } from './wire-shapes.ts'

export const disassociateExternalConnectionHandler = handler(
  disassociateExternalConnection,
  async (input, { parts, target: { view, repository: was }, manage }) => {
    const name = parseConnectionName(input.externalConnection)
    const { repository, changes } = planDisassociateConnection(manage, view, was, name)
    await parts.store.commit(changes)
    return { repository: describeRepository(parts.config.region, view.domain, view.connections, repository) }
  },
)
