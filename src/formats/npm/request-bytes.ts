import type { IncomingHttpHeaders } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { RegistryError } from '../../registry/errors.ts'

/**
 * A request's body, `Content-Encoding` undone, in pieces. Throws `too_large` beyond `limit` bytes, on the wire or inflated,
 * `unsupported_media` for encodings other than gzip, `invalid` where it breaks off.
 */
export async function* requestBytes(
  body: Readable,
  headers: IncomingHttpHeaders,
  limit: number,
): AsyncGenerator<Uint8Array> {
  if (Number(headers['content-length'] ?? 0) > limit) throw tooLarge(limit)
  const inflated = inflate(body, headers['content-encoding']?.trim().toLowerCase() ?? 'identity', limit)
  try {
    yield* limited(inflated, limit)
  } catch (error) {
    if (error instanceof RegistryError) throw error
    throw new RegistryError('invalid', 'The body of the request broke off or is damaged', { cause: error })
  }
}

function inflate(body: Readable, encoding: string, limit: number): AsyncIterable<Uint8Array> {
  // A handler that stops reading still has an answer to send: its request must not be destroyed.
  const received = body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
  if (encoding === 'identity' || encoding === '') return received
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    throw new RegistryError(
      'unsupported_media',
      `Content-Encoding ${encoding.slice(0, 40)} is not read here: send gzip or none`,
    )
  }
  // The callback is pipeline's way not to throw: errors reach the reader of the last stream.
  return pipeline(
    (async function* () {
      yield* limited(received, limit)
    })(),
    createGunzip(),
    () => {},
  )
}

async function* limited(bytes: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const chunk of bytes) {
    size += chunk.byteLength
    if (size > limit) throw tooLarge(limit)
    yield chunk
  }
}

const tooLarge = (limit: number): RegistryError =>
  new RegistryError('too_large', `The body is larger than the ${limit} bytes that are accepted here`)

/** A small body, whole. */
export async function readSmallBody(body: Readable, headers: IncomingHttpHeaders, limit: number): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of requestBytes(body, headers, limit)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
