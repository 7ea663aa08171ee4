import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import tar, { type Pack } from 'tar-stream'
import type { Hex, Instant } from '../registry/model.ts'
import type { BlobStore } from '../registry/blob-store.ts'
import type { BlobLedger, Clock } from '../registry/ports.ts'
import {
  blobEntry,
  type Ending,
  ENTRY,
  FORMAT_VERSION,
  type Manifest,
  MASTER_KEY_NOTE,
  type MetadataTables,
  spoolRows,
  type TableRow,
} from './backup-file.ts'
import { referredBlobs } from './blobs/ledger-walk.ts'
import { chunksOf } from './blobs/verify.ts'
import { SnapshotBlobs, type SnapshotBlob } from './snapshot-blobs.ts'

/** A collection spares for an hour at least what was of use: what is touched this often is safe from it. */
const TOUCH_EVERY_MS = 20 * 60_000
const TOUCH_BATCH = 500

export type BackingUp = {
  /** Where the backup goes. It is written beside it as `<file>.tmp` and renamed when it is whole. */
  readonly file: string
  readonly store: Pick<MetadataTables, 'exportTables'> & Pick<BlobLedger, 'touchBlobs' | 'listBlobs'>
  readonly blobs: BlobStore
  readonly clock: Clock
  /** The program's version, for the manifest. */
  readonly program: string
  /** Also what upstreams can give again. */
  readonly includeCache?: boolean
  readonly onProgress?: (soFar: { readonly blobs: number; readonly bytes: number; readonly of: number }) => void
}

export type BackupResult = {
  readonly file: string
  /** Of the file. */
  readonly bytes: number
  readonly rows: number
  readonly blobs: number
  readonly blobBytes: number
  /** Blobs that are only cached and were left out, or vanished before they were read. */
  readonly cachedLeftOut: number
  /** Blobs that are not merely cached and were not there: the backup lacks them. */
  readonly missing: readonly Hex[]
  /** Blobs whose bytes are not what their name says. */
  readonly damaged: readonly Hex[]
  readonly notes: readonly string[]
}

/**
 * Writes everything that was acknowledged so far into one file, while the server goes on.
 *
 * INVARIANT: every blob that the snapshot refers to can still be read when its turn comes. Bytes land before the commit that
 * refers to them, so they are there when the snapshot is taken. They stay, although somebody deletes the package
 * meanwhile, because the collection spares for its grace what was of use: everything that is referred to is touched
 * before the snapshot (and what is first referred to after that is in use by that commit), and again and again until it is
 * read.
 */
export async function backup(backingUp: BackingUp): Promise<BackupResult> {
  const { file, store, clock } = backingUp
  await touchReferred(store, clock)
  const spool = `${file}.metadata.tmp`
  const partial = `${file}.tmp`
  try {
    const snapshot = await takeSnapshot(backingUp, spool)
    const written = await writeTar(backingUp, snapshot, spool, partial)
    await rename(partial, file)
    await syncFolderOf(file)
    return { file, notes: [MASTER_KEY_NOTE], ...written }
  } finally {
    await rm(spool, { force: true })
    await rm(partial, { force: true })
  }
}

type Snapshot = {
  readonly manifest: Manifest
  readonly rows: number
  readonly blobs: readonly (SnapshotBlob & { readonly sha256: Hex })[]
  readonly cachedLeftOut: number
}

async function takeSnapshot(
  { store, blobs, clock, program, includeCache = false }: BackingUp,
  spool: string,
): Promise<Snapshot> {
  const createdAt = new Date(clock.now()).toISOString()
  const referred = new SnapshotBlobs()
  const rows: Record<string, number> = {}
  await spoolRows(
    tap(store.exportTables(), (row) => {
      referred.add(row)
      rows[row.table] = (rows[row.table] ?? 0) + 1
    }),
    spool,
  )
  const all = referred.all()
  const wanted = all.filter((blob) => includeCache || !blob.cachedOnly)
  const missing: Hex[] = []
  for (const { sha256, cachedOnly } of wanted) {
    if (!cachedOnly && !(await blobs.stat(sha256))) missing.push(sha256)
  }
  return {
    manifest: {
      format: 'granary-backup',
      version: FORMAT_VERSION,
      program,
      createdAt,
      includesCache: includeCache,
      rows,
      missing,
    },
    rows: Object.values(rows).reduce((sum, count) => sum + count, 0),
    blobs: wanted,
    cachedLeftOut: all.length - wanted.length,
  }
}

async function* tap(rows: AsyncIterable<TableRow>, see: (row: TableRow) => void): AsyncGenerator<TableRow> {
  for await (const row of rows) {
    see(row)
    yield row
  }
}

type Written = Omit<BackupResult, 'file' | 'notes'>

