/** Shorter texts are no secrets, and would be found everywhere. */
const SHORTEST = 4
const REPLACEMENT = '***'

/** Takes out of what a receiver said the things that it may only know from us. */
export type Scrub = {
  (text: string): string
  /** Characters of the longest secret: a text that was cut off may end with all but one of them. */
  readonly longest: number
}

/** `secrets`: header values and URL parts as they are sent. Receivers echo them as they are, inside JSON, or decoded. */
export function scrubber(secrets: readonly string[]): Scrub {
  const spellings = new Set(secrets.flatMap(spellingsOf).filter((text) => text.length >= SHORTEST))
  // The longest first: one may stand inside another.
  const all = [...spellings].toSorted((a, b) => b.length - a.length)
  const scrub = (text: string): string => all.reduce((rest, secret) => rest.replaceAll(secret, REPLACEMENT), text)
  return Object.assign(scrub, { longest: all[0]?.length ?? 0 })
}

function spellingsOf(secret: string): readonly string[] {
  // `Bearer abc`: the second word is what is secret.
  const words = secret.split(/[\s,;=]+/).filter((word) => word.length >= 8)
  return [secret, ...words, ...passwordOf(secret)].flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
    decoded(text),
  ])
}

/** RFC 7617: `Basic` and base64 of `user:password`. */
function passwordOf(header: string): readonly string[] {
  const encoded = /^basic\s+(\S+)$/i.exec(header)?.[1]
  if (encoded === undefined) return []
  const pair = Buffer.from(encoded, 'base64').toString()
  return [pair, pair.slice(pair.indexOf(':') + 1)]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
