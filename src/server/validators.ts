/** RFC 9110 weak comparison of a list of validators with one. */
export function matchesEtag(list: string | undefined, etag: string): boolean {
  if (list === undefined) return false
  if (list === etag || list.trim() === '*') return true
  return list.split(',').some((item) => item.trim().replace(/^W\//, '') === etag)
}
