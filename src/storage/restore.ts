import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import tar from 'tar-stream'
import { RegistryError } from '../registry/errors.ts'
import type { Hex } from '../registry/model.ts'
import type { BlobStore } from '../registry/blob-store.ts'
import type { BlobLedger, TopologyReads } from '../registry/ports.ts'
import {
  damaged,
  digestOfEntry,
  type Ending,
  ENTRY,
  type Manifest,
  MASTER_KEY_NOTE,
  type MetadataTables,
  parseEnding,
  parseManifest,
  unspoolRows,
} from './backup-file.ts'
import { systemCode } from './blobs/disk-errors.ts'
import { SnapshotBlobs } from './snapshot-blobs.ts'

export type Restoring = {
  readonly file: string
  /** Migrated and empty: nothing was ever made in it. */
  readonly store: Pick<MetadataTables, 'importTables'> & BlobLedger & Pick<TopologyReads, 'listAccounts'>
  /** Empty. */
  readonly blobs: BlobStore
  /** A folder for temporary files. */
  readonly tmp: string
  readonly onProgress?: (soFar: { readonly blobs: number; readonly bytes: number }) => void
}

export type RestoreResult = {
  readonly program: string
  /** ISO 8601: what was acknowledged before is here. */
  readonly createdAt: string
  readonly rows: number
  readonly blobs: number
  readonly blobBytes: number
  /** Cached files and indexes that the backup left out; they are fetched again when they are asked for. */
  readonly cachedForgotten: number
  /** Blobs that were missing or damaged already when the backup was made, and that somebody has to publish again. */
  readonly lost: readonly Hex[]
  readonly notes: readonly string[]
}

/**
 * Makes an empty installation what the backed-up one was. Every blob is checked against its digest; the metadata comes
 * last, in one transaction: before it, nothing is there, and a failure takes back the blobs that landed.
 */
export async function restore(restoring: Restoring): Promise<RestoreResult> {
  const { store, blobs, tmp } = restoring
  await refuseUnlessEmpty(restoring)
  await mkdir(tmp, { recursive: true })
  const spool = join(tmp, `restore-${process.pid}.jsonl.zst`)
  const landed = new Set<Hex>()
  let isImported = false
  try {
    const unpacked = await unpack(restoring, spool, landed)
    const checked = await checkMetadata(unpacked, spool, landed)
    await store.importTables(unspoolRows(spool))
    isImported = true
    await forgetCached(store, checked.cachedForgotten)
    return {
      program: unpacked.manifest.program,
      createdAt: unpacked.manifest.createdAt,
      rows: checked.rows,
      blobs: landed.size,
      blobBytes: unpacked.bytes,
      cachedForgotten: checked.cachedForgotten.length,
      lost: checked.lost,
      notes: [MASTER_KEY_NOTE],
    }
  } catch (error) {
    if (!isImported) for (const sha256 of landed) await blobs.remove(sha256, async () => true, { evenIfFresh: true })
    throw error
  } finally {
    await rm(spool, { force: true })
  }
}

async function refuseUnlessEmpty({ store, blobs }: Restoring): Promise<void> {
  // The import refuses a store that is not empty as well, but only after the blobs have landed.
  const accounts = await store.listAccounts()
  const [referred] = await store.listBlobs(null, 1)
  if (accounts.length > 0 || referred) {
    throw new RegistryError(
      'conflict',
      'This installation is not empty: a backup is restored into a new one, before its first start',
    )
  }
  for await (const _ of blobs.list()) {
    throw new RegistryError(
      'conflict',
      'The blob folder is not empty: a backup is restored into a new one. If an earlier restore was killed here, delete the folder and try again',
    )
  }
}

type Unpacked = {
  readonly manifest: Manifest
  readonly ending: Ending
  /** Of the blobs that landed. */
  readonly bytes: number
}

/** Reads the file once, from its start to its end: lands its blobs, notes them in `landed`, and puts its rows aside. */
async function unpack(restoring: Restoring, spool: string, landed: Set<Hex>): Promise<Unpacked> {
  const extract = tar.extract()
  const feeding = pipeline(createReadStream(restoring.file), extract)
  feeding.catch(() => {}) // the loop over its entries throws it too
  const unpacking = new Unpacking(restoring, spool, landed)
  try {
    for await (const entry of extract) await unpacking.take(entry.header.name, entry as AsyncIterable<Buffer>)
  } catch (error) {
    // tar-stream's complaints carry no code; the system's and ours say themselves what is wrong.
    if (error instanceof RegistryError || systemCode(error) !== undefined) throw error
    throw unpacking.hasBegun
      ? damaged('it cannot be read to its end', error)
      : new RegistryError('invalid', 'This file is not a backup that Granary made', { cause: error })
  }
  return unpacking.end()
}

