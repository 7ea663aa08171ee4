import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { RegistryError } from '../registry/errors.ts'
import { ANONYMOUS, type Caller } from '../registry/model.ts'
import { carry } from './head.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { splitTarget } from './request-target.ts'

/** One request and its answer, as the log and the metrics will tell it. Filled in on the way. */
export type Exchange = {
  readonly id: string
  route: string
  caller: Caller
  cache: { readonly kind: 'index' | 'asset'; readonly status: string } | null
  refused: RegistryError | null
  /** The error if it may be told to the client. Anything else is a bug: it is logged in full here, and null says so. */
  explain(error: unknown): RegistryError | null
}

export function beginExchange(
  request: IncomingMessage,
  response: ServerResponse,
  log: Log,
  metrics: Metrics,
): Exchange {
  const started = process.hrtime.bigint()
  const exchange: Exchange = {
    id: randomUUID(),
    route: 'unknown',
    caller: ANONYMOUS,
    cache: null,
    refused: null,
    explain(error) {
      if (error instanceof RegistryError) {
        exchange.refused = error
        return error
      }
      log.error({ request: exchange.id, route: exchange.route, error }, 'a request failed unexpectedly')
      return null
    },
  }
  carry(response, 'x-request-id', exchange.id)
  response.on('close', () => {
    const seconds = Number(process.hrtime.bigint() - started) / 1e9
    metrics.requests.inc({ route: exchange.route, status: String(response.statusCode) })
    metrics.duration.observe({ route: exchange.route }, seconds)
    if (exchange.cache) metrics.cache.inc(exchange.cache)
    if (exchange.refused) metrics.refused.inc({ code: exchange.refused.code })
    if (log.isLevelEnabled('info')) log.info(line(request, response, exchange, seconds), 'request')
  })
  return exchange
}

/**
 * What clients put into addresses though it is secret: `npm logout` names its token, and a client that takes this for its
 * proxy sends whole addresses, log-in included.
 */
const withoutSecrets = (text: string): string =>
  text
    .replace(/\/\/[^/\s"@]*@/g, '//(hidden)@')
    .replace(/(\/-\/user\/token\/|\/tokens\/token\/)[^/\s"]+/g, '$1(hidden)')
    .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, '(hidden)')

function line(request: IncomingMessage, response: ServerResponse, exchange: Exchange, seconds: number) {
  const { caller, refused, cache } = exchange
  return {
    request: exchange.id,
    method: request.method,
    // Without the query: it may hold a signature.
    path: withoutSecrets(splitTarget(request).rawPath),
    route: exchange.route,
    status: response.statusCode,
    ms: Math.round(seconds * 10_000) / 10,
    principal: caller.kind === 'anonymous' ? 'anonymous' : caller.arn,
    ...(caller.kind === 'anonymous' ? {} : { credential: caller.credential }),
    ...(cache ? { cache: `${cache.kind} ${cache.status}` } : {}),
    ...(refused
      ? {
          decision: refused.code,
          reason: withoutSecrets(refused.message),
          details: refused.cause instanceof Error ? withoutSecrets(refused.cause.message) : undefined,
        }
      : {}),
    ...(response.writableFinished ? {} : { aborted: true }),
  }
}
