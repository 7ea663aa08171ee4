import type promises from 'node:fs/promises'
import { join } from 'node:path'
import type { Hex } from '../../registry/model.ts'
import { RegistryError } from '../../registry/errors.ts'
import { systemCode } from './disk-errors.ts'

/** The system calls of the filesystem driver; tests put one in that records or fails. */
export type FileSystem = Pick<
  typeof promises,
  'open' | 'mkdir' | 'rename' | 'link' | 'unlink' | 'stat' | 'readdir' | 'utimes'
>

/** Makes the names in a folder survive a power cut: those of new, renamed and removed files are the folder's content. */
export async function syncFolder(fs: FileSystem, folder: string): Promise<void> {
  const handle = await fs.open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 *   <root>/sha256/ab/cdef…    blobs: the digest's first two digits are the folder, the other 62 the name
 *   <root>/trash/             blobs that are being removed (trash.ts)
 *   <tmp>/*.pending           blobs that are being written
 */
export class Layout {
  readonly sha256: string
  readonly trash: string
  readonly tmp: string
  readonly #fs: FileSystem
  readonly #folders = new Map<string, Promise<void>>()

  constructor(fs: FileSystem, root: string, tmp: string) {
    this.#fs = fs
    this.sha256 = join(root, 'sha256')
    this.trash = join(root, 'trash')
    this.tmp = tmp
  }

  folderOf(sha256: Hex): string {
    // A digest may come out of a URL, and becomes a path here.
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new RegistryError('invalid', 'A blob is named by 64 hexadecimal digits')
    return join(this.sha256, sha256.slice(0, 2))
  }

  fileOf(sha256: Hex): string {
    return join(this.folderOf(sha256), sha256.slice(2))
  }

  /**
   * Makes the two-digit folder, durably. Once per folder and process, also where the folder is there: the process that made
   * it may not have come to its fsync.
   */
  async ensureFolder(sha256: Hex): Promise<void> {
    const folder = this.folderOf(sha256)
    const made = this.#folders.get(folder) ?? this.#makeFolder(folder)
    this.#folders.set(folder, made)
    try {
      await made
    } catch (error) {
      if (this.#folders.get(folder) === made) this.#folders.delete(folder)
      throw error
    }
  }

  async #makeFolder(folder: string): Promise<void> {
    await this.#fs.mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error
    })
    await syncFolder(this.#fs, this.sha256)
  }
}
