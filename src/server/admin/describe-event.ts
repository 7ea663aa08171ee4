import { describeEvent } from '../../api/admin/events.ts'
import { RegistryError } from '../../registry/errors.ts'
import type { AccountId } from '../../registry/names.ts'
import { handler, type ManagementParts } from '../handler.ts'

export const describeEventHandler = handler(describeEvent, async (input, { parts, target: { account } }) => ({
  data: await readEventData(parts, account, input.event),
}))

/**
 * What webhooks of the account are sent of the event. Throws `not_found` where they are not sent it: it is another
 * account's. What happens to the installation itself is the operators' to hear.
 */
export async function readEventData(
  { store, config, webhooks }: Pick<ManagementParts, 'store' | 'config' | 'webhooks'>,
  account: AccountId,
  id: string,
): Promise<Record<string, unknown>> {
  const event = await store.findEvent(id)
  const hears = event && [event.account ?? config.operatorAccount, event.detail['repositoryAdministrator']]
  if (!event || !hears?.includes(account)) {
    throw new RegistryError('not_found', `Event ${id} does not exist in account ${account}`, { resourceId: id })
  }
  return { ...(webhooks.dataOf(event) as Record<string, unknown>), account }
}
