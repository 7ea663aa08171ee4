import { pipeline } from 'node:stream/promises'
import { createGunzip, gunzipSync } from 'node:zlib'
import { extract, type Extract, type Header } from 'tar-stream'
import { RegistryError } from '../../registry/errors.ts'
import type { PendingBlob } from '../../registry/blob-store.ts'
import { isObject, type JsonObject } from './json.ts'

/** What a package's tarball says about itself. */
export type TarballContents = {
  readonly packageJson: JsonObject
  /** It has a `binding.gyp` at its root: npm then installs it with `node-gyp rebuild`. */
  readonly hasBindingGyp: boolean
  /** It has an `npm-shrinkwrap.json` at its root. */
  readonly hasShrinkwrap: boolean
  readonly fileCount: number
  /** Bytes of all files. */
  readonly unpackedSize: number
}

// As PyPI: an archive may grow fiftyfold once it is large. Beyond the last bound it is refused however it was packed.
const MAX_RATIO = 50
const RATIO_COUNTS_FROM = 64 * 1024 * 1024
const MAX_UNPACKED = 8 * 1024 * 1024 * 1024
const MAX_ENTRIES = 500_000
const MAX_PACKAGE_JSON = 4 * 1024 * 1024
const CHUNK = 64 * 1024
/** Bytes that are unpacked in a millisecond at most. */
const SMALL = { packed: 64 * 1024, unpacked: 256 * 1024 }

type Entry = Extract extends AsyncIterable<infer E> ? E : never

const unusable = (why: string, cause?: unknown) =>
  new RegistryError('mismatch', `The tarball cannot be used: ${why}`, { cause })

/** Reads a package tarball through, writing nothing. Throws `mismatch` for what no client could or should unpack, `too_large` for bombs. */
export async function inspectTarball(blob: PendingBlob): Promise<TarballContents> {
  const archive = extract()
  const reading = readEntries(archive)
  const flowing = blob.size <= SMALL.packed ? flowAtOnce(blob, archive) : flow(blob, archive)
  const [flowed, read] = await Promise.allSettled([flowing, reading])
  const failure = [read, flowed].find((result) => result.status === 'rejected')
  if (read.status === 'fulfilled' && flowed.status === 'fulfilled') return read.value
  const known = [flowed, read].find((result) => result.status === 'rejected' && result.reason instanceof RegistryError)
  throw known?.status === 'rejected' ? known.reason : unusable('it is not a whole gzip-compressed tar archive', failure)
}

const flow = (blob: PendingBlob, archive: Extract): Promise<void> =>
  pipeline(bytesOf(blob), createGunzip(), (source) => bounded(source, blob.size), archive)

/** Most packages are some kilobytes. To unpack these at once takes less than to set up a stream, its buffers and its trips between threads. */
async function flowAtOnce(blob: PendingBlob, archive: Extract): Promise<void> {
  const unpacked = await unpackSmall(blob).catch((error: Error) => {
    // Whoever reads the entries must not wait for them.
    archive.destroy(error)
    throw error
  })
  if (unpacked) await pipeline([unpacked], archive)
  else await flow(blob, archive)
}

/** undefined where it grows. */
async function unpackSmall(blob: PendingBlob): Promise<Uint8Array | undefined> {
  const packed = Buffer.allocUnsafe(blob.size)
  await blob.read(packed, 0)
  try {
    return gunzipSync(packed, { maxOutputLength: SMALL.unpacked })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined
    throw error
  }
}

async function* bytesOf(blob: PendingBlob): AsyncGenerator<Uint8Array> {
  for (let position = 0; ;) {
    const chunk = Buffer.allocUnsafe(CHUNK)
    const read = await blob.read(chunk, position)
    if (read === 0) return
    position += read
    yield chunk.subarray(0, read)
  }
}

async function* bounded(source: AsyncIterable<Uint8Array>, packed: number): AsyncGenerator<Uint8Array> {
  let unpacked = 0
  for await (const chunk of source) {
    unpacked += chunk.byteLength
    const grown = unpacked > RATIO_COUNTS_FROM && unpacked > packed * MAX_RATIO
    if (grown || unpacked > MAX_UNPACKED)
      throw new RegistryError('too_large', 'The tarball grows too much when it is unpacked')
    yield chunk
  }
}

async function readEntries(archive: AsyncIterable<Entry>): Promise<TarballContents> {
  let packageJson: JsonObject | null = null
  let unpackedSize = 0
  let entries = 0
  let fileCount = 0
  const rootFiles = new Set<string>()
  for await (const entry of archive) {
    if (++entries > MAX_ENTRIES)
      throw new RegistryError('too_large', `The tarball has more than ${MAX_ENTRIES} entries`)
    const path = pathBelowRoot(entry.header)
    if (isFile(entry.header) && path !== '') {
      // A second one, also in other letters, would overwrite the first where the package is unpacked.
      if (path.toLowerCase() === 'package.json') {
        if (packageJson) throw unusable('it has more than one package.json')
        packageJson = await readPackageJson(entry)
      }
      fileCount += 1
      if (!path.includes('/')) rootFiles.add(path)
      unpackedSize += entry.header.size
    }
    entry.resume()
  }
  if (!packageJson) throw unusable('it has no package.json')
  return {
    packageJson,
    hasBindingGyp: rootFiles.has('binding.gyp'),
    hasShrinkwrap: rootFiles.has('npm-shrinkwrap.json'),
    fileCount,
    unpackedSize,
  }
}

const isFile = ({ type }: Header): boolean => type === 'file' || type === 'contiguous-file'

/** The entry's path without its first segment, which clients drop whatever it is (`package`, mostly). */
function pathBelowRoot(header: Header): string {
  const path = insideOf([], header.name)
  if (header.type === 'symlink') insideOf(path.slice(0, -1), header.linkname)
  if (header.type === 'link') insideOf([], header.linkname)
  return path.slice(1).join('/')
}

/** The segments of `path` seen from `folder`. Throws where it leads out of the archive, or would on some system. */
function insideOf(folder: readonly string[], path: string): readonly string[] {
  // eslint-disable-next-line no-control-regex
  if (/^[/\\]|^[A-Za-z]:|\u0000/.test(path)) throw escapes(path)
  const segments = [...folder]
  for (const segment of path.split(/[/\\]/)) {
    if (segment === '' || segment === '.') continue
    if (segment !== '..') segments.push(segment)
    // Only a link may climb, and never above the archive's root.
    else if (folder.length === 0 || segments.pop() === undefined) throw escapes(path)
  }
  return segments
}

const escapes = (path: string) => unusable(`its entry ${JSON.stringify(path.slice(0, 200))} leads out of the package`)

async function readPackageJson(entry: Entry): Promise<JsonObject> {
  if (entry.header.size > MAX_PACKAGE_JSON) throw unusable(`its package.json has more than ${MAX_PACKAGE_JSON} bytes`)
  const chunks: Uint8Array[] = []
  for await (const chunk of entry) chunks.push(chunk as Uint8Array)
  try {
    const parsed: unknown = JSON.parse(
      Buffer.concat(chunks)
        .toString('utf8')
        .replace(/^\uFEFF/, ''),
    )
    if (isObject(parsed)) return parsed
  } catch (cause) {
    throw unusable('its package.json is not valid JSON', cause)
  }
  throw unusable('its package.json is not an object')
}
