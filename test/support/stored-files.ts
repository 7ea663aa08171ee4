import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Looks into a data folder as nobody else should: what lies under its blobs, and what was left in its temporary folder. */
export type StoredFiles = {
  /** Blobs whose bytes are not what their name says. A blob that was found right is not read again. */
  wrong(): Promise<readonly string[]>
  /** Blobs that are being written, or were left half written. */
  pending(): Promise<readonly string[]>
  /** How many blobs there are. */
  count(): Promise<number>
  pathOf(sha256: string): string
}

export function storedFiles(data: string): StoredFiles {
  const root = join(data, 'blobs', 'sha256')
  const right = new Set<string>()
  const names = async () => {
    const found: string[] = []
    for (const folder of await readdir(root))
      for (const name of await readdir(join(root, folder))) found.push(folder + name)
    return found
  }
  const pathOf = (sha256: string) => join(root, sha256.slice(0, 2), sha256.slice(2))
  return {
    pathOf,
    async wrong() {
      const wrong: string[] = []
      for (const sha256 of await names()) {
        if (right.has(sha256)) continue
        const actual = createHash('sha256')
          .update(await readFile(pathOf(sha256)))
          .digest('hex')
        if (actual === sha256) right.add(sha256)
        else wrong.push(sha256)
      }
      return wrong
    },
    pending: async () => (await readdir(join(data, 'tmp'))).filter((name) => name.endsWith('.pending')),
    count: async () => (await names()).length,
  }
}
