/** npm's abbreviated package document. Answers carry exactly this type: pnpm condenses the document anew under any other. */
export const ABBREVIATED = 'application/vnd.npm.install-v1+json'

/** Which of the two package documents an `Accept` header asks for. Whoever does not ask for the abbreviated one gets the full one. */
export function formOf(accept: string | undefined): 'abbreviated' | 'full' {
  const qualities = parseAccept(accept ?? '')
  const abbreviated = qualities.get(ABBREVIATED) ?? 0
  const full = qualities.get('application/json') ?? qualities.get('application/*') ?? qualities.get('*/*') ?? 0
  return abbreviated > 0 && abbreviated >= full ? 'abbreviated' : 'full'
}

/** RFC 9110, 12.5.1: media ranges by their quality, 1 where none is given. A range that cannot be read asks for nothing. */
function parseAccept(accept: string): ReadonlyMap<string, number> {
  const qualities = new Map<string, number>()
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    const quality = parameters.find((parameter) => parameter.startsWith('q='))
    const value = quality === undefined ? 1 : Number(quality.slice(2))
    if (type !== '') qualities.set(type, value >= 0 && value <= 1 ? value : 0)
  }
  return qualities
}

/** The client wants no copy that may be stale. */
export function wantsFresh(cacheControl: string | undefined): boolean {
  return /(?:^|[,\s])(?:no-cache|max-age=0)(?:[,\s]|$)/i.test(cacheControl ?? '')
}
