import type { Change } from './changes.ts'
import { RegistryError } from './errors.ts'
import { actorOf, managementEvent, type EventDraft } from './events.ts'
import { announce, type ManageContext } from './manage.ts'
import type { Instant, Sealed } from './model.ts'
import type { Delivery, Webhook, WebhookSecret } from './webhooks.ts'

// Plans of what people do to webhooks and deliveries. Events tell the shown URL, never the whole one.

export const MAX_WEBHOOKS = 100
/** Each live key is one more signature on every delivery. */
const MAX_LIVE_SECRETS = 5

const BASE62 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** All of a UUID in 22 letters and digits, which nothing cuts where people copy them. */
export function webhookId(uuid: string): string {
  let rest = BigInt(`0x${uuid.replaceAll('-', '')}`)
  let text = ''
  for (let place = 0; place < 22; place++) {
    text = (BASE62[Number(rest % 62n)] ?? '') + text
    rest /= 62n
  }
  return `wh_${text}`
}

const event = (
  context: ManageContext,
  type: string,
  { account, id, shownUrl }: Pick<Webhook, 'account' | 'id' | 'shownUrl'>,
  more: Readonly<Record<string, unknown>> = {},
): Change => announce(context, type, { account, detail: { webhook: id, url: shownUrl, ...more } })

/** @param there how many webhooks the account has */
export function planCreateWebhook(
  context: ManageContext,
  what: Omit<Webhook, 'createdAt' | 'disabled' | 'failingSince' | 'secrets'> & { readonly secret: WebhookSecret },
  there: number,
): { readonly webhook: Webhook; readonly changes: readonly Change[] } {
  if (there >= MAX_WEBHOOKS) {
    throw new RegistryError('quota', `Account ${what.account} has ${there} webhooks; it may have ${MAX_WEBHOOKS}`)
  }
  const { secret, ...rest } = what
  const webhook: Webhook = {
    ...rest,
    createdAt: context.now,
    disabled: null,
    failingSince: null,
    secrets: [secret],
  }
  return { webhook, changes: [{ change: 'create-webhook', webhook }, event(context, 'Webhook Created', webhook)] }
}

/** What is left out stays as it is. The whole URL and the shown one come together. */
export type WebhookUpdate = {
  readonly address?: { readonly url: Sealed; readonly shownUrl: string }
  readonly headers?: Sealed | null
  readonly pattern?: string | null
  readonly description?: string | null
}

/** Nothing to change is no change. */
export function planUpdateWebhook(
  context: ManageContext,
  webhook: Webhook,
  update: WebhookUpdate,
): { readonly webhook: Webhook; readonly changes: readonly Change[] } {
  const { address, ...rest } = update
  if (address && webhook.headers !== null && update.headers === undefined) keepHeadersAt(webhook, address.shownUrl)
  const given = { ...rest, ...address }
  if (Object.keys(given).length === 0) return { webhook, changes: [] }
  const updated: Webhook = { ...webhook, ...given }
  const changed = Object.keys({ ...rest, ...(address && { url: true }) }).toSorted()
  return {
    webhook: updated,
    changes: [
      { change: 'set-webhook', id: webhook.id, ...given },
      event(context, 'Webhook Updated', updated, { changed }),
    ],
  }
}

/** Headers may hold a token of the receiver: whoever may move a webhook must not learn it by moving it to a server of their own. */
function keepHeadersAt(webhook: Webhook, shownUrl: string): void {
  if (new URL(webhook.shownUrl).origin === new URL(shownUrl).origin) return
  throw new RegistryError(
    'invalid',
    `The headers of webhook ${webhook.id} were given for ${new URL(webhook.shownUrl).origin}: give them again, or none`,
  )
}

export const planDeleteWebhook = (context: ManageContext, webhook: Webhook): readonly Change[] => [
  { change: 'delete-webhook', id: webhook.id },
  event(context, 'Webhook Deleted', webhook),
]

/** One that is enabled stays as it is. */
export function planEnableWebhook(context: ManageContext, webhook: Webhook): readonly Change[] {
  if (webhook.disabled === null) return []
  return [{ change: 'enable-webhook', id: webhook.id }, event(context, 'Webhook Enabled', webhook)]
}

/** One that is disabled stays as it is, with the reason that it has. */
export function planDisableWebhook(context: ManageContext, webhook: Webhook, reason: string): readonly Change[] {
  if (webhook.disabled !== null) return []
  return [
    { change: 'disable-webhook', id: webhook.id, at: context.now, reason },
    event(context, 'Webhook Disabled', webhook, { reason }),
  ]
}

/** @param overlap milliseconds for which the secrets that it has go on signing beside the new one */
export function planRotateWebhookSecret(
  context: ManageContext,
  webhook: Webhook,
  secret: WebhookSecret,
  overlap: number,
): { readonly webhook: Webhook; readonly changes: readonly Change[] } {
  const expireOthersAt = context.now + overlap
  const others = webhook.secrets.map((other) => ({
    ...other,
    expiresAt: Math.min(other.expiresAt ?? expireOthersAt, expireOthersAt),
  }))
  const secrets = [secret, ...liveSecrets(others, context.now)]
  if (secrets.length > MAX_LIVE_SECRETS) {
    throw new RegistryError(
      'conflict',
      `Webhook ${webhook.id} has ${secrets.length - 1} secrets that still sign; rotate without overlap, or wait`,
    )
  }
  return {
    webhook: { ...webhook, secrets },
    changes: [
      { change: 'rotate-webhook-secret', id: webhook.id, secret, expireOthersAt },
      event(context, 'Webhook Secret Rotated', webhook, {
        othersExpireAt: new Date(expireOthersAt).toISOString(),
      }),
    ],
  }
}

