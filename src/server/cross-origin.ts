import type { IncomingMessage, ServerResponse } from 'node:http'
import { carry, writeHead } from './head.ts'

// Pages in a browser that read packages: Pyodide's micropip, JupyterLite. One that may not read an index here asks the public one
// instead, without a word. They bring their token by themselves: nothing here looks at cookies.

const READS = new Set(['GET', 'HEAD'])
/** What installers send, and what they look at, beyond what every page may. */
const SENT = 'Authorization, Accept, Cache-Control, If-None-Match, Range'
const LOOKED_AT = 'ETag, Accept-Ranges, Content-Range, X-PyPI-Last-Serial'
const PREFLIGHT_HOLDS_SECONDS = '600'

/**
 * Lets pages of these origins read the answer. True where the request was only the browser's question whether they may (the
 * preflight), which has its answer now; where they may not, it gets the one that any other request of its kind gets.
 */
export function allowCrossOrigin(
  origins: ReadonlySet<string>,
  { method = 'GET', headers }: IncomingMessage,
  response: ServerResponse,
): boolean {
  if (origins.size === 0) return false
  carry(response, 'vary', 'Origin')
  const { origin } = headers
  const wanted = method === 'OPTIONS' ? headers['access-control-request-method'] : method
  if (origin === undefined || !origins.has(origin) || wanted === undefined || !READS.has(wanted)) return false
  carry(response, 'access-control-allow-origin', origin)
  carry(response, 'access-control-expose-headers', LOOKED_AT)
  if (method !== 'OPTIONS') return false
  writeHead(response, 204, {
    'access-control-allow-methods': [...READS].join(', '),
    'access-control-allow-headers': SENT,
    'access-control-max-age': PREFLIGHT_HOLDS_SECONDS,
  })
  response.end()
  return true
}
