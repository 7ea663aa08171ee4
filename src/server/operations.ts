import { Hono } from 'hono'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'

/** Where these lie: to be read, and nothing else. */
export const OPERATORS_PATHS: ReadonlySet<string> = new Set([
  '/-/live',
  '/-/ready',
  '/-/metrics',
  '/.well-known/jwks.json',
])

/** What an operator's tools ask: is it alive, may it get traffic, how is it doing; and the keys that its tokens verify with. */
export function operations(parts: {
  readonly log: Log
  readonly metrics: Metrics
  /** False from the moment the server was told to stop. */
  readonly accepting: () => boolean
  /** Rejects where the store does not answer. */
  readonly ping: () => Promise<void>
  readonly jwks: () => Promise<unknown>
}): Hono {
  const app = new Hono()
  app.onError((error, context) => {
    parts.log.error({ error, path: context.req.path }, 'a request failed unexpectedly')
    return context.json({ error: 'Something went wrong in the server. Its log has the details' }, 500)
  })
  app.get('/-/live', (context) => context.json({ status: 'live' }))
  app.get('/-/ready', async (context) => {
    if (!parts.accepting()) return context.json({ status: 'stopping' }, 503)
    try {
      await parts.ping()
      return context.json({ status: 'ready' })
    } catch {
      return context.json({ status: 'store unavailable' }, 503)
    }
  })
  app.get('/-/metrics', async (context) =>
    context.text(await parts.metrics.registry.metrics(), 200, { 'content-type': parts.metrics.registry.contentType }),
  )
  app.get('/.well-known/jwks.json', async (context) =>
    context.json(await parts.jwks(), 200, { 'cache-control': 'public, max-age=300' }),
  )
  return app
}
