import { RegistryError } from '../../registry/errors.ts'

export const DEFAULT_PAGE = 100

/** `nextToken` is where the page ended, in a form that invites nobody to make one up. */
export const encodePageToken = (position: string): string => Buffer.from(position).toString('base64url')

export function decodePageToken(token: string): string {
  const position = Buffer.from(token, 'base64url').toString()
  if (position && encodePageToken(position) === token) return position
  throw new RegistryError('invalid', 'The token for the next page was not made here')
}

/** One page of a list that is at hand, in the order of its keys. */
export function pageByKey<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  { maxResults = DEFAULT_PAGE, nextToken }: { maxResults?: number | undefined; nextToken?: string | undefined },
): { readonly page: readonly T[]; readonly nextToken?: string } {
  const after = nextToken === undefined ? null : decodePageToken(nextToken)
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
  const rest = items
    .map((item) => [keyOf(item), item] as const)
    .filter(([key]) => after === null || key > after)
    .toSorted(([a], [b]) => compare(a, b))
  const page = rest.slice(0, maxResults)
  const last = page.at(-1)
  return {
    page: page.map(([, item]) => item),
    ...(rest.length > page.length && last && { nextToken: encodePageToken(last[0]) }),
  }
}
