/**
 * `Retry-After` (RFC 9110 10.2.3), seconds or a date, as milliseconds from `now` (milliseconds since 1970) on; null where it is
 * neither, or in the past. How far it is heeded is the caller's to decide.
 */
export function parseRetryAfter(header: string | undefined, now: number): number | null {
  const text = header?.trim() ?? ''
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1_000
  const date = /^[A-Z][a-z]{2}, .+ GMT$/.test(text) ? Date.parse(text) : Number.NaN
  return date > now ? date - now : null
}
