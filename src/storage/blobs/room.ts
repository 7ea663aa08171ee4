import { statfs } from 'node:fs/promises'
import { RegistryError } from '../../registry/errors.ts'

/**
 * For so long what the disk said last is believed, less what was begun since: an install begins hundreds of small files in a second. These fail before
 * anybody has a byte of them.
 */
const BELIEVED_MS = 500
const SMALL_BYTES = 64 * 1024

/** The room that is left on the disk of a folder. */
export class Room {
  readonly #folder: string
  #left = 0
  #askedAt = -Infinity

  constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * Throws `disk_full` where so many bytes do not fit now. Whoever is served a file while it arrives has its
   * head by the time that a write fails, and can then only be cut off; here the reason can still be said. Others write as
   * well, so passing this promises nothing.
   */
  async require(bytes: number): Promise<void> {
    const isKnown = bytes <= this.#left && performance.now() - this.#askedAt < BELIEVED_MS
    if (!isKnown || bytes > SMALL_BYTES) await this.#ask()
    if (this.#left < bytes) throw new RegistryError('disk_full', 'The registry has no room left on its disk')
    this.#left -= bytes
  }

  async #ask(): Promise<void> {
    const { blocks, bavail, bsize } = await statfs(this.#folder)
    this.#askedAt = performance.now()
    // Some network file systems do not know how large they are.
    this.#left = blocks > 0 ? bavail * bsize : Infinity
  }
}
