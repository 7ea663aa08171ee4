import type { Hex } from '../registry/model.ts'
import type { Landed, PendingBlob, ReadableBlob } from '../registry/ports.ts'

/** At least the last byte is withheld until the digest matched; so much of it that small files fail before their first byte. */
const HOLD_BACK = 64 * 1024

type OpenLanded = (sha256: Hex) => Promise<ReadableBlob | undefined>
type Source = { readonly pending: PendingBlob; readers: number; isOver: boolean }

/**
 * A file that arrives, with any number of readers at any position. They see bytes as these come, but for the last ones:
 * nobody gets a whole file that was not verified and durable.
 */
export class GrowingBlob {
  readonly #openLanded: OpenLanded
  #source: Source | null = null
  #size: number | null = null
  #visible = 0
  #end: { readonly landed: Landed } | { readonly error: Error } | null = null
  #changed = Promise.withResolvers<void>()
  /** Some reader has been given bytes, so what arrives must go on from there. */
  #isSeen = false

  constructor(openLanded: OpenLanded) {
    this.#openLanded = openLanded
  }

  /** Bytes in all; null while nobody said. */
  get size(): number | null {
    return this.#end && 'landed' in this.#end ? this.#end.landed.size : this.#size
  }

  /** Bytes come into `pending` from now on, from the beginning. It is disposed of when they end. */
  start(pending: PendingBlob, size: number | null): void {
    this.#source = { pending, readers: 0, isOver: false }
    this.#size = size
    this.#visible = 0
  }

  /** Bytes were written to the pending blob. */
  advance(): void {
    if (!this.#source) return
    const received = this.#source.pending.size
    const visible = this.#size === null ? received - HOLD_BACK : Math.min(received, this.#size - HOLD_BACK)
    if (visible <= this.#visible) return
    this.#visible = visible
    this.#wake()
  }

  /** Gives up what arrived, so that it can arrive anew; false where somebody has seen some of it. */
  restart(): boolean {
    if (this.#isSeen) return false
    this.#visible = 0
    void this.#leaveSource()
    return true
  }

  /** All bytes are there, verified and durable. */
  async land(landed: Landed): Promise<void> {
    this.#end = { landed }
    this.#wake()
    await this.#leaveSource()
  }

  /** They never will be. Every reader is told, also those that still had bytes to read. */
  async fail(error: Error): Promise<void> {
    this.#end = { error }
    this.#wake()
    await this.#leaveSource()
  }

  open(): ReadableBlob {
    return new Reader(this, this.#openLanded)
  }

  /** Waits until there is a byte at `position` and reads from there, or tells that all bytes have landed. */
  async readArriving(into: Uint8Array, position: number): Promise<number | Landed> {
    for (;;) {
      if (this.#end && 'error' in this.#end) throw this.#end.error
      if (this.#end) return this.#end.landed
      if (this.#source && position < this.#visible)
        return this.#readFrom(this.#source, into.subarray(0, this.#visible - position), position)
      await this.#changed.promise
    }
  }

  async #readFrom(source: Source, into: Uint8Array, position: number): Promise<number> {
    source.readers += 1
    this.#isSeen = true
    try {
      return await source.pending.read(into, position)
    } finally {
      source.readers -= 1
      if (source.isOver && source.readers === 0) await source.pending[Symbol.asyncDispose]()
    }
  }

  async #leaveSource(): Promise<void> {
    const source = this.#source
    this.#source = null
    if (!source) return
    source.isOver = true
    if (source.readers === 0) await source.pending[Symbol.asyncDispose]()
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
  }
}

class Reader implements ReadableBlob {
  readonly #growing: GrowingBlob
  readonly #openLanded: OpenLanded
  #final: Promise<ReadableBlob | undefined> | null = null

  constructor(growing: GrowingBlob, openLanded: OpenLanded) {
    this.#growing = growing
    this.#openLanded = openLanded
  }

  get size(): number | null {
    return this.#growing.size
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    const landed = this.#final ? null : await this.#growing.readArriving(into, position)
    if (typeof landed === 'number') return landed
    if (landed) this.#final ??= this.#openLanded(landed.digests.sha256)
    const blob = await this.#final
    if (!blob) throw new Error('A blob is gone right after it landed')
    return blob.read(into, position)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const blob = await this.#final?.catch(() => undefined)
    await blob?.[Symbol.asyncDispose]()
  }
}
