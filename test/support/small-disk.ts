import { execFileSync } from 'node:child_process'
import { appendFile, mkdtemp, rm, statfs, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A disk of its own that is full when a test says so. */
export type SmallDisk = AsyncDisposable & {
  readonly folder: string
  /** Takes all room but so many bytes. */
  leave(bytes: number): Promise<void>
  /** Gives back what `leave` took. */
  free(): Promise<void>
}

/**
 * A tmpfs of `bytes`; the test is skipped where this machine lets nobody mount one, and fails where GRANARY_TEST_REQUIRE is
 * `all`. `context` is what vitest hands to a test.
 */
export async function smallDisk(
  context: { readonly skip: (note: string) => never },
  bytes: number,
): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'granary-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=700`, 'none', folder], { stdio: 'pipe' })
  } catch (error) {
    await rm(folder, { recursive: true })
    const note = 'a tmpfs cannot be mounted here, which takes root'
    if (process.env.GRANARY_TEST_REQUIRE === 'all')
      throw new Error(`${note}, and GRANARY_TEST_REQUIRE asks for it`, { cause: error })
    return context.skip(note)
  }
  const filler = join(folder, 'filler')
  const free = async () => {
    await appendFile(filler, '')
    await truncate(filler)
  }
  return {
    folder,
    free,
    async leave(room) {
      // Whoever writes there meanwhile takes some of the room that was seen: then it is measured anew.
      for (let tries = 1; ; tries++) {
        await free()
        const { bavail, bsize } = await statfs(folder)
        try {
          return await appendFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - room)))
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC' || tries === 20) throw error
        }
      }
    },
    async [Symbol.asyncDispose]() {
      // Whoever had files open there may be gone for a moment only.
      execFileSync('umount', ['--lazy', folder])
      await rm(folder, { recursive: true, force: true })
    },
  }
}
