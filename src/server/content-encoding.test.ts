import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { encode, encodeAside, negotiateEncoding } from './content-encoding.ts'

describe('which content encoding a client gets', () => {
  it.each([
    [undefined, 'identity'],
    ['gzip', 'gzip'],
    ['gzip, deflate', 'gzip'],
    ['deflate, GZIP;q=0.5', 'gzip'],
    ['x-gzip', 'gzip'],
    ['gzip;q=0', 'identity'],
    ['gzip; q=0.0, deflate', 'identity'],
    ['br', 'br'],
    ['zstd', 'zstd'],
    ['gzip, deflate, zstd', 'zstd'],
    ['gzip, deflate, br', 'gzip'],
    ['gzip, deflate, br, zstd', 'zstd'],
    ['br;q=1.0, gzip;q=0.8, *;q=0.1', 'br'],
    ['zstd;q=0.4, gzip;q=0.8', 'gzip'],
    ['zstd;q=0, gzip', 'gzip'],
    ['identity;q=1, gzip;q=0.5', 'identity'],
    ['identity, gzip', 'gzip'],
    ['gzip;q=nonsense', 'identity'],
    ['gzip;q=2, br;q=0.1', 'br'],
    ['*', 'gzip'],
    ['*;q=0', 'identity'],
    ['zstd;q=0.5, *', 'gzip'],
    ['identity', 'identity'],
    ['deflate', 'identity'],
    [',;,=', 'identity'],
    ['', 'identity'],
  ] as const)('%s -> %s', (accept, expected) => expect(negotiateEncoding(accept)).toBe(expected))
})

describe('what is sent', () => {
  const body = Buffer.from(JSON.stringify(Array.from({ length: 2_000 }, (_, at) => `left-pad-${at}.tgz`)))
  it.each([
    ['identity', (bytes: Uint8Array) => Buffer.from(bytes)],
    ['gzip', gunzipSync],
    ['zstd', zstdDecompressSync],
    ['br', brotliDecompressSync],
  ] as const)('in %s, is the document, wherever it was encoded', async (encoding, decode) => {
    expect(decode(encode(body, encoding)).equals(body)).toBe(true)
    expect(decode(await encodeAside(body, encoding)).equals(body)).toBe(true)
    if (encoding !== 'identity') expect(encode(body, encoding).length).toBeLessThan(body.length / 4)
  })
})
