import { OutboundError } from '../outbound/outbound-error.ts'
import type { Outbound } from '../outbound/outbound.ts'
import { RegistryError } from '../registry/errors.ts'
import type { RecordedEvent } from '../registry/events.ts'
import type { AccountId } from '../registry/names.ts'
import { compilePattern } from './pattern.ts'
import { mintSecret } from './sign.ts'
import { eventData, type EventData } from './wire.ts'

/** What the management API asks of what sends events. */
export function createWebhookTools({
  region,
  operatorAccount,
  outbound,
}: {
  readonly region: string
  /** Hears of what concerns the installation itself. */
  readonly operatorAccount: AccountId
  readonly outbound: Pick<Outbound, 'check'>
}) {
  return {
    checkPattern: (pattern: string): void => void compilePattern(pattern),
    matches: (pattern: string, data: unknown): boolean => compilePattern(pattern).matches(data),
    dataOf: (event: RecordedEvent): EventData =>
      eventData(event, { region, account: event.account ?? operatorAccount }),
    async checkUrl(url: string): Promise<void> {
      if (URL.canParse(url) && new URL(url).hash !== '') throw unusable('it has a fragment, which is never sent')
      await outbound.check(url).catch((error: unknown) => {
        throw error instanceof OutboundError ? unusable(error.message) : error
      })
    },
    mintSecret,
  }
}

const unusable = (why: string): RegistryError =>
  new RegistryError('invalid', `No webhook can have this URL: ${why}`, { reason: 'FIELD_VALIDATION_FAILED' })