class Unpacking {
  readonly #restoring: Restoring
  readonly #spool: string
  readonly #landed: Set<Hex>
  readonly #wrong = new Set<Hex>()
  #manifest: Manifest | undefined
  #hasMetadata = false
  #ending: Ending | undefined
  #bytes = 0

  constructor(restoring: Restoring, spool: string, landed: Set<Hex>) {
    this.#restoring = restoring
    this.#spool = spool
    this.#landed = landed
  }

  get hasBegun(): boolean {
    return this.#manifest !== undefined
  }

  async take(name: string, entry: AsyncIterable<Buffer>): Promise<void> {
    const sha256 = digestOfEntry(name)
    if (!this.#manifest) {
      this.#manifest = parseManifest(name === ENTRY.manifest ? await textOf(entry) : 'null')
    } else if (name === ENTRY.metadata && !this.#hasMetadata) {
      await pipeline(entry, createWriteStream(this.#spool, { mode: 0o600 }))
      this.#hasMetadata = true
    } else if (sha256 !== undefined && this.#hasMetadata && !this.#ending) {
      await this.#land(sha256, entry)
    } else if (name === ENTRY.end && this.#hasMetadata && !this.#ending) {
      this.#ending = parseEnding(await textOf(entry))
    } else {
      throw damaged(`it has an unexpected entry, ${JSON.stringify(name.slice(0, 120))}`)
    }
  }

  end(): Unpacked {
    if (!this.#manifest) throw new RegistryError('invalid', 'This file is not a backup that Granary made')
    if (!this.#ending) throw damaged('its end is missing')
    const known = new Set(this.#ending.damaged)
    const wrong = [...this.#wrong].find((sha256) => !known.has(sha256))
    if (wrong !== undefined) throw damaged(`the bytes of blob ${wrong} are not what they were`)
    const blobs = this.#landed.size + this.#wrong.size
    if (blobs !== this.#ending.blobs) throw damaged(`it has ${blobs} blobs, and had ${this.#ending.blobs}`)
    return { manifest: this.#manifest, ending: this.#ending, bytes: this.#bytes }
  }

  async #land(sha256: Hex, entry: AsyncIterable<Buffer>): Promise<void> {
    const { blobs, onProgress } = this.#restoring
    await using pending = await blobs.begin()
    for await (const chunk of entry) await pending.write(chunk)
    const { digests, size } = await pending.finish()
    if (digests.sha256 !== sha256) {
      this.#wrong.add(sha256) // perhaps it was so in the backed-up store: the end mark tells
      return
    }
    this.#landed.add(sha256) // first: a commit that fails may leave its file
    await pending.commit()
    this.#bytes += size
    onProgress?.({ blobs: this.#landed.size, bytes: this.#bytes })
  }
}

/** Holds the rows against the manifest and against what landed, before anything is imported. */
async function checkMetadata({ manifest, ending }: Unpacked, spool: string, landed: ReadonlySet<Hex>) {
  const referred = new SnapshotBlobs()
  const counts = new Map<string, number>()
  for await (const row of unspoolRows(spool)) {
    referred.add(row)
    counts.set(row.table, (counts.get(row.table) ?? 0) + 1)
  }
  for (const [table, count] of Object.entries(manifest.rows)) {
    if (counts.get(table) !== count)
      throw damaged(`table ${table} has ${counts.get(table) ?? 0} rows, and had ${count}`)
  }
  const absent = referred.all().filter(({ sha256 }) => !landed.has(sha256))
  const excused = new Set([...manifest.missing, ...ending.damaged])
  const unexcused = absent.find((blob) => !blob.cachedOnly && !excused.has(blob.sha256))
  if (unexcused) throw damaged(`it lacks blob ${unexcused.sha256}`)
  return {
    rows: [...counts.values()].reduce((sum, count) => sum + count, 0),
    cachedForgotten: absent.filter((blob) => blob.cachedOnly).map(({ sha256 }) => sha256),
    lost: absent.filter((blob) => !blob.cachedOnly).map(({ sha256 }) => sha256),
  }
}

const FORGET_BATCH = 500

/** Gives up what only the cache refers to and the backup left out, as an eviction would. */
async function forgetCached(store: BlobLedger, absent: readonly Hex[]): Promise<void> {
  for (let start = 0; start < absent.length; start += FORGET_BATCH) {
    const condemned = await store.condemnDamaged(absent.slice(start, start + FORGET_BATCH))
    for (const sha256 of condemned) await store.forgetBlob(sha256)
  }
}

/** Of the small entries: a hostile file must not fill the memory. */
const MOST_TEXT_BYTES = 64 * 1024 * 1024

async function textOf(entry: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of entry) {
    size += chunk.length
    if (size > MOST_TEXT_BYTES) throw damaged('one of its counts is far too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
