import type { CachedIndex, Instant } from '../registry/model.ts'

// Pure: what to do about a cached index, and how long an answer holds.

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Headers that make a request conditional. */
export type Conditions = Readonly<Record<string, string>>

export type FetchPlan =
  | { readonly do: 'serve'; readonly index: CachedIndex }
  | { readonly do: 'serve-and-revalidate'; readonly index: CachedIndex; readonly headers: Conditions }
  | { readonly do: 'revalidate'; readonly index: CachedIndex; readonly headers: Conditions }
  /** Unconditionally. */
  | { readonly do: 'fetch' }

export const FRESHNESS = {
  shortest: MINUTE,
  longest: 10 * MINUTE,
  /** Where the upstream does not say. */
  usual: 5 * MINUTE,
  /** A name that the upstream never had. */
  absent: MINUTE,
  /** One that it had before: the 404 may be a mistake (a CDN's, a deployment's), so it is asked about again soon. */
  vanished: 10 * SECOND,
  /** Older copies are not served while they are asked about, only when asking fails. */
  servedWhileRevalidating: 24 * HOUR,
  /** A clock that was set back would keep answers from the future for as long as that. */
  clockSkew: MINUTE,
} as const

export function planFetch(
  cached: CachedIndex | undefined,
  now: Instant,
  {
    force = false,
    whileRevalidating = false,
  }: { force?: boolean | undefined; whileRevalidating?: boolean | undefined } = {},
): FetchPlan {
  if (!cached) return { do: 'fetch' }
  const isFromTheFuture = cached.checkedAt > now + FRESHNESS.clockSkew
  if (!force && now < cached.freshUntil && !isFromTheFuture) return { do: 'serve', index: cached }
  if (cached.state === 'absent') return { do: 'fetch' }
  const headers = conditionsOf(cached)
  const isRecent = now - cached.checkedAt < FRESHNESS.servedWhileRevalidating
  if (!force && whileRevalidating && isRecent) return { do: 'serve-and-revalidate', index: cached, headers }
  return { do: 'revalidate', index: cached, headers }
}

function conditionsOf({ etag, lastModified }: CachedIndex): Conditions {
  return {
    ...(etag !== null && { 'if-none-match': etag }),
    ...(lastModified !== null && { 'if-modified-since': lastModified }),
  }
}

/** When an answer that came just now must be asked about again. The upstream's own word counts within bounds. */
export function freshUntil(
  headers: Readonly<Record<string, string>>,
  now: Instant,
  state: 'present' | 'absent' | 'vanished',
): Instant {
  if (state !== 'present') return now + FRESHNESS[state]
  const control = headers['cache-control'] ?? ''
  if (/(?:^|[\s,])no-(?:cache|store)(?:[\s,;]|$)/i.test(control)) return now + FRESHNESS.shortest
  // RFC 9111: s-maxage is for shared caches, such as this, and Age is what the answer spent in others already.
  const seconds = directive(control, 's-maxage') ?? directive(control, 'max-age')
  if (seconds === null) return now + FRESHNESS.usual
  const age = /^\d{1,9}$/.exec(headers['age'] ?? '') ? Number(headers['age']) : 0
  return now + Math.min(Math.max((seconds - age) * SECOND, FRESHNESS.shortest), FRESHNESS.longest)
}

function directive(control: string, name: string): number | null {
  const [, digits] = new RegExp(`(?:^|[\\s,])${name}\\s*=\\s*"?(\\d{1,15})`, 'i').exec(control) ?? []
  return digits === undefined ? null : Number(digits)
}
