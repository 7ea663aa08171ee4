import { associateExternalConnection } from '../../api/codeartifact/repositories.ts'
import { RegistryError } from '../../registry/errors.ts'
import { planAssociateConnection } from '../../registry/manage-repositories.ts'
import { parseConnectionName } from '../../registry/names.ts'
import { handler } from '../handler.ts'
import { describeRepository } from './wire-shapes.ts'

export const associateExternalConnectionHandler = handler(
  associateExternalConnection,
  async (input, { parts, caller, target: { view, repository: was }, manage }) => {
    const name = parseConnectionName(input.externalConnection)
    // Whoever draws from it reads what its credentials open, and these are not the account's.
    if (view.connections.get(name)?.credentials && caller.account !== parts.config.operatorAccount) {
      throw new RegistryError(
        'forbidden',
        `The connection ${name} has credentials: only users and roles of account ${parts.config.operatorAccount} may give it to a repository`,
      )
    }
    const { repository, changes } = planAssociateConnection(manage, view, was, name)
    await parts.store.commit(changes)
    return { repository: describeRepository(parts.config.region, view.domain, view.connections, repository) }
  },
)
