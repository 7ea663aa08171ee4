import { replayDeliveries } from '../../api/admin/deliveries.ts'
import type { InputOf } from '../../api/operation.ts'
import { RegistryError } from '../../registry/errors.ts'
import { planReplayDeliveries } from '../../registry/manage-webhooks.ts'
import { handler } from '../handler.ts'
import { readWebhook } from './read-webhook.ts'

/** So many that a commit stays a matter of milliseconds. */
const AT_ONCE = 500

export const replayDeliveriesHandler = handler(
  replayDeliveries,
  async (input, { parts, target: { account }, manage }) => {
    const webhook = await readWebhook(parts.store, account, input.webhook)
    const { items, next } = await parts.store.listDeliveries({
      account,
      webhook: webhook.id,
      limit: AT_ONCE,
      ...which(input),
      ...(input.after !== undefined && { after: input.after }),
    })
    const { replayed, changes } = planReplayDeliveries(manage, webhook, items)
    await parts.store.commit(changes).catch(lookAgain)
    return { replayed: replayed.length, next }
  },
)

/** Everything that was ever delivered is never meant; all since a moment may be. */
function which({ state, since }: Pick<InputOf<typeof replayDeliveries>, 'state' | 'since'>) {
  if (since !== undefined) return { since: Date.parse(since), ...(state !== undefined && { state }) }
  if (state === 'delivered') throw new RegistryError('invalid', 'since: is needed to replay what was delivered')
  return { state: 'dead' } as const
}

/** One of them was replayed by somebody else in between: what is there now is planned anew. */
function lookAgain(error: unknown): never {
  const isRace = error instanceof RegistryError && ['conflict', 'not_found'].includes(error.code)
  throw isRace ? new RegistryError('busy', 'Deliveries changed at the same moment', { cause: error }) : error
}
