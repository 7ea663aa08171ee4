import type { Hex } from '../registry/model.ts'
import type { Landed, PendingBlob, ReadableBlob } from '../registry/blob-store.ts'

/** At least the last byte is withheld until the digest matched; so much of it that small files fail before their first byte. */
const HOLD_BACK = 64 * 1024

/** Waiting readers are woken for so many new bytes, or after so long: two hundred of them at every packet cost more than the bytes. */
const WAKE_BYTES = 128 * 1024
const WAKE_AFTER_MS = 10

type OpenLanded = (sha256: Hex) => Promise<ReadableBlob | undefined>
/** Waits for a read, or throws when it has waited long enough. */
type Patience = <T>(read: Promise<T>) => Promise<T>
type Source = { readonly pending: PendingBlob; readers: number; isOver: boolean }

/**
 * A file that arrives, with any number of readers at any position. They see bytes as these come, but for the last ones:
 * nobody gets a whole file that was not verified and kept.
 */
export class GrowingBlob {
  readonly #openLanded: OpenLanded
  #source: Source | null = null
  #size: number | null = null
  #visible = 0
  #end: { readonly landed: Landed } | { readonly error: Error } | null = null
  #changed = Promise.withResolvers<void>()
  /** How much was visible when readers were last woken. */
  #announced = 0
  #wakeTimer: NodeJS.Timeout | null = null
  /** Some reader has been given bytes, so what arrives must go on from there. */
  #isSeen = false
  /** How many may still read. */
  #readers = 0

  constructor(openLanded: OpenLanded) {
    this.#openLanded = openLanded
  }

  /** Bytes in all; null while nobody said. */
  get size(): number | null {
    return this.#end && 'landed' in this.#end ? this.#end.landed.size : this.#size
  }

  /** How many bytes readers see. */
  get visible(): number {
    return this.#visible
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
    const isFirst = this.#announced === 0
    const isLast = this.#size !== null && visible === this.#size - HOLD_BACK
    if (isFirst || isLast || visible - this.#announced >= WAKE_BYTES) this.#wake()
    else this.#wakeTimer ??= setTimeout(() => this.#wake(), WAKE_AFTER_MS)
  }

  /** Gives up what arrived, so that it can arrive anew; false where somebody has seen some of it. */
  restart(): boolean {
    if (this.#isSeen) return false
    this.#visible = 0
    void this.#leaveSource()
    return true
  }

  /** All bytes are there, verified and in the store. Who reads already goes on where they were written: most files are small, and in memory there. */
  async land(landed: Landed): Promise<void> {
    this.#end = { landed }
    this.#wake()
    if (this.#readers === 0) await this.#leaveSource()
  }

  /** They never will be. Every reader is told, also those that still had bytes to read. */
  async fail(error: Error): Promise<void> {
    this.#end = { error }
    this.#wake()
    await this.#leaveSource()
  }

  /** `patience` is asked while the reader waits for its first bytes: until it has some, it can still be told why there are none. */
  open(patience: Patience): ReadableBlob {
    this.#readers += 1
    return new Reader(this, this.#openLanded, patience)
  }

  /** Of one that `open` gave. */
  async readerLeft(): Promise<void> {
    this.#readers -= 1
    if (this.#readers === 0 && this.#end) await this.#leaveSource()
  }

  /** Waits until there is a byte at `position` and reads from there, or tells that all bytes have landed and are read from the store. */
  async readArriving(into: Uint8Array, position: number): Promise<number | Landed> {
    for (;;) {
      if (this.#end && 'error' in this.#end) throw this.#end.error
      if (this.#end) return this.#source ? this.#readFrom(this.#source, into, position) : this.#end.landed
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
    if (this.#wakeTimer) clearTimeout(this.#wakeTimer)
    this.#wakeTimer = null
    this.#announced = this.#visible
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
  }
}

class Reader implements ReadableBlob {
  readonly #growing: GrowingBlob
  readonly #openLanded: OpenLanded
  #patience: Patience | null
  #final: Promise<ReadableBlob | undefined> | null = null
  #hasLeft = false

  constructor(growing: GrowingBlob, openLanded: OpenLanded, patience: Patience) {
    this.#growing = growing
    this.#openLanded = openLanded
    this.#patience = patience
  }

  get size(): number | null {
    return this.#growing.size
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    const landed = this.#final ? null : await this.#readArriving(into, position)
    if (typeof landed === 'number') return landed
    if (landed) this.#final ??= this.#openLanded(landed.digests.sha256)
    const blob = await this.#final
    if (!blob) throw new Error('A blob is gone right after it landed')
    return blob.read(into, position)
  }

  async #readArriving(into: Uint8Array, position: number): Promise<number | Landed> {
    const read = this.#growing.readArriving(into, position)
    const arrived = await (this.#patience?.(read) ?? read)
    this.#patience = null
    return arrived
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasLeft) return
    this.#hasLeft = true
    await this.#growing.readerLeft()
    const blob = await this.#final?.catch(() => undefined)
    await blob?.[Symbol.asyncDispose]()
  }
}
