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
  #folders: Promise<void> | undefined

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
   * Makes the two-digit folders, durably: all of them when the first blob lands, so that one fsync does for all. Once per process, also
   * where they are there: the process that made them may not have come to its fsync.
   */
  async ensureFolders(): Promise<void> {
    const made = (this.#folders ??= this.#makeFolders())
    try {
      await made
    } catch (error) {
      if (this.#folders === made) this.#folders = undefined
      throw error
    }
  }

  async #makeFolders(): Promise<void> {
    const names = Array.from({ length: 256 }, (_, digits) => digits.toString(16).padStart(2, '0'))
    await Promise.all(names.map((name) => this.#makeFolder(join(this.sha256, name))))
    await syncFolder(this.#fs, this.sha256)
  }

  async #makeFolder(folder: string): Promise<void> {
    await this.#fs.mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error
    })
  }
}
