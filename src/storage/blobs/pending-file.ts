import { futimesSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hex } from '../../registry/model.ts'
import type { BeginBlob, Landed, PendingBlob } from '../../registry/blob-store.ts'
import { asRegistryError } from './disk-errors.ts'
import { type Hashing, startHashing } from './hashing.ts'
import type { FileSystem, Layout } from './layout.ts'
import { ownedName } from './owned-files.ts'

/** Writes are gathered up to this size: a system call per network read (16 KiB and less) costs more than the copy. */
const BATCH_BYTES = 256 * 1024
const FIRST_BATCH_BYTES = 16 * 1024

export async function beginFile(
  fs: FileSystem,
  layout: Layout,
  now: () => number,
  { digests, isReplaceable }: Required<Pick<BeginBlob, 'digests' | 'isReplaceable'>>,
): Promise<PendingBlob> {
  const path = join(layout.tmp, `${ownedName()}.pending`)
  try {
    const hashing = await startHashing(digests)
    // Read too: whoever joins a download reads the file while it grows.
    const handle = await fs.open(path, 'wx+', 0o600)
    return new PendingFile(fs, layout, now, { path, handle, hashing, isReplaceable })
  } catch (error) {
    throw asRegistryError(error)
  }
}

/** What counts was fsynced, and nobody waits for the rest. */
const closeBehind = (handle: FileHandle): void => void handle.close().catch(() => {})

function copied(bytes: Uint8Array, into: Uint8Array, position: number): number {
  const part = bytes.subarray(position, position + into.length)
  into.set(part)
  return part.length
}

type Begun = {
  readonly path: string
  readonly handle: FileHandle
  readonly hashing: Hashing
  readonly isReplaceable: boolean
}

class PendingFile implements PendingBlob {
  readonly #fs: FileSystem
  readonly #layout: Layout
  readonly #now: () => number
  readonly #path: string
  readonly #handle: FileHandle
  readonly #hashing: Hashing
  readonly #isReplaceable: boolean
  /** Bytes in the file; behind them come the first `#gathered` ones of `#batch`. */
  #written = 0
  #batch: Buffer<ArrayBuffer> = Buffer.alloc(0)
  #gathered = 0
  #writing = false
  /** All of the bytes, where they were gathered in one batch: whoever looks into a small archive need not read it back. */
  #whole: Uint8Array | undefined
  /** What went wrong. INVARIANT: after it nothing of this blob is trusted, and no write or fsync of it is tried again. */
  #failure: { readonly error: unknown } | undefined
  #finished: Promise<Landed> | undefined
  #committed: Promise<Landed> | undefined
  #isVisible = false
  /** Its first name, in tmp/, is there beside the one that counts. */
  #hasTwoNames = false
  #disposed: Promise<void> | undefined

  constructor(fs: FileSystem, layout: Layout, now: () => number, { path, handle, hashing, isReplaceable }: Begun) {
    this.#fs = fs
    this.#isReplaceable = isReplaceable
    this.#layout = layout
    this.#now = now
    this.#path = path
    this.#handle = handle
    this.#hashing = hashing
  }

