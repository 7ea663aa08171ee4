import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono, type Context } from 'hono'
import { beginExchange } from './exchange.ts'
import type { Log } from './log.ts'
import { serveManagement, type ManagementDoor } from './management-door.ts'
import type { Metrics } from './metrics.ts'
import { operations } from './operations.ts'
import { servePackages, splitPackagePath, type PackageParts } from './packages.ts'
import { splitTarget } from './request-target.ts'
import { bug, sendBytes, sendError } from './respond.ts'

export type AppParts = {
  readonly log: Log
  readonly metrics: Metrics
  readonly accepting: () => boolean
  readonly ping: () => Promise<void>
  readonly jwks: () => Promise<unknown>
  readonly packages: PackageParts
  readonly management: ManagementDoor
}

type Env = { Bindings: HttpBindings }

/**
 * The doors of the server, in the order in which they are tried: what operators' tools ask, package managers' paths, the
 * management API. Package and management paths are matched on the raw request line, never on a path that somebody normalised.
 */
export function createApp(parts: AppParts): Hono<Env> {
  const app = new Hono<Env>()
  const dispatched = async (context: Context<Env>) => {
    const { incoming, outgoing } = context.env as unknown as { incoming: IncomingMessage; outgoing: ServerResponse }
    await dispatch(parts, incoming, outgoing)
    return RESPONSE_ALREADY_SENT
  }
  // A proxy in front that keeps `/-/` to itself must not be passed by `/npm/x/y/../../../-/metrics`.
  app.use('*', (context, next) =>
    context.req.path === splitTarget(context.env.incoming).rawPath ? next() : dispatched(context),
  )
  app.onError((error, context) => {
    parts.log.error({ error, path: context.req.path }, 'a request failed unexpectedly')
    return context.json({ error: 'Something went wrong in the server. Its log has the details' }, 500)
  })
  app.route('/', operations(parts))
  app.all('*', dispatched)
  return app
}

async function dispatch(parts: AppParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const exchange = beginExchange(request, response, parts.log, parts.metrics)
  try {
    const { rawPath } = splitTarget(request)
    const format = parts.packages.formats.get(splitPackagePath(rawPath)?.format ?? '')
    if (format) return await servePackages(parts.packages, format, request, response, exchange)
    if (await serveManagement(parts.management, request, response, exchange)) return
    exchange.route = 'none'
    sendBytes(
      request,
      response,
      404,
      { 'content-type': 'application/json' },
      JSON.stringify({ error: 'There is nothing at this address' }),
    )
  } catch (error) {
    exchange.explain(error)
    sendError(request, response, bug(exchange.id))
  }
}