export const liveSecrets = (secrets: readonly WebhookSecret[], now: Instant): readonly WebhookSecret[] =>
  secrets.filter(({ expiresAt }) => expiresAt === null || expiresAt > now)

/** An event that goes to this webhook whatever its pattern says; to others it goes as any event does. */
export function planTestWebhook(
  context: ManageContext,
  webhook: Webhook,
): { readonly event: EventDraft; readonly delivery: string; readonly changes: readonly Change[] } {
  refuseDisabled(webhook)
  const { caller, now, id } = context
  const { account, shownUrl } = webhook
  const tested = managementEvent({
    id: id(),
    type: 'Webhook Tested',
    time: now,
    actor: actorOf(caller),
    account,
    detail: { webhook: webhook.id, url: shownUrl },
  })
  const delivery = id()
  return {
    event: tested,
    delivery,
    changes: [
      { change: 'announce', event: tested },
      { change: 'create-delivery', id: delivery, webhook: webhook.id, event: tested.id, at: now },
    ],
  }
}

/** Those that are pending are on their way already and stay as they are. */
export function planReplayDeliveries(
  context: ManageContext,
  webhook: Webhook,
  deliveries: readonly Delivery[],
): { readonly replayed: readonly Delivery[]; readonly changes: readonly Change[] } {
  refuseDisabled(webhook)
  const replayed = deliveries.filter(({ state }) => state !== 'pending')
  if (replayed.length === 0) return { replayed, changes: [] }
  const [only] = replayed
  const about = replayed.length === 1 && only ? { delivery: only.id, event: only.event } : {}
  return {
    replayed,
    changes: [
      ...replayed.map(({ id }) => ({ change: 'replay-delivery' as const, id, at: context.now })),
      event(context, 'Deliveries Replayed', webhook, { count: replayed.length, ...about }),
    ],
  }
}

function refuseDisabled({ id, disabled }: Webhook): void {
  if (disabled === null) return
  throw new RegistryError('conflict', `Webhook ${id} is disabled (${disabled.reason}): enable it first`)
}

export type WebhookAddress = { readonly url: string; readonly shownUrl: string }

/** Which addresses may be reached is decided elsewhere; here only what is a URL that can be stored and shown. */
export function parseWebhookUrl(raw: string): WebhookAddress {
  // `URL` would drop line ends and surrounding blanks without a word.
  const url = /[\s\p{C}]/u.test(raw) ? null : URL.parse(raw)
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new RegistryError('invalid', 'url: must be an http or https URL')
  }
  if (url.username || url.password) {
    throw new RegistryError('invalid', 'url: must have no user name and password; give an Authorization header instead')
  }
  if (raw.includes('#')) throw new RegistryError('invalid', 'url: must have no fragment')
  return { url: url.href, shownUrl: withoutValues(url) }
}

/** Receivers put tokens into the query (Jenkins, GitLab): names may be seen, values may not. What has no name is a value. */
function withoutValues({ origin, pathname, search }: URL): string {
  if (search === '') return origin + pathname
  const shown = search
    .slice(1)
    .split('&')
    .map((part) => (part.includes('=') ? `${part.slice(0, part.indexOf('='))}=***` : '***'))
  return `${origin}${pathname}?${shown.join('&')}`
}

const MAX_HEADERS = 20
const MAX_HEADERS_LENGTH = 16_384
/** What the sending itself needs, and what would change how the message is read. */
const RESERVED_HEADERS =
  /^(webhook-.*|content-.*|proxy-.*|host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|user-agent|accept-encoding|date)$/i

/** Throws `invalid` with the names of the headers that may not be sent; values may be secret, so no message has one. */
export function checkWebhookHeaders(headers: Readonly<Record<string, string>>): void {
  const names = Object.keys(headers)
  const problems = names.flatMap((name) => problemOf(name, headers[name] ?? ''))
  const distinct = new Set(names.map((name) => name.toLowerCase()))
  if (distinct.size < names.length) problems.push('headers: a name is given twice')
  if (names.length > MAX_HEADERS) problems.push(`headers: there may be ${MAX_HEADERS}, not ${names.length}`)
  const length = Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  if (length > MAX_HEADERS_LENGTH)
    problems.push(`headers: may have ${MAX_HEADERS_LENGTH} characters together, not ${length}`)
  if (problems.length > 0) throw new RegistryError('invalid', problems.slice(0, 5).join('; '))
}

function problemOf(name: string, value: string): readonly string[] {
  const shown = JSON.stringify(name.slice(0, 60))
  if (!/^[!#$%&'*+.^_`|~\w-]{1,100}$/.test(name)) return [`headers: ${shown} is not the name of a header`]
  if (RESERVED_HEADERS.test(name)) return [`headers: ${shown} is set by the sender itself`]
  // Blanks at the ends would be lost on the way, and the receiver would compare something else than what was given.
  if (!/^(?! )[\x20-\x7e]*(?<! )$/.test(value)) {
    return [`headers: the value of ${shown} may have printable ASCII only, without blanks at its ends`]
  }
  return []
}