async function writeTar(backingUp: BackingUp, snapshot: Snapshot, spool: string, partial: string): Promise<Written> {
  // A private registry's packages: nobody else's to read.
  const handle = await open(partial, 'w', 0o600)
  try {
    const pack = tar.pack()
    const failed = new AbortController()
    const abort = (error: unknown) => {
      failed.abort(error)
      pack.destroy(error instanceof Error ? error : new Error(String(error)))
    }
    const writing = writeAll(pack as AsyncIterable<Buffer>, handle).catch(abort)
    const filling = fill(pack, backingUp, snapshot, spool, failed.signal).catch(abort)
    // Both, also where one has failed: the descriptor is about to be closed. The first failure is the reason of the other.
    const [filled] = await Promise.all([filling, writing])
    failed.signal.throwIfAborted()
    if (!filled) throw new Error('A backup that did not fail has to have a content')
    await handle.sync()
    return { ...filled, bytes: (await handle.stat()).size }
  } finally {
    await handle.close()
  }
}

/** Not with a write stream: it would take the descriptor along, before its fsync. */
async function writeAll(chunks: AsyncIterable<Buffer>, handle: FileHandle): Promise<void> {
  for await (const chunk of chunks) await handle.writeFile(chunk)
}

async function fill(
  pack: Pack,
  backingUp: BackingUp,
  snapshot: Snapshot,
  spool: string,
  signal: AbortSignal,
): Promise<Omit<Written, 'bytes'>> {
  const { manifest } = snapshot
  const modified = new Date(manifest.createdAt)
  const add = (name: string, size: number, chunks: AsyncIterable<Uint8Array>) =>
    pipeline(Readable.from(chunks), pack.entry({ name, size, mtime: modified, mode: 0o600 }), { signal })
  const addJson = (name: string, content: Manifest | Ending) => {
    const bytes = Buffer.from(`${JSON.stringify(content, null, 2)}\n`)
    return add(name, bytes.length, Readable.from([bytes]))
  }
  await addJson(ENTRY.manifest, manifest)
  await add(ENTRY.metadata, (await stat(spool)).size, createReadStream(spool))
  const copied = await copyBlobs(backingUp, snapshot, add)
  await addJson(ENTRY.end, { blobs: copied.blobs, blobBytes: copied.blobBytes, damaged: copied.damaged })
  pack.finalize()
  return { rows: snapshot.rows, ...copied }
}

type Add = (name: string, size: number, chunks: AsyncIterable<Uint8Array>) => Promise<void>

async function copyBlobs({ store, blobs, clock, onProgress }: BackingUp, snapshot: Snapshot, add: Add) {
  const missing = new Set(snapshot.manifest.missing)
  const damaged: Hex[] = []
  let { cachedLeftOut } = snapshot
  const copied = { blobs: 0, bytes: 0 }
  let touchedAt = clock.now()
  for (const [position, { sha256, cachedOnly }] of snapshot.blobs.entries()) {
    if (missing.has(sha256)) continue
    if (clock.now() - touchedAt >= TOUCH_EVERY_MS) {
      touchedAt = clock.now()
      await touch(store, snapshot.blobs.slice(position), touchedAt)
    }
    await using blob = await blobs.open(sha256)
    if (!blob) {
      if (!cachedOnly) throw new Error(`The blob ${sha256} went away while the backup was made`)
      cachedLeftOut++ // the cache was over its limit
      continue
    }
    const hash = createHash('sha256')
    await add(blobEntry(sha256), blob.size, hashed(chunksOf(blob), hash))
    if (hash.digest('hex') !== sha256) damaged.push(sha256)
    copied.blobs++
    copied.bytes += blob.size
    onProgress?.({ ...copied, of: snapshot.blobs.length })
  }
  return { blobs: copied.blobs, blobBytes: copied.bytes, cachedLeftOut, missing: [...missing], damaged }
}

async function* hashed(
  chunks: AsyncIterable<Uint8Array>,
  hash: { update(chunk: Uint8Array): unknown },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hash.update(chunk)
    yield chunk
  }
}

async function touchReferred(store: BackingUp['store'], clock: Clock): Promise<void> {
  let batch: { readonly sha256: Hex; readonly cachedOnly: boolean }[] = []
  for await (const blob of referredBlobs(store)) {
    if (batch.push(blob) < TOUCH_BATCH) continue
    await touch(store, batch, clock.now())
    batch = []
  }
  await touch(store, batch, clock.now())
}

/** Not what is only cached: it would lose its order of use, and may vanish. */
async function touch(
  store: BackingUp['store'],
  blobs: readonly { readonly sha256: Hex; readonly cachedOnly: boolean }[],
  at: Instant,
): Promise<void> {
  const used = blobs.filter((blob) => !blob.cachedOnly).map(({ sha256 }) => ({ sha256, at }))
  for (let start = 0; start < used.length; start += TOUCH_BATCH)
    await store.touchBlobs(used.slice(start, start + TOUCH_BATCH))
}

async function syncFolderOf(file: string): Promise<void> {
  const folder = await open(dirname(file), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
