import { Agent, ProxyAgent, type Dispatcher } from 'undici'
import { parseAllowList, type AllowList } from './addresses.ts'
import { guardedConnector, refuseHost, refuseLiteral, type Resolve } from './connect.ts'
import { asOutboundError, displayUrl, OutboundError } from './outbound-error.ts'
import { usesProxy } from './proxy.ts'
import type { OutboundRequest, OutboundResponse } from './request.ts'
import { isRedirect, redirectTarget, targetOf } from './target.ts'

export type OutboundOptions = {
  /** Hosts, addresses and CIDRs that may be reached besides public ones; true for all. Link-local never is. */
  readonly allowPrivate: readonly string[] | true
  readonly userAgent: string
  /**
   * URL of an HTTP proxy for https targets. It resolves names by itself, so addresses are then its business: only hosts
   * that are written as addresses are still checked here.
   */
  readonly proxy?: string
  /** Hosts that are reached without the proxy: names, suffixes (`.corp.example`) or `*`. */
  readonly noProxy?: readonly string[]
  readonly clock?: { now(): number }
  /** Milliseconds. `connect` 3,000; `headers` 10,000; `idle` between two pieces of a body 15,000. */
  readonly timeouts?: { readonly connect?: number; readonly headers?: number; readonly idle?: number }
  /** For tests of name resolution. */
  readonly resolve?: Resolve
}

/** The only way out of the process. */
export type Outbound = AsyncDisposable & {
  request(request: OutboundRequest): Promise<OutboundResponse>
  /** Whether a request to the URL would be tried at all, as far as can be known now: rejects with `OutboundError` where not. */
  check(url: string): Promise<void>
}

const FOLLOWS_ANYWHERE = new Set([
  'accept',
  'accept-encoding',
  'cache-control',
  'if-none-match',
  'if-range',
  'if-modified-since',
  'range',
])
/** Enough for the installs that package managers run at once; more only queue at the upstream. */
const CONNECTIONS_PER_ORIGIN = 64
// A timer takes no more than 31 bits.
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Opens the way out. Pools are apart for origins that were declared and for all others: a connection that a declared
 * origin was allowed to open is never reused for a URL that an upstream made up.
 */
export function createOutbound(options: OutboundOptions): Outbound {
  const clock = options.clock ?? Date
  const allowed = parseAllowList(options.allowPrivate)
  const anything = parseAllowList(true)
  const guarded = dispatcher(options, allowed)
  const declared = dispatcher(options, anything)
  const proxied = options.proxy === undefined ? null : proxyDispatcher(options, options.proxy)

  const dispatcherFor = (url: URL, request: OutboundRequest): Dispatcher => {
    const isDeclared = request.declaredOrigins?.includes(url.origin) ?? false
    if (proxied && usesProxy(url, options.noProxy ?? [])) {
      refuseLiteral(url.hostname, isDeclared ? anything : allowed)
      return proxied
    }
    return isDeclared ? declared : guarded
  }

  return {
    async request(request) {
      const lifetime = startLifetime(request, clock.now())
      try {
        let url = targetOf(request.url, request)
        for (let hops = 0; ; hops++) {
          const answer = await send(dispatcherFor(url, request), url, request, options.userAgent, lifetime.signal)
          if (!isRedirect(answer.statusCode, request)) return responseOf(answer, url, lifetime)
          discard(answer.body)
          url = redirectTarget(answer.headers['location'], url, request, hops)
        }
      } catch (error) {
        lifetime.end()
        throw error
      }
    },
    async check(raw) {
      const url = targetOf(raw, {})
      if (proxied && usesProxy(url, options.noProxy ?? [])) refuseLiteral(url.hostname, allowed)
      else await refuseHost(url.hostname, allowed, options.resolve)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([guarded, declared, proxied].map((one) => one?.destroy()))
    },
  }
}

const limits = ({ timeouts }: OutboundOptions) => ({
  connectTimeoutMs: timeouts?.connect ?? 3_000,
  headersTimeout: timeouts?.headers ?? 10_000,
  bodyTimeout: timeouts?.idle ?? 15_000,
})

function dispatcher(options: OutboundOptions, allowed: AllowList): Agent {
  const { connectTimeoutMs, ...timeouts } = limits(options)
  const connect = guardedConnector(allowed, { connectTimeoutMs, ...(options.resolve && { resolve: options.resolve }) })
  return new Agent({
    connect,
    connections: CONNECTIONS_PER_ORIGIN,
    allowH2: false,
    maxHeaderSize: 64 * 1024,
    ...timeouts,
  })
}

function proxyDispatcher(options: OutboundOptions, uri: string): ProxyAgent {
  const { connectTimeoutMs, ...timeouts } = limits(options)
  const tls = { timeout: connectTimeoutMs }
  return new ProxyAgent({ uri, proxyTls: tls, connections: CONNECTIONS_PER_ORIGIN, allowH2: false, ...timeouts })
}

async function send(
  through: Dispatcher,
  url: URL,
  request: OutboundRequest,
  userAgent: string,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  try {
    return await through.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: (request.method ?? 'GET') as Dispatcher.HttpMethod,
      headers: headersFor(url, request, userAgent),
      body: request.body ?? null,
      signal,
      ...(request.answerWithinMs !== undefined && { headersTimeout: request.answerWithinMs }),
    })
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw asOutboundError(error, url)
  }
}

/** Secrets travel to the origin that they belong to. Headers that are not known to be harmless stay at the first origin. */
function headersFor(url: URL, request: OutboundRequest, userAgent: string): Record<string, string> {
  const isFirstOrigin = new URL(request.url).origin === url.origin
  const headers: Record<string, string> = { 'user-agent': userAgent }
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    const key = name.toLowerCase()
    if (key !== 'host' && (isFirstOrigin || FOLLOWS_ANYWHERE.has(key))) headers[key] = value
  }
  if (request.credentials?.origin === url.origin) headers['authorization'] = request.credentials.header
  return headers
}

/** Reads on for a little, which keeps the connection usable; cuts it where more would come. */
function discard(body: Dispatcher.ResponseData['body']): void {
  body.dump({ limit: 16 * 1024 }).catch(() => {})
}

type Lifetime = { readonly signal: AbortSignal; end(): void }

/** One signal for deadline and caller together, which leaves no timer behind once the answer was read. */
function startLifetime({ url, deadline, signal }: OutboundRequest, now: number): Lifetime {
  const controller = new AbortController()
  const expire = () =>
    controller.abort(new OutboundError('timeout', `${displayUrl(url)} did not answer in full before the deadline`))
  const timer = setTimeout(expire, Math.min(Math.max(deadline - now, 0), LONGEST_TIMER))
  timer.unref()
  const abort = () => controller.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  return {
    signal: controller.signal,
    end() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    },
  }
}

function responseOf(answer: Dispatcher.ResponseData, url: URL, lifetime: Lifetime): OutboundResponse {
  // A body that nobody reads any more may still fail; that failure has no reader.
  answer.body.on('error', () => {})
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(answer.headers))
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  return {
    status: answer.statusCode,
    headers,
    url: url.href,
    body: pieces(answer, url, lifetime),
    dump() {
      lifetime.end()
      discard(answer.body)
    },
  }
}

async function* pieces(answer: Dispatcher.ResponseData, url: URL, lifetime: Lifetime): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of answer.body) yield chunk as Uint8Array
  } catch (error) {
    if (lifetime.signal.aborted) throw lifetime.signal.reason
    throw asOutboundError(error, url)
  } finally {
    lifetime.end()
  }
}
