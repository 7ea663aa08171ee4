import { createReadStream, createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib'
import { RegistryError } from '../registry/errors.ts'
import type { Hex } from '../registry/model.ts'

// A backup is one tar file, its entries in this order:
//   manifest.json             what this is
//   metadata.jsonl.zst        every row of the metadata, one {"table", "row"} a line
//   blobs/sha256/ab/cdef…     the bytes that the rows refer to, by digest
//   end.json                  what really went in; a file without it was cut

export const FORMAT_VERSION = 1

export const ENTRY = { manifest: 'manifest.json', metadata: 'metadata.jsonl.zst', end: 'end.json' } as const

export type TableRow = { readonly table: string; readonly row: Readonly<Record<string, string | number | null>> }

/** What a metadata store does for backups. */
export type MetadataTables = {
  /** Every row, as of one moment, while others write. */
  exportTables(): AsyncIterable<TableRow>
  /** Puts all rows into an empty store in one transaction, or none. */
  importTables(rows: AsyncIterable<TableRow>): Promise<void>
}

export type Manifest = {
  readonly format: 'granary-backup'
  readonly version: number
  /** The version of the program that wrote it. */
  readonly program: string
  /** ISO 8601. Everything that was acknowledged before is in it. */
  readonly createdAt: string
  readonly includesCache: boolean
  /** How many rows each table has. */
  readonly rows: Readonly<Record<string, number>>
  /** Blobs that are referred to by more than the cache, and were missing when the backup was made. */
  readonly missing: readonly Hex[]
}

export type Ending = {
  readonly blobs: number
  readonly blobBytes: number
  /** Blobs among them whose bytes were not what their name says when they were read. */
  readonly damaged: readonly Hex[]
}

/** Backups hold neither the master key nor what only it opens in clear: whoever finds one reads packages, not credentials. */
export const MASTER_KEY_NOTE =
  'The master key is not part of a backup. Keep a copy of it elsewhere (master.key in the data folder, or what GRANARY_MASTER_KEY_FILE names): without it, access keys, token signing keys and upstream credentials in a restored installation cannot be read.'

export const blobEntry = (sha256: Hex) => `blobs/sha256/${sha256.slice(0, 2)}/${sha256.slice(2)}`

/** The digest that an entry's name stands for; undefined where it names no blob. */
export function digestOfEntry(name: string): Hex | undefined {
  const [, folder, rest] = /^blobs\/sha256\/([0-9a-f]{2})\/([0-9a-f]{62})$/.exec(name) ?? []
  return folder !== undefined && rest !== undefined ? folder + rest : undefined
}

export function damaged(what: string, cause?: unknown): RegistryError {
  const because = cause instanceof Error ? ` (${cause.message})` : ''
  return new RegistryError('invalid', `The backup is damaged or incomplete: ${what}${because}`, { cause })
}

/** Checks what it can before anything is written; throws `invalid` with what to do. */
export function parseManifest(text: string): Manifest {
  const manifest = parseJson<Partial<Manifest> | null>(text, ENTRY.manifest)
  if (manifest?.format !== 'granary-backup' || typeof manifest.version !== 'number') {
    throw new RegistryError('invalid', 'This file is not a backup that Granary made')
  }
  if (manifest.version > FORMAT_VERSION) {
    throw new RegistryError(
      'invalid',
      `This backup was made by a newer Granary (${String(manifest.program)}), in format ${manifest.version}; this program reads format ${FORMAT_VERSION}. Restore it with that version or a later one`,
    )
  }
  if (!isRecord(manifest.rows) || !Array.isArray(manifest.missing)) throw damaged('its manifest lacks counts')
  return manifest as Manifest
}

export function parseEnding(text: string): Ending {
  const ending = parseJson<Partial<Ending> | null>(text, ENTRY.end)
  if (typeof ending?.blobs !== 'number' || !Array.isArray(ending.damaged)) throw damaged('its end mark lacks counts')
  return ending as Ending
}

/** Writes rows to a file, compressed, in the form of the metadata entry. */
export async function spoolRows(rows: AsyncIterable<TableRow>, file: string): Promise<void> {
  const zstd = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 },
  })
  await pipeline(Readable.from(linesOf(rows)), zstd, createWriteStream(file, { mode: 0o600 }))
}

/** Reads them back. Throws `invalid` where the file is damaged. */
export async function* unspoolRows(file: string): AsyncGenerator<TableRow> {
  const zstd = createZstdDecompress()
  const reading = pipeline(createReadStream(file), zstd)
  reading.catch(() => {}) // the loop over `zstd` throws it too
  try {
    for await (const line of splitLines(zstd)) yield parseJson<TableRow>(line, ENTRY.metadata)
  } catch (error) {
    throw error instanceof RegistryError ? error : damaged(ENTRY.metadata, error)
  } finally {
    zstd.destroy()
  }
}

const LINES_BYTES = 64 * 1024

async function* linesOf(rows: AsyncIterable<TableRow>): AsyncGenerator<string> {
  let lines = ''
  for await (const row of rows) {
    lines += `${JSON.stringify(row)}\n`
    if (lines.length < LINES_BYTES) continue
    yield lines
    lines = ''
  }
  if (lines !== '') yield lines
}

/** Not node:readline: it takes U+2028 for the end of a line, which JSON leaves inside strings. */
async function* splitLines(bytes: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let parts: Buffer[] = []
  for await (const chunk of bytes) {
    let start = 0
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      yield Buffer.concat([...parts, chunk.subarray(start, end)]).toString()
      parts = []
      start = end + 1
    }
    if (start < chunk.length) parts.push(chunk.subarray(start))
  }
  if (parts.length > 0) throw damaged(`${ENTRY.metadata} ends within a line`)
}

function parseJson<T>(text: string, where: string): T {
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw damaged(where, error)
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
