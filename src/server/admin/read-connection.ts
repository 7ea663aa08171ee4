import { RegistryError } from '../../registry/errors.ts'
import type { Connection } from '../../registry/model.ts'
import { parseConnectionName } from '../../registry/names.ts'
import type { MetadataStore } from '../../registry/ports.ts'

export async function readConnection(store: Pick<MetadataStore, 'findConnection'>, name: string): Promise<Connection> {
  const connection = await store.findConnection(parseConnectionName(name))
  if (!connection) throw new RegistryError('not_found', `Connection ${name} does not exist`, { resourceId: name })
  return connection
}
