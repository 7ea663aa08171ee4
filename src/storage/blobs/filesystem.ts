import { fstatSync } from 'node:fs'
import promises, { type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Hex } from '../../registry/model.ts'
import type { BeginBlob, BlobStore, PendingBlob, ReadableBlob } from '../../registry/blob-store.ts'
import { asRegistryError, unlessMissing } from './disk-errors.ts'
import { type FileSystem, Layout, syncFolder } from './layout.ts'
import { isLeftBehind } from './owned-files.ts'
import { beginFile } from './pending-file.ts'
import { Room } from './room.ts'
import { type Removal, type RemoveOptions, Trash } from './trash.ts'

export type FilesystemOptions = {
  /** Where blobs lie while they are written; on the filesystem of `root`. */
  readonly tmp: string
  /**
   * How long after landing a blob is safe from removal, in milliseconds; an hour if left out. More than what may pass
   * between a landing and the commit that refers to it. 0 only where nobody else writes.
   */
  readonly freshMs?: number
  /** Milliseconds since 1970, on the clock that stamps files. */
  readonly now?: () => number
  readonly fs?: FileSystem
}

/** Blobs as files under `root`, which several processes of one machine may share. Makes the folders where they are missing. */
export async function openFilesystemBlobs(root: string, options: FilesystemOptions): Promise<BlobStore> {
  const { tmp, freshMs = 3_600_000, now = Date.now, fs = promises } = options
  const layout = new Layout(fs, root, tmp)
  for (const folder of [layout.sha256, layout.trash, tmp]) await fs.mkdir(folder, { recursive: true, mode: 0o700 })
  for (const folder of [root, dirname(root)]) await syncFolder(fs, folder)
  if ((await fs.stat(root)).dev !== (await fs.stat(tmp)).dev) {
    // A rename across filesystems is a copy, and a copy can be seen half done.
    throw new Error(`${tmp} has to be on the same filesystem as ${root}`)
  }
  const trash = new Trash(fs, layout, now, freshMs)
  await removeLeftovers(fs, tmp, now())
  await trash.recover()
  return new FilesystemBlobs(fs, layout, trash, now)
}

async function removeLeftovers(fs: FileSystem, tmp: string, now: number): Promise<void> {
  for (const name of await fs.readdir(tmp)) {
    if (!name.endsWith('.pending')) continue
    const path = join(tmp, name)
    const found = await unlessMissing(fs.stat(path))
    if (found && isLeftBehind(name.slice(0, -'.pending'.length), found.ctimeMs, now))
      await unlessMissing(fs.unlink(path))
  }
}

/** All 256 are there, and in a small store most of them are empty. */
const FOLDERS_AT_ONCE = 16

class FilesystemBlobs implements BlobStore {
  readonly #fs: FileSystem
  readonly #layout: Layout
  readonly #trash: Trash
  readonly #now: () => number
  readonly #room: Room

  constructor(fs: FileSystem, layout: Layout, trash: Trash, now: () => number) {
    this.#fs = fs
    this.#room = new Room(layout.tmp)
    this.#layout = layout
    this.#trash = trash
    this.#now = now
  }

  async begin({ digests = [], size, isReplaceable = false }: BeginBlob = {}): Promise<PendingBlob> {
    if (size !== undefined) await this.#room.require(size)
    return beginFile(this.#fs, this.#layout, this.#now, { digests, isReplaceable })
  }

  async open(sha256: Hex, expected?: { readonly size: number }): Promise<BlobFile | undefined> {
    const handle = await this.#openHandle(sha256)
    if (!handle) return undefined
    // The synchronous fstat of an open file reads memory and saves a trip to the thread pool: 26 instead of 30 µs per open.
    const { size } = fstatSync(handle.fd)
    if (expected === undefined || expected.size === size) return new BlobFile(handle, size)
    await handle.close()
    return undefined
  }

  async stat(sha256: Hex): Promise<{ readonly size: number } | undefined> {
    const found = await unlessMissing(this.#fs.stat(this.#layout.fileOf(sha256)))
    if (found) return { size: found.size }
    await using blob = await this.open(sha256)
    return blob && { size: blob.size }
  }

  async remove(sha256: Hex, confirm: () => Promise<boolean>, options: RemoveOptions = {}): Promise<Removal> {
    try {
      return await this.#trash.remove(sha256, confirm, options)
    } catch (error) {
      throw asRegistryError(error)
    }
  }

  async *list(): AsyncGenerator<{ readonly sha256: Hex; readonly size: number }> {
    const folders = (await this.#fs.readdir(this.#layout.sha256))
      .filter((name) => /^[0-9a-f]{2}$/.test(name))
      .toSorted()
    for (let at = 0; at < folders.length; at += FOLDERS_AT_ONCE) {
      const some = folders.slice(at, at + FOLDERS_AT_ONCE)
      for (const sha256 of (await Promise.all(some.map((folder) => this.#namesIn(folder)))).flat()) {
        const found = await unlessMissing(this.#fs.stat(this.#layout.fileOf(sha256)))
        if (found) yield { sha256, size: found.size }
      }
    }
  }

  async #namesIn(folder: string): Promise<readonly Hex[]> {
    const names = await this.#fs.readdir(join(this.#layout.sha256, folder))
    return names.flatMap((name) => (/^[0-9a-f]{62}$/.test(name) ? [folder + name] : [])).toSorted()
  }

  async #openHandle(sha256: Hex): Promise<FileHandle | undefined> {
    const file = this.#layout.fileOf(sha256)
    try {
      return (
        (await unlessMissing(this.#fs.open(file, 'r'))) ??
        (await this.#trash.openInTrash(sha256)) ??
        // It may have been put back after the first look.
        (await unlessMissing(this.#fs.open(file, 'r')))
      )
    } catch (error) {
      throw asRegistryError(error)
    }
  }
}

class BlobFile implements ReadableBlob {
  readonly size: number
  readonly #handle: FileHandle
  #closed: Promise<void> | undefined

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.size = size
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    if (position >= this.size || into.length === 0) return 0
    const { bytesRead } = await this.#handle.read(into, 0, Math.min(into.length, this.size - position), position)
    if (bytesRead === 0) throw new Error(`A blob's file was cut short: ${position} of ${this.size} bytes are left`)
    return bytesRead
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closed ??= this.#handle.close())
  }
}
