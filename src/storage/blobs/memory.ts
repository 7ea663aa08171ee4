import type { Hex } from '../../registry/model.ts'
import type { BlobStore, Landed, PendingBlob, ReadableBlob } from '../../registry/blob-store.ts'
import { type Hashing, startHashing } from './hashing.ts'

type Stored = { readonly bytes: Uint8Array; readonly landedAt: number }

export type MemoryOptions = {
  /** As for files: how long after landing a blob is safe from removal, in milliseconds; an hour if left out. */
  readonly freshMs?: number
  readonly now?: () => number
}

/** Blobs that live as long as the process: for tests, and for trying things out. */
export function memoryBlobs(options: MemoryOptions = {}): BlobStore {
  const { freshMs = 3_600_000, now = Date.now } = options
  const stored = new Map<Hex, Stored>()
  return {
    begin: async ({ digests = [] } = {}) =>
      new PendingBytes(await startHashing(digests), (sha256, bytes) => stored.set(sha256, { bytes, landedAt: now() })),
    async open(sha256, expected) {
      const blob = stored.get(sha256)
      if (!blob || (expected && expected.size !== blob.bytes.length)) return undefined
      return readableBytes(blob.bytes)
    },
    async stat(sha256) {
      const blob = stored.get(sha256)
      return blob && { size: blob.bytes.length }
    },
    async remove(sha256, confirm, { evenIfFresh = false } = {}) {
      const found = stored.get(sha256)
      if (!found) return 'missing'
      const isFresh = now() - found.landedAt < freshMs
      if ((isFresh && !evenIfFresh) || !(await confirm())) return 'kept'
      // What landed during the confirmation is another object, and stays.
      if (stored.get(sha256) === found) stored.delete(sha256)
      return 'removed'
    },
    async *list() {
      for (const sha256 of [...stored.keys()].toSorted()) {
        const blob = stored.get(sha256)
        if (blob) yield { sha256, size: blob.bytes.length }
      }
    },
  }
}

function copyFrom(bytes: Uint8Array, into: Uint8Array, position: number): number {
  const part = bytes.subarray(position, position + into.length)
  into.set(part)
  return part.length
}

function readableBytes(bytes: Uint8Array): ReadableBlob & { readonly size: number } {
  return {
    size: bytes.length,
    read: async (into, position) => copyFrom(bytes, into, position),
    [Symbol.asyncDispose]: async () => {},
  }
}

class PendingBytes implements PendingBlob {
  readonly #hashing: Hashing
  readonly #land: (sha256: Hex, bytes: Uint8Array) => void
  #bytes: Buffer<ArrayBuffer> = Buffer.alloc(0)
  #size = 0
  #landed: Landed | undefined
  #isOver = false

  constructor(hashing: Hashing, land: (sha256: Hex, bytes: Uint8Array) => void) {
    this.#hashing = hashing
    this.#land = land
  }

  get size(): number {
    return this.#size
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#landed || this.#isOver) throw new Error('A pending blob takes no write after its end')
    const size = this.#size + chunk.length
    if (size > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(size, 2 * this.#bytes.length))
      this.#bytes.copy(grown, 0, 0, this.#size)
      this.#bytes = grown
    }
    this.#bytes.set(chunk, this.#size)
    this.#hashing.update(chunk)
    this.#size = size
  }

  async finish(): Promise<Landed> {
    return (this.#landed ??= { size: this.#size, digests: this.#hashing.digests() })
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    return copyFrom(this.#bytes.subarray(0, this.#size), into, position)
  }

  async commit(): Promise<Landed> {
    if (this.#isOver) throw new Error('A pending blob that was disposed of cannot be committed')
    const landed = await this.finish()
    this.#land(landed.digests.sha256, this.#bytes.subarray(0, this.#size))
    return landed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
  }
}
