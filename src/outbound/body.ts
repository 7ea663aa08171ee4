import { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { displayUrl, OutboundError } from './outbound-error.ts'
import type { OutboundResponse } from './request.ts'

// Each piece that a decoder gives is an event for this thread: the usual 16 KiB make 1,200 of a large index.
const PIECES = { chunkSize: 128 * 1024 }

const DECODERS = {
  gzip: () => createGunzip(PIECES),
  'x-gzip': () => createGunzip(PIECES),
  deflate: () => createInflate(PIECES),
  br: () => createBrotliDecompress(PIECES),
  zstd: () => createZstdDecompress(PIECES),
} as const

/** What `readBody` can undo: for `Accept-Encoding`. */
export const DECODABLE = 'gzip, br, zstd'

/** The one content encoding of a response; null for none. Throws `protocol` where it is none that can be undone. */
export function encodingOf({ headers, url }: OutboundResponse): keyof typeof DECODERS | null {
  const encoding = (headers['content-encoding'] ?? '').trim().toLowerCase()
  if (encoding === '' || encoding === 'identity') return null
  if (encoding in DECODERS) return encoding as keyof typeof DECODERS
  throw new OutboundError(
    'protocol',
    `${displayUrl(url)} sent content encoding ${JSON.stringify(encoding.slice(0, 40))}, which nobody asked for`,
  )
}

/** The body with its content encoding undone, piece by piece. Errors are `OutboundError`s. */
export async function* decodedBody(response: OutboundResponse): AsyncGenerator<Uint8Array> {
  const encoding = encodingOf(response)
  if (encoding === null) return yield* response.body
  const source = Readable.from(response.body, { objectMode: false })
  const decoder = DECODERS[encoding]()
  source.on('error', (error) => decoder.destroy(error))
  source.pipe(decoder)
  try {
    for await (const chunk of decoder) yield chunk as Uint8Array
  } catch (error) {
    if (error instanceof OutboundError) throw error
    throw new OutboundError('protocol', `${displayUrl(response.url)} sent a body that is not ${encoding}`, error)
  } finally {
    source.destroy()
    decoder.destroy()
  }
}

/** The whole decoded body. `maxBytes` counts decoded bytes, so a small answer that unpacks to a huge one stops there: `too-large`. */
export async function readBody(response: OutboundResponse, limits: { maxBytes: number }): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const chunk of boundedBody(response, limits)) pieces.push(chunk)
  return Buffer.concat(pieces)
}

const PIECE_BYTES = 1024 * 1024

/**
 * The whole body, at most `maxBytes` as it came, in pieces of 1 MiB whose memory is their own, so that it can be handed to
 * another thread: to undo its encoding, or to put 20 MB together, takes many milliseconds in which nobody else is served.
 */
export async function readPieces(
  response: OutboundResponse,
  limits: { maxBytes: number },
): Promise<readonly Uint8Array<ArrayBuffer>[]> {
  const pieces: Uint8Array<ArrayBuffer>[] = []
  let piece = new Uint8Array(0)
  let filled = 0
  for await (const chunk of bounded(response, response.body, limits)) {
    for (let at = 0; at < chunk.length;) {
      if (filled === piece.length) {
        if (filled > 0) pieces.push(piece)
        // Most indexes are small: the first pieces are, too.
        piece = new Uint8Array(Math.min(PIECE_BYTES, Math.max(2 * piece.length, 16 * 1024)))
        filled = 0
      }
      const part = chunk.subarray(at, at + piece.length - filled)
      piece.set(part, filled)
      filled += part.length
      at += part.length
    }
  }
  if (filled > 0) pieces.push(piece.slice(0, filled))
  return pieces
}

const boundedBody = (response: OutboundResponse, limits: { maxBytes: number }): AsyncGenerator<Uint8Array> =>
  bounded(response, decodedBody(response), limits)

async function* bounded(
  response: OutboundResponse,
  body: AsyncIterable<Uint8Array>,
  { maxBytes }: { maxBytes: number },
): AsyncGenerator<Uint8Array> {
  const tooLarge = () => new OutboundError('too-large', `${displayUrl(response.url)} sent more than ${maxBytes} bytes`)
  try {
    const declared = Number(response.headers['content-length'])
    if (encodingOf(response) === null && declared > maxBytes) throw tooLarge()
    let size = 0
    for await (const chunk of body) {
      size += chunk.length
      if (size > maxBytes) throw tooLarge()
      yield chunk
    }
  } finally {
    response.dump()
  }
}
