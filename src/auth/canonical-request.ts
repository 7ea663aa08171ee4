import { createHash } from 'node:crypto'
import type { Hex } from '../registry/model.ts'

// How AWS Signature Version 4 writes a request before it is signed:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
//
// Node gives paths, queries and header values as Latin-1 text, one character per byte received, and so does this module:
// what is hashed are the bytes that came.

/** Header names and values in the order received, repeated ones included. */
export type RawHeaders = readonly (readonly [name: string, value: string])[]

export type CanonicalParts = {
  readonly method: string
  /** As received: not decoded, without the query. */
  readonly rawPath: string
  /** As received: not decoded, without the question mark. */
  readonly rawQuery: string
  readonly headers: RawHeaders
  /** Lower-case, in the order that the client declares. */
  readonly signedHeaders: readonly string[]
  readonly payloadSha256: Hex
}

export function canonicalRequest(parts: CanonicalParts): string {
  return [
    parts.method,
    canonicalPath(parts.rawPath),
    canonicalQuery(parts.rawQuery),
    ...parts.signedHeaders.map((name) => `${name}:${canonicalHeader(parts.headers, name)}`),
    '',
    parts.signedHeaders.join(';'),
    parts.payloadSha256,
  ].join('\n')
}

/** SHA-256 of text as this module holds it. */
export const sha256OfLatin1 = (text: string): Hex => createHash('sha256').update(text, 'latin1').digest('hex')

export const headerValues = (headers: RawHeaders, name: string): readonly string[] =>
  headers.flatMap(([key, value]) => (key.toLowerCase() === name ? [value] : []))

const canonicalHeader = (headers: RawHeaders, name: string): string =>
  headerValues(headers, name)
    .map((value) => value.trim().replace(/\s+/g, ' '))
    .join(',')

/** For every service but S3: dot segments and repeated slashes go, and what is encoded already is encoded once more. */
export function canonicalPath(rawPath: string): string {
  const kept: string[] = []
  for (const segment of rawPath.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(encode(segment))
  }
  return `/${kept.join('/')}${kept.length > 0 && rawPath.endsWith('/') ? '/' : ''}`
}

/** Sorted by name, then by value, both encoded in the one way that RFC 3986 leaves. A plus sign is a space, as the server reads it. */
export function canonicalQuery(rawQuery: string): string {
  return rawQuery
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=')
      const [name, value] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
      return { name: encode(decode(name)), value: encode(decode(value)) }
    })
    .toSorted((a, b) => compare(a.name, b.name) || compare(a.value, b.value))
    .map(({ name, value }) => `${name}=${value}`)
    .join('&')
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const decode = (text: string): string =>
  text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))

const encode = (text: string): string =>
  text.replace(
    /[^A-Za-z0-9_.~-]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
