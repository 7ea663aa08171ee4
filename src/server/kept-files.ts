import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { hashInSteps } from './hash-in-steps.ts'
import type { KeptEntry } from './kept-entry.ts'

// The second level of the kept answers: files under data/kept/, one per answer, so that a restart does not render everything
// anew. Disposable: a file that is damaged, old or missing costs one rendering.

export type KeptFiles = AsyncDisposable & {
  read(key: string): Promise<KeptEntry | undefined>
  /** Writes behind the answer; a failure is nobody's problem. */
  write(key: string, entry: KeptEntry): void
}

/** Layout of a file: 4 bytes length of the header, the header as JSON, the body. The header repeats the key and the body's digest. */
type Header = {
  readonly version: 2
  readonly madeBy: string
  readonly key: string
  readonly digest: string
  readonly entry: Omit<KeptEntry, 'answer'> & { readonly answer: Omit<KeptEntry['answer'], 'body'> }
}

const MAX_WRITES = 4

/**
 * `madeBy` names the program and the installation. Another version renders otherwise, and the counters of another database
 * say nothing about these files.
 */
export async function openKeptFiles(root: string, limitBytes: number, madeBy: string): Promise<KeptFiles> {
  await mkdir(root, { recursive: true })
  const writes = new Set<Promise<void>>()
  // As if the limit were reached: what earlier runs left is looked at with the first write.
  let written = limitBytes
  const write = async (key: string, entry: KeptEntry) => {
    const path = pathOf(root, key)
    const temporary = `${path}.${randomUUID()}.tmp`
    try {
      await using file = await openNew(temporary)
      await file.writev([await headOf(key, entry, madeBy), entry.answer.body])
      await rename(temporary, path)
      written += entry.answer.body.byteLength
      if (written > limitBytes / 10) {
        written = 0
        await trim(root, limitBytes)
      }
    } catch {
      await rm(temporary, { force: true }).catch(() => {})
    }
  }
  return {
    async read(key) {
      const path = pathOf(root, key)
      const bytes = await readFile(path).catch(() => undefined)
      const entry = bytes && (await decode(key, bytes, madeBy))
      if (entry) utimes(path, new Date(), new Date()).catch(() => {})
      return entry
    },
    write(key, entry) {
      // More at once than this and the disk is the bottleneck: what is not written now is rendered again after a restart.
      if (writes.size >= MAX_WRITES) return
      const work: Promise<void> = write(key, entry).finally(() => writes.delete(work))
      writes.add(work)
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(writes)
    },
  }
}

/** In a folder that is there nearly always. */
async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx')
  } catch {
    await mkdir(dirname(path), { recursive: true })
    return open(path, 'wx')
  }
}

function pathOf(root: string, key: string): string {
  const name = createHash('sha256').update(key).digest('hex')
  return join(root, name.slice(0, 2), name.slice(2))
}

/** All that comes before the body. */
async function headOf(key: string, entry: KeptEntry, madeBy: string): Promise<Buffer> {
  const { body, ...answer } = entry.answer
  const header: Header = { version: 2, madeBy, key, digest: await digestOf(body), entry: { ...entry, answer } }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(json.length)
  return Buffer.concat([length, json])
}

async function decode(key: string, bytes: Buffer, madeBy: string): Promise<KeptEntry | undefined> {
  try {
    const end = 4 + bytes.readUInt32BE(0)
    const header = JSON.parse(bytes.toString('utf8', 4, end)) as Header
    const body = bytes.subarray(end)
    if (header.version !== 2 || header.madeBy !== madeBy || header.key !== key) return undefined
    if (header.digest !== (await digestOf(body))) return undefined
    return { ...header.entry, answer: { ...header.entry.answer, body } }
  } catch {
    return undefined
  }
}

const digestOf = async (body: Uint8Array): Promise<string> => (await hashInSteps(body)).toString('base64url')

/** Removes the files that were of use longest ago until what is left is within the limit. */
async function trim(root: string, limitBytes: number): Promise<void> {
  const files: { path: string; size: number; used: number }[] = []
  for (const folder of await readdir(root)) {
    for (const name of await readdir(join(root, folder)).catch(() => [])) {
      const path = join(root, folder, name)
      const found = await stat(path).catch(() => undefined)
      if (found) files.push({ path, size: found.size, used: found.mtimeMs })
    }
  }
  files.sort((a, b) => a.used - b.used)
  let total = files.reduce((sum, file) => sum + file.size, 0)
  for (const file of files) {
    if (total <= limitBytes * 0.8) break
    await rm(file.path, { force: true })
    total -= file.size
  }
}
