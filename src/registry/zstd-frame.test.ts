import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { inOnePiece, unpackedSize } from './zstd-frame.ts'

describe('unpackedSize', () => {
  it.each([40, 255, 256, 300, 65_791, 65_792, 2_000_000, 5_000_000])('%d bytes', (size) => {
    const bytes = Buffer.from(Array.from({ length: size }, (_, at) => (at * 7919) % 251))
    expect(unpackedSize(zstdCompressSync(bytes))).toBe(size)
  })

  it('of what says nothing', () => {
    expect(unpackedSize(Buffer.alloc(4))).toBe(Infinity)
    expect(unpackedSize(Buffer.alloc(40))).toBe(Infinity)
  })
})

describe('a frame that is unpacked in one piece', () => {
  it.each([0, 1, 63, 64, 300, 65_792, 9_000_000])(
    'gives all of %d bytes, and keeps no more memory than these',
    (size) => {
      const bytes = Buffer.alloc(size, 'granary')
      const frame = zstdCompressSync(bytes)
      const unpacked = zstdDecompressSync(frame, inOnePiece(frame))
      expect(unpacked.equals(bytes)).toBe(true)
      // Small ones share a pool.
      expect(unpacked.buffer.byteLength).toBeLessThanOrEqual(Math.max(size + 1, 64 * 1024))
    },
  )
})
