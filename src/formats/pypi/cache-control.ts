import type { IncomingHttpHeaders } from 'node:http'

/** pip before 26.2 sends `max-age=0` with every request, so that says nothing. */
export const wantsFresh = (headers: IncomingHttpHeaders): boolean =>
  /(^|[\s,])no-cache($|[\s,])/i.test(headers['cache-control'] ?? '')
