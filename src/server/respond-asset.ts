import type { IncomingMessage, ServerResponse } from 'node:http'
import { RegistryError } from '../registry/errors.ts'
import type { ReadableBlob } from '../registry/blob-store.ts'
import type { OpenedAsset } from '../registry/read.ts'
import { writeHead } from './head.ts'
import { parseRange } from './range.ts'
import { matchesEtag } from './validators.ts'
import { written } from './written.ts'

/** Measured: larger chunks are slower, smaller ones cost more calls. */
const CHUNK = 256 * 1024

/** A client that takes nothing for this long is gone. */
const STALLED_AFTER_MS = 120_000

/**
 * What is said of a file that is not here: its index declares it, and nobody has verified it. Clients that read parts of it keep what
 * they found as long as this says (uv), so not for ever; and a part, which bears the ETag of the verified whole, is not kept at all.
 */
const SEEN_FROM_AFAR = 'private, max-age=600'

/** Writes one file: whole, a range of it, or its headers. Files are immutable, so a matching validator ends it. */
export async function sendAsset(
  request: IncomingMessage,
  response: ServerResponse,
  asset: OpenedAsset,
  own: Readonly<Record<string, string>>,
): Promise<void> {
  await using whole = asset.body
  const headers: Record<string, string | number> = {
    ...own,
    'accept-ranges': 'bytes',
    'content-security-policy': "default-src 'none'; sandbox",
    'content-disposition': `attachment; filename="${asset.file.replace(/[^\w.+@-]/g, '_')}"`,
  }
  if (asset.etag !== null) headers['etag'] = asset.etag
  if (asset.part) headers['cache-control'] = SEEN_FROM_AFAR
  if (asset.etag !== null && matchesEtag(request.headers['if-none-match'], asset.etag)) {
    writeHead(response, 304, headers)
    response.end()
    return
  }
  const size = asset.size ?? whole.size
  const range = rangeOf(request, asset, size)
  if (range) {
    headers['content-range'] = `bytes ${range.start}-${range.end}/${size}`
    headers['content-length'] = range.end - range.start + 1
  } else if (size !== null) {
    headers['content-length'] = size
  }
  const [from, until] = range ? [range.start, range.end + 1] : [0, size ?? Infinity]
  if (request.method === 'HEAD') {
    writeHead(response, 200, headers)
    response.end()
    return
  }
  if (whole.bytes) {
    writeHead(response, range ? 206 : 200, headers)
    response.end(from === 0 && until >= whole.bytes.length ? whole.bytes : whole.bytes.subarray(from, until))
    return
  }
  const part = (range && (await asset.part?.(range))) ?? null
  if (part) headers['cache-control'] = 'no-store'
  // Of a file that still arrives, only the end is withheld until it was verified: a part without it waits for that.
  else if (range && size !== null && until < size && asset.cache !== 'hit') await whole.read(Buffer.alloc(1), size - 1)
  const body = part ?? whole
  const buffer = borrowBuffer(until - from)
  try {
    // The first bytes are read before the headers go out: what fails before them still gets a proper error.
    const read = from < until ? await body.read(buffer.subarray(0, Math.min(CHUNK, until - from)), from) : 0
    writeHead(response, range ? 206 : 200, headers)
    await pump(response, asset.file, body, { buffer, read, from, until })
  } finally {
    giveBack(buffer)
  }
}

/** Below this a buffer of its own costs less than it saves. */
const SMALL = 16 * 1024
const MOST_IDLE = 32
const idle: Buffer[] = []

/** Buffers are used again: a new one for each answer leaves tens of megabytes that wait for the garbage collector. */
function borrowBuffer(bytes: number): Buffer {
  return bytes <= SMALL ? Buffer.allocUnsafe(bytes) : (idle.pop() ?? Buffer.allocUnsafeSlow(CHUNK))
}

/** INVARIANT: what was written from it has left, or its socket is closed. */
function giveBack(buffer: Buffer): void {
  if (buffer.length === CHUNK && idle.length < MOST_IDLE) idle.push(buffer)
}

function rangeOf(request: IncomingMessage, asset: OpenedAsset, size: number | null) {
  const header = request.headers.range
  // RFC 9110, section 14.2: it means something to GET alone.
  if (header === undefined || size === null || request.method !== 'GET') return null
  const condition = request.headers['if-range']
  if (condition !== undefined && condition !== asset.etag) return null
  const range = parseRange(header, size)
  if (range === 'unsatisfiable') {
    throw new RegistryError(
      'range',
      `The file has ${size} bytes; ${JSON.stringify(header.slice(0, 60))} lies outside of them`,
      { size },
    )
  }
  return range
}

async function pump(
  response: ServerResponse,
  file: string,
  body: ReadableBlob,
  begun: { readonly buffer: Buffer; readonly read: number; readonly from: number; readonly until: number },
): Promise<void> {
  const { buffer, from, until } = begun
  let { read } = begun
  let position = from
  response.setTimeout(STALLED_AFTER_MS, () => response.destroy())
  while (read > 0) {
    position += read
    // The buffer is filled anew only when its bytes have left.
    if (!(await written(response, buffer.subarray(0, read)))) return
    if (position >= until) break
    read = await body.read(buffer.subarray(0, Math.min(CHUNK, until - position)), position)
  }
  if (until !== Infinity && position < until) throw new Error(`${file} ended after ${position} of ${until} bytes`)
  response.end()
}
