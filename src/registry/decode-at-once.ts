import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'

const DECODERS = {
  gzip: gunzipSync,
  'x-gzip': gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
} as const

/** Of what an upstream sent (RFC 9110, section 8.4.1); null for none. */
export type ContentCoding = keyof typeof DECODERS | null

/** The bytes with their coding undone, for worker threads. undefined where that would be more than `most`; throws where they are not what they are said to be. */
export function decodeAtOnce(
  pieces: readonly Uint8Array[],
  coding: ContentCoding,
  most: number,
): Uint8Array | undefined {
  const bytes = pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)
  if (coding === null) return bytes.byteLength > most ? undefined : bytes
  try {
    return DECODERS[coding](bytes, { maxOutputLength: most, chunkSize: chunkFor(decodedSize([bytes], coding)) })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined
    throw new Error(`it is not ${coding}`, { cause: error })
  }
}

/** As few pieces as that may take: put together they are copied. */
const chunkFor = (size: number): number => Math.min(Math.max(size + 1, 16 * 1024), 1024 * 1024)

/** As far as it tells by itself, and no more than a guess: what was packed may lie about it. */
export function decodedSize(pieces: readonly Uint8Array[], coding: ContentCoding): number {
  const size = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
  const last = pieces.at(-1)
  if (coding === null) return size
  if (coding !== 'gzip' || !last || last.byteLength < 4) return size * USUAL_RATIO
  // RFC 1952: the size of the input modulo 2^32 ends it.
  return Math.max(
    size,
    new DataView(last.buffer, last.byteOffset, last.byteLength).getUint32(last.byteLength - 4, true),
  )
}

/** Documents of npm and pages of Python are packed to a tenth of their size, more or less. */
const USUAL_RATIO = 10