  get size(): number {
    return this.#written + this.#gathered
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#writing || this.#finished || this.#disposed) {
      throw new Error('A pending blob takes one write at a time, and none after its end')
    }
    this.#writing = true
    try {
      await this.#orFail(() => this.#take(chunk))
    } finally {
      this.#writing = false
    }
  }

  finish(): Promise<Landed> {
    if (this.#writing) return Promise.reject(new Error('A pending blob cannot end while a write is under way'))
    return (this.#finished ??= this.#orFail(async () => {
      const isWhole = this.#written === 0
      const gathered = this.#batch.subarray(0, this.#gathered)
      await this.#flush()
      if (isWhole) this.#whole = gathered
      this.#batch = Buffer.alloc(0)
      return { size: this.#written, digests: this.#hashing.digests() }
    }))
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    if (position >= this.size) return 0
    if (this.#whole) return copied(this.#whole, into, position)
    if (position >= this.#written) {
      return copied(this.#batch.subarray(0, this.#gathered), into, position - this.#written)
    }
    const { bytesRead } = await this.#handle.read(into, 0, Math.min(into.length, this.#written - position), position)
    return bytesRead
  }

  commit(): Promise<Landed> {
    return (this.#committed ??= this.#land())
  }

  /**
   * INVARIANT: a name under sha256/ always stands for whole, durable bytes, and a commit that resolved for a durable name:
   * fsync of the file, then the rename, then fsync of its folder, in this order. But for what is replaceable: that name is
   * lost in a power cut, or its bytes are.
   */
  async #land(): Promise<Landed> {
    if (this.#disposed) throw new Error('A pending blob that was disposed of cannot be committed')
    const landed = await this.finish()
    const { sha256 } = landed.digests
    return this.#orFail(async () => {
      // The last write may be long ago; synchronous, for it touches memory only and comes with the fsync.
      futimesSync(this.#handle.fd, this.#now() / 1000, this.#now() / 1000)
      if (this.#isReplaceable && (await this.#landUnsynced(sha256))) return landed
      const folder = await this.#syncWhileOpening(sha256)
      try {
        // Over the same bytes too, if they are there: their collection may be under way, and the fresh mtime stops it (trash.ts).
        await this.#fs.rename(this.#path, this.#layout.fileOf(sha256))
        this.#isVisible = true
        // Where this fails, the name stays, and may be lost in a power cut: the caller is told, so nothing will refer to it.
        // It must not be unlinked, for it may have replaced bytes that somebody refers to.
        await folder.sync()
      } finally {
        closeBehind(folder)
      }
      return landed
    })
  }

  /** False where that name is taken, maybe by bytes that nobody can replace: they must not give way to these as they are. */
  async #landUnsynced(sha256: Hex): Promise<boolean> {
    await this.#layout.ensureFolders()
    try {
      await this.#fs.link(this.#path, this.#layout.fileOf(sha256))
    } catch {
      return false // Not all file systems have links, either.
    }
    this.#isVisible = true
    this.#hasTwoNames = true
    return true
  }

  /** The folder that the file will be in, opened while the disk is busy with the file. */
  async #syncWhileOpening(sha256: Hex): Promise<FileHandle> {
    const opening = this.#layout.ensureFolders().then(() => this.#fs.open(this.#layout.folderOf(sha256), 'r'))
    const [opened, synced] = await Promise.allSettled([opening, this.#handle.sync()])
    if (opened.status === 'rejected') throw opened.reason
    if (synced.status === 'fulfilled') return opened.value
    closeBehind(opened.value)
    throw synced.reason
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposed ??= this.#dispose())
  }

  async #dispose(): Promise<void> {
    await this.#committed?.catch(() => {}) // its caller is told
    if (this.#hasTwoNames) this.#fs.unlink(this.#path).catch(() => {}) // the next start sweeps tmp/
    if (this.#isVisible) return closeBehind(this.#handle)
    // Failing to remove it costs room until the next start, which sweeps tmp/; the caller could do nothing about it.
    await this.#fs.unlink(this.#path).catch(() => {})
    await this.#handle.close().catch(() => {})
  }

  async #orFail<T>(step: () => Promise<T>): Promise<T> {
    if (this.#failure) throw this.#failure.error
    try {
      return await step()
    } catch (error) {
      this.#failure = { error: asRegistryError(error) }
      throw this.#failure.error
    }
  }

  async #take(chunk: Uint8Array): Promise<void> {
    if (this.#gathered + chunk.length > BATCH_BYTES) await this.#flush()
    if (chunk.length >= BATCH_BYTES) {
      const writing = this.#append(chunk)
      this.#hashing.update(chunk) // while the thread pool writes
      await writing
      return
    }
    this.#hashing.update(chunk)
    if (this.#gathered + chunk.length > this.#batch.length) this.#growBatch(this.#gathered + chunk.length)
    this.#batch.set(chunk, this.#gathered)
    this.#gathered += chunk.length
  }

  #growBatch(least: number): void {
    let length = Math.max(FIRST_BATCH_BYTES, this.#batch.length)
    while (length < least) length *= 2
    const grown = Buffer.allocUnsafeSlow(length)
    this.#batch.copy(grown, 0, 0, this.#gathered)
    this.#batch = grown
  }

  /** Readers find the gathered bytes in the batch until they are in the file: the two counts change in one turn. */
  async #flush(): Promise<void> {
    if (this.#gathered === 0) return
    await this.#append(this.#batch.subarray(0, this.#gathered), () => (this.#gathered = 0))
  }

  async #append(bytes: Uint8Array, then?: () => void): Promise<void> {
    let done = 0
    while (done < bytes.length) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, this.#written + done)
      if (bytesWritten === 0) throw new Error('The disk took no bytes and gave no reason')
      done += bytesWritten
    }
    this.#written += bytes.length
    then?.()
  }
}
