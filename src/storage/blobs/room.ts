import { statfs } from 'node:fs/promises'
import { RegistryError } from '../../registry/errors.ts'

/**
 * Throws `disk_full` where so many bytes do not fit below `folder` now. Whoever is served a file while it arrives has its
 * head by the time that a write fails, and can then only be cut off; here the reason can still be said. Others write as
 * well, so passing this promises nothing.
 */
export async function requireRoom(folder: string, bytes: number): Promise<void> {
  const { blocks, bavail, bsize } = await statfs(folder)
  // Some network file systems do not know how large they are.
  if (blocks > 0 && bavail * bsize < bytes)
    throw new RegistryError('disk_full', 'The registry has no room left on its disk')
}
