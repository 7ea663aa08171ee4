import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { allowCrossOrigin } from './cross-origin.ts'
import { beginExchange } from './exchange.ts'
import type { Log } from './log.ts'
import { serveManagement, type ManagementDoor } from './management-door.ts'
import type { Metrics } from './metrics.ts'
import { operations, OPERATORS_PATHS } from './operations.ts'
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
  /** Origins whose pages may read packages in a browser. */
  readonly crossOrigins: ReadonlySet<string>
  readonly management: ManagementDoor
}

/**
 * The doors of the server, in the order in which they are tried: what operators' tools ask, package managers' paths, the
 * management API. All of them are matched on the raw request line, never on a path that somebody normalised: a proxy in front
 * that keeps `/-/` to itself must not be passed by `/npm/x/y/../../../-/metrics`.
 */
export function createApp(parts: AppParts): RequestListener {
  const serveOperators = getRequestListener(operations(parts).fetch, { overrideGlobalObjects: false })
  return (request, response) => {
    // Only these go through hono: measured, it takes 3 to 7 of the 43 µs that a package manager's warm request would take with it.
    if (isForOperators(request)) return void serveOperators(request, response)
    dispatch(parts, request, response).catch((error: unknown) => {
      parts.log.error({ error }, 'a request could not even be refused')
      response.destroy()
    })
  }
}

const isForOperators = (request: IncomingMessage): boolean =>
  OPERATORS_PATHS.has(splitTarget(request).rawPath) && (request.method === 'GET' || request.method === 'HEAD')

async function dispatch(parts: AppParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const exchange = beginExchange(request, response, parts.log, parts.metrics)
  try {
    const { rawPath } = splitTarget(request)
    const format = parts.packages.formats.get(splitPackagePath(rawPath)?.format ?? '')
    if (format) {
      if (allowCrossOrigin(parts.crossOrigins, request, response))
        return void (exchange.route = `${format.id} preflight`)
      return await servePackages(parts.packages, format, request, response, exchange)
    }
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
