import { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { displayUrl, OutboundError } from './outbound-error.ts'
import type { OutboundResponse } from './request.ts'

const DECODERS = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
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
export async function readBody(response: OutboundResponse, { maxBytes }: { maxBytes: number }): Promise<Buffer> {
  const tooLarge = () => new OutboundError('too-large', `${displayUrl(response.url)} sent more than ${maxBytes} bytes`)
  try {
    const declared = Number(response.headers['content-length'])
    if (encodingOf(response) === null && declared > maxBytes) throw tooLarge()
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of decodedBody(response)) {
      size += chunk.length
      if (size > maxBytes) throw tooLarge()
      chunks.push(chunk)
    }
    return Buffer.concat(chunks, size)
  } finally {
    response.dump()
  }
}
