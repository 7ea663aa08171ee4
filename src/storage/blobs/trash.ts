import { join } from 'node:path'
import type { FileHandle } from 'node:fs/promises'
import type { Hex } from '../../registry/model.ts'
import { systemCode, unlessMissing } from './disk-errors.ts'
import { type FileSystem, type Layout, syncFolder } from './layout.ts'
import { isLeftBehind, ownedName } from './owned-files.ts'

export type Removal = 'removed' | 'kept' | 'missing'
export type RemoveOptions = { readonly evenIfFresh?: boolean }

// How a blob's file goes, without ever taking bytes away that somebody is about to refer to.
//
// INVARIANT: whoever refers to a blob anew either lands its bytes first, which always renames a file with a fresh mtime over
// the name (or makes the name, where there is none) and only then commits the reference; or commits a reference to a blob that the ledger knows as used. Either
// commit clears the ledger's mark of condemnation. A removal takes these steps:
//
//   1. a file with a fresh mtime is left alone          somebody landed it and may not have committed yet
//   2. rename it into trash/, under a name of its own    from here on a landing makes another file, which no step touches
//   3. look at its mtime again                           fresh: the landing came between 1 and 2 -> put it back
//   4. is there a file with the blob's name again?       a landing came after 2 -> the ledger is not asked to forget
//   5. confirm(): the ledger forgets the blob            false: the commit came before, and needs the bytes -> put it back
//   6. unlink the file in trash/
//
// - A landing before 2 is caught by 3, one between 2 and 4 by 4; one after 4 has its own file, which stays, and its commit
//   makes the ledger's row anew if 5 deleted it.
// - A commit before 5 is seen by 5, in the ledger's own transaction.
// - Two removals of one blob at once, also by two processes: the rename lets one have the file. Names in trash/ are never
//   shared, so neither can unlink what the other is putting back.
// - Putting back is link(2), which fails where a newer file has come; that one has the same bytes, and its mtime counts.
//   The folder is fsynced before the file in trash/ goes: in a power cut at least one name survives.
// - With `evenIfFresh`, which is for damaged files, 1 and 3 are left out and confirm() reads the bytes: those of a landing
//   are sound, and stay.
// - A process killed between 2 and 6 leaves its file in trash/. The next start puts it back: at worst it is an orphan,
//   which collection sweeps. A process that goes on meanwhile reads it there (`openInTrash`).
export class Trash {
  readonly #fs: FileSystem
  readonly #layout: Layout
  readonly #now: () => number
  readonly #freshMs: number

  constructor(fs: FileSystem, layout: Layout, now: () => number, freshMs: number) {
    this.#fs = fs
    this.#layout = layout
    this.#now = now
    this.#freshMs = freshMs
  }

  async remove(sha256: Hex, confirm: () => Promise<boolean>, { evenIfFresh = false }: RemoveOptions): Promise<Removal> {
    const isSafe = (found: { mtimeMs: number }) => !evenIfFresh && this.#isFresh(found.mtimeMs)
    const file = this.#layout.fileOf(sha256)
    const found = await unlessMissing(this.#fs.stat(file))
    if (!found) return 'missing'
    if (isSafe(found)) return 'kept'
    const trashed = join(this.#layout.trash, `${sha256}.${ownedName()}`)
    if (!(await unlessMissing(this.#fs.rename(file, trashed).then(() => true)))) return 'missing'
    let isForgotten = false
    try {
      const isWanted = isSafe(await this.#fs.stat(trashed)) || (await unlessMissing(this.#fs.stat(file))) !== undefined
      isForgotten = !isWanted && (await confirm())
    } finally {
      if (!isForgotten) await this.#putBack(sha256, trashed)
    }
    if (!isForgotten) return 'kept'
    await this.#fs.unlink(trashed)
    return 'removed'
  }

  /** Puts back what a killed process left here. Before the first read of the store. */
  async recover(): Promise<void> {
    for (const name of await this.#fs.readdir(this.#layout.trash)) {
      const [sha256, owner] = name.split('.')
      if (!sha256 || !owner || !/^[0-9a-f]{64}$/.test(sha256)) continue
      const trashed = join(this.#layout.trash, name)
      const found = await unlessMissing(this.#fs.stat(trashed))
      if (found && isLeftBehind(owner, found.ctimeMs, this.#now())) await this.#putBack(sha256, trashed)
    }
  }

  /** The blob, if it is between steps 2 and 6 of some process: it is still one that a ledger may refer to. */
  async openInTrash(sha256: Hex): Promise<FileHandle | undefined> {
    for (const name of await this.#fs.readdir(this.#layout.trash)) {
      if (!name.startsWith(sha256)) continue
      const handle = await unlessMissing(this.#fs.open(join(this.#layout.trash, name), 'r'))
      if (handle) return handle
    }
    return undefined
  }

  #isFresh(mtimeMs: number): boolean {
    return this.#now() - mtimeMs < this.#freshMs
  }

  async #putBack(sha256: Hex, trashed: string): Promise<void> {
    await this.#layout.ensureFolders()
    const file = this.#layout.fileOf(sha256)
    try {
      await this.#fs.link(trashed, file)
    } catch (error) {
      const code = systemCode(error)
      if (code === 'ENOENT') return // another process's start has put it back
      if (code !== 'EEXIST') await this.#putBackWithoutLinks(trashed, file, error)
    }
    await syncFolder(this.#fs, this.#layout.folderOf(sha256))
    await unlessMissing(this.#fs.unlink(trashed))
  }

  /** For filesystems without hard links (FAT, some network shares): may replace a newer file, by the same bytes and as fresh. */
  async #putBackWithoutLinks(trashed: string, file: string, error: unknown): Promise<void> {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(systemCode(error) ?? '')) throw error
    if (await unlessMissing(this.#fs.stat(file))) return
    await this.#fs.utimes(trashed, this.#now() / 1000, this.#now() / 1000)
    await this.#fs.rename(trashed, file)
  }
}
