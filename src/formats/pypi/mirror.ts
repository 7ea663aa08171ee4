import type { IncomingHttpHeaders } from 'node:http'

/**
 * bandersnatch, which copies an index. It takes files only whose address has `/packages` for its path's beginning, as on the public index; one
 * without a host it asks of the repository that it mirrors, with the log-in that stands there. So it is told paths, `/packages/…/FILE`, in the
 * JSON API, and lays its mirror out as one of the public index. It compares the serials of the list of projects with those of that API.
 */
export const isMirror = ({ 'user-agent': agent = '' }: IncomingHttpHeaders): boolean => /^bandersnatch\b/i.test(agent)
