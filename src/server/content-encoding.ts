import { promisify } from 'node:util'
import {
  brotliCompress,
  brotliCompressSync,
  constants,
  gzip,
  gzipSync,
  zstdCompress,
  zstdCompressSync,
  type BrotliOptions,
  type ZlibOptions,
  type ZstdOptions,
} from 'node:zlib'
import type { ContentEncoding } from '../formats/format.ts'

// Who asks for what: npm, pip and Deno take gzip; uv and Bun zstd as well; Yarn, Bun and browsers Brotli.
//
// Levels, as measured on rendered documents (size beside gzip's, milliseconds of one core):
//
//                             gzip 6           zstd 1         zstd 3         zstd 9         br 4           br 5
//   express, abbreviated      45 KB   2 ms     0.95  0.3 ms   0.96  0.3 ms   0.88  1.4 ms   0.91   1 ms    0.88   2 ms
//   react, abbreviated       397 KB  15 ms     0.95  2 ms     0.94  3 ms     0.92  10 ms    0.94  10 ms    0.91  13 ms
//   @types/node, abbreviated 278 KB   9 ms     0.97  1 ms     1.00  2 ms     0.96  7 ms     0.97   7 ms    0.96  10 ms
//   @types/node, full        472 KB  24 ms     0.85  4 ms     0.88  7 ms     0.83  21 ms    0.84  17 ms    0.80  31 ms
//   numpy, JSON page         422 KB  17 ms     0.94  2 ms     1.05  4 ms     0.98  14 ms    0.93  13 ms    0.98  20 ms
//
// zstd 1 is smaller than gzip everywhere at a sixth of its time, and than higher levels where a document is mostly digests; Brotli 4
// is, too, at three quarters of it. What higher levels take off elsewhere is a few percent, for the time of a whole rendering.
const LEVELS = { gzip: 6, zstd: 1, br: 4 } as const

const GZIP: ZlibOptions = { level: LEVELS.gzip }
const ZSTD: ZstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: LEVELS.zstd } }
const brotli = (size: number): BrotliOptions => ({
  params: { [constants.BROTLI_PARAM_QUALITY]: LEVELS.br, [constants.BROTLI_PARAM_SIZE_HINT]: size },
})

/** All of the bytes at once: for worker threads. */
export function encode(body: Uint8Array, encoding: ContentEncoding): Uint8Array {
  switch (encoding) {
    case 'identity':
      return body
    case 'gzip':
      return gzipSync(body, GZIP)
    case 'zstd':
      return zstdCompressSync(body, ZSTD)
    case 'br':
      return brotliCompressSync(body, brotli(body.byteLength))
  }
}

/** The same on the threads that Node has for it: for what is made anew with each request. */
export async function encodeAside(body: Uint8Array, encoding: ContentEncoding): Promise<Uint8Array> {
  switch (encoding) {
    case 'identity':
      return body
    case 'gzip':
      return promisify<Uint8Array, ZlibOptions, Buffer>(gzip)(body, GZIP)
    case 'zstd':
      return promisify<Uint8Array, ZstdOptions, Buffer>(zstdCompress)(body, ZSTD)
    case 'br':
      return promisify<Uint8Array, BrotliOptions, Buffer>(brotliCompress)(body, brotli(body.byteLength))
  }
}

/**
 * Of equally welcome ones the first is sent. zstd costs the least. Brotli takes off a few percent more than gzip, which is here in most
 * cases, for one more rendering and one more kept copy: so it is for who wants it more, or takes nothing else.
 */
const PREFERRED = ['zstd', 'gzip', 'br'] as const satisfies readonly ContentEncoding[]

/** The encoding that a client wants most, by RFC 9110's weights; `gzip` for who takes anything, `identity` for who asks for none. */
export function negotiateEncoding(acceptEncoding: string | undefined): ContentEncoding {
  if (acceptEncoding === undefined) return 'identity'
  const weights = new Map(acceptEncoding.toLowerCase().split(',').map(parseItem))
  const weightOf = (encoding: string) => weights.get(encoding) ?? 0
  const gzipped = weights.get('gzip') ?? weights.get('x-gzip') ?? weightOf('*')
  const welcome = { zstd: weightOf('zstd'), br: weightOf('br'), gzip: gzipped }
  // What is not mentioned is acceptable still, but nobody's wish.
  let best: { encoding: ContentEncoding; weight: number } = { encoding: 'identity', weight: weightOf('identity') }
  for (const encoding of PREFERRED.toReversed())
    if (welcome[encoding] > 0 && welcome[encoding] >= best.weight) best = { encoding, weight: welcome[encoding] }
  return best.encoding
}

function parseItem(item: string): readonly [coding: string, weight: number] {
  const [coding = '', ...parameters] = item.split(';').map((part) => part.replace(/\s+/g, ''))
  const given = parameters.find((parameter) => parameter.startsWith('q='))
  const weight = given === undefined ? 1 : Number(given.slice(2))
  return [coding, weight >= 0 && weight <= 1 ? weight : 0]
}
