/** How many bytes a zstd frame unpacks to, by its header (RFC 8878, section 3.1.1.1); Infinity where it does not say. */
export function unpackedSize(frame: Uint8Array): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  if (view.byteLength < 18) return Infinity
  const descriptor = view.getUint8(4)
  const isSingleSegment = (descriptor & 0x20) !== 0
  const dictionaryId = [0, 1, 2, 4][descriptor & 0x03] ?? 0
  const at = 5 + (isSingleSegment ? 0 : 1) + dictionaryId
  switch (descriptor >>> 6) {
    case 0:
      return isSingleSegment ? view.getUint8(at) : Infinity
    case 1:
      return view.getUint16(at, true) + 256
    case 2:
      return view.getUint32(at, true)
    default:
      return Number(view.getBigUint64(at, true))
  }
}

/**
 * Options to unpack a frame of ours into one buffer of its own size: the usual ones are a fraction of a large document each, and many times a small one, all
 * of which stays as long as anybody refers to a part.
 */
export function inOnePiece(frame: Uint8Array): { readonly chunkSize: number } {
  const size = unpackedSize(frame)
  // A byte more: without any left, zlib makes a second buffer to see whether something comes.
  return { chunkSize: size === Infinity ? USUAL_PIECE : Math.min(Math.max(size + 1, LEAST_PIECE), LARGEST_PIECE) }
}

const LEAST_PIECE = 64 // zlib's own limit
const USUAL_PIECE = 64 * 1024
const LARGEST_PIECE = 8 * 1024 * 1024
