import type { OutboundRequest } from './request.ts'
import { displayUrl, OutboundError } from './outbound-error.ts'

const REDIRECTS = new Set([301, 302, 303, 307, 308])

const redirectLimit = ({ maxRedirects = 5 }: Pick<OutboundRequest, 'maxRedirects'>): number =>
  Math.min(maxRedirects, 10)

/** Parses and judges one target; each hop comes through here. */
export function targetOf(raw: string, { allowedOrigins }: Pick<OutboundRequest, 'allowedOrigins'>): URL {
  if (!URL.canParse(raw)) throw new OutboundError('protocol', 'the address to fetch from is not a URL')
  const url = new URL(raw)
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new OutboundError('protocol', `${url.protocol} addresses are not fetched`)
  if (url.username !== '' || url.password !== '')
    throw new OutboundError('protocol', `${displayUrl(url)} carries a user name in its address, which is refused`)
  if (allowedOrigins && !allowedOrigins.includes(url.origin))
    throw new OutboundError('refused-address', `${url.origin} is not among the origins that may be asked`)
  url.hash = ''
  return url
}

/** Whether an answer is to be followed. A challenge (401) is an answer like any other: nobody follows its realm. */
export function isRedirect(status: number, request: Pick<OutboundRequest, 'method' | 'maxRedirects'>): boolean {
  const isSafe = ['GET', 'HEAD'].includes(request.method ?? 'GET')
  return REDIRECTS.has(status) && isSafe && redirectLimit(request) > 0
}

/** Where a redirect leads, if it may. `hops`: how many were followed before. */
export function redirectTarget(
  location: string | string[] | undefined,
  from: URL,
  request: Pick<OutboundRequest, 'url' | 'maxRedirects' | 'allowedOrigins'>,
  hops: number,
): URL {
  if (hops >= redirectLimit(request))
    throw new OutboundError(
      'redirect',
      `${displayUrl(request.url)} redirects more than ${redirectLimit(request)} times`,
    )
  if (typeof location !== 'string' || !URL.canParse(location, from.href))
    throw new OutboundError('redirect', `${displayUrl(from)} redirects to what is not a URL`)
  const to = targetOf(new URL(location, from.href).href, request)
  if (from.protocol === 'https:' && to.protocol === 'http:')
    throw new OutboundError('redirect', `${displayUrl(from)} redirects from https to http, which is refused`)
  return to
}
