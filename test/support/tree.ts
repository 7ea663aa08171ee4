import { createHash } from 'node:crypto'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join, relative } from 'node:path'

/** Every file below a folder with the digest of its bytes: equal trees are the same byte for byte. */
export async function digestTree(
  root: string,
  ignore: (path: string) => boolean = () => false,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = relative(root, path)
    if (entry.isDirectory() || ignore(name)) continue
    found[name] = entry.isSymbolicLink()
      ? `-> ${await readlink(path)}`
      : createHash('sha256')
          .update(await readFile(path))
          .digest('hex')
  }
  return found
}
