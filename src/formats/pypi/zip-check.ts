import { callbackify } from 'node:util'
import { crc32 } from 'node:zlib'
import yauzl from 'yauzl'
import { memberNameFault, refuse, refuseBomb, type ArchiveSource } from './archive-source.ts'

// A zip file can be read from its central directory or from its start, and an archive may be made to say different things
// to the two: uv and pip would then install different code. Accepted is only what leaves no choice: local files without
// gaps from the first byte on, the central directory, its end, and nothing else.
//
//   [local header, name, extra, data] ... [central header] ... ([zip64 end] [zip64 locator]) [end]

export type ZipMember = {
  readonly name: string
  /** Unpacked bytes. */
  readonly size: number
  readonly isFolder: boolean
  /** Its unpacked bytes; throws at the end where they are not those that its headers promise. */
  read(): AsyncIterable<Buffer>
}

const END_SIZE = 22
const LOCATOR_SIZE = 20
const ZIP64_END_SIZE = 56
const MAX_MEMBERS = 200_000
const STORED = 0
const DEFLATED = 8
const ENCRYPTED = 0x0001
const HAS_DATA_DESCRIPTOR = 0x0008
/** Encryption, data descriptor, UTF-8 names: how the rest of a header is to be read. */
const MEANINGFUL_FLAGS = 0x0809
const ZIP64_EXTRA = 0x0001
const UNICODE_PATH_EXTRA = 0x7075
const IN_ZIP64_EXTRA = 0xffffffff

/** All members of a sound zip file, in the order in which they lie in it. Throws `invalid` for any other. */
export async function readZip(source: ArchiveSource): Promise<readonly ZipMember[]> {
  try {
    const end = await readEnd(source)
    const zip = await yauzl.fromRandomAccessReaderPromise(new SourceReader(source), source.size, {
      autoClose: false,
      decodeStrings: false,
    })
    const entries: yauzl.Entry[] = []
    let directorySize = 0
    for await (const entry of zip.eachEntry()) {
      if (entries.length >= MAX_MEMBERS) throw refuse(source.file, `it has more than ${MAX_MEMBERS} files`)
      entries.push(entry)
      directorySize += 46 + entry.fileNameRaw.length + entry.extraFieldRaw.length + entry.fileCommentRaw.length
    }
    if (entries.length !== end.members || end.directory + directorySize !== end.at) {
      throw refuse(source.file, 'its central directory is not where, or what, its end record says')
    }
    return await checkLayout(source, zip, entries, end.directory)
  } catch (error) {
    throw source.refusal(error)
  }
}

type End = { readonly members: number; readonly directory: number; readonly at: number }

/** The end record must be the last bytes of the file: neither a comment nor anything else may follow it. */
async function readEnd(source: ArchiveSource): Promise<End> {
  const tail = Buffer.alloc(Math.min(source.size, END_SIZE + LOCATOR_SIZE))
  await source.read(tail, source.size - tail.length)
  const end = tail.subarray(-END_SIZE)
  if (end.length < END_SIZE || end.readUInt32LE(0) !== 0x06054b50 || end.readUInt16LE(20) !== 0) {
    throw refuse(source.file, 'it does not end as a zip file does: it is none, or has trailing data or a comment')
  }
  const at = source.size - END_SIZE
  const locator = tail.length === END_SIZE + LOCATOR_SIZE ? tail.subarray(0, LOCATOR_SIZE) : undefined
  if (locator?.readUInt32LE(0) === 0x07064b50)
    return readZip64End(source, at - LOCATOR_SIZE, Number(locator.readBigUInt64LE(8)))
  return { members: end.readUInt16LE(10), directory: end.readUInt32LE(16), at }
}

async function readZip64End(source: ArchiveSource, locator: number, at: number): Promise<End> {
  if (at !== locator - ZIP64_END_SIZE) throw refuse(source.file, 'its zip64 end record is not where its locator says')
  const end = Buffer.alloc(ZIP64_END_SIZE)
  await source.read(end, at)
  return { members: Number(end.readBigUInt64LE(32)), directory: Number(end.readBigUInt64LE(48)), at }
}

async function checkLayout(
  source: ArchiveSource,
  zip: yauzl.ZipFile,
  entries: readonly yauzl.Entry[],
  directory: number,
) {
  const names = new Set<string>()
  let next = 0
  let unpacked = 0
  const members: ZipMember[] = []
  for (const entry of entries.toSorted((a, b) => a.relativeOffsetOfLocalHeader - b.relativeOffsetOfLocalHeader)) {
    const name = checkEntry(source, entry)
    if (names.has(name)) throw refuse(source.file, `it has two files named ${JSON.stringify(name)}`)
    names.add(name)
    unpacked += entry.uncompressedSize
    refuseBomb(source, unpacked)
    if (entry.relativeOffsetOfLocalHeader !== next)
      throw refuse(source.file, 'it has data that belongs to none of its files')
    const local = await zip.readLocalFileHeaderPromise(entry)
    if (!agree(entry, local))
      throw refuse(source.file, `its local header and its central directory disagree about ${JSON.stringify(name)}`)
    next = local.fileDataStart + entry.compressedSize
    members.push(memberOf(source, zip, entry, name))
  }
  if (next !== directory) throw refuse(source.file, 'it has data that belongs to none of its files')
  return members
}

/** What one entry of the central directory may be; returns its name. */
function checkEntry(source: ArchiveSource, entry: yauzl.Entry): string {
  const name = nameOf(entry)
  if (name === undefined) throw refuse(source.file, 'the name of a file in it is not UTF-8, or is given twice')
  const fault = memberNameFault(name)
  if (fault !== null) throw refuse(source.file, fault)
  const shown = JSON.stringify(name)
  const flags = entry.generalPurposeBitFlag
  if (flags & ENCRYPTED) throw refuse(source.file, `${shown} in it is encrypted`)
  if (flags & HAS_DATA_DESCRIPTOR)
    throw refuse(source.file, `${shown} in it has a data descriptor instead of sizes in its header`)
  if (entry.fileCommentLength > 0) throw refuse(source.file, `its central directory has a comment on ${shown}`)
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED) {
    throw refuse(source.file, `${shown} in it is compressed by a method other than deflate`)
  }
  if (isSymlink(entry)) throw refuse(source.file, `${shown} in it is a symbolic link`)
  return name
}

/** A second name in an extra field is only accepted where it is the same. */
function nameOf(entry: yauzl.Entry): string | undefined {
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    const name = decoder.decode(entry.fileNameRaw)
    const others = entry.extraFields.filter(({ id }) => id === UNICODE_PATH_EXTRA)
    return others.every(({ data }) => decoder.decode(data.subarray(5)) === name) ? name : undefined
  } catch {
    return undefined
  }
}

const isSymlink = ({ externalFileAttributes, versionMadeBy }: yauzl.Entry): boolean =>
  versionMadeBy >>> 8 === 3 && ((externalFileAttributes >>> 16) & 0o170000) === 0o120000

function agree(entry: yauzl.Entry, local: yauzl.LocalFileHeader): boolean {
  const sizes = localSizes(local)
  return (
    local.fileName.equals(entry.fileNameRaw) &&
    local.compressionMethod === entry.compressionMethod &&
    (local.generalPurposeBitFlag & MEANINGFUL_FLAGS) === (entry.generalPurposeBitFlag & MEANINGFUL_FLAGS) &&
    local.crc32 === entry.crc32 &&
    sizes.compressed === entry.compressedSize &&
    sizes.unpacked === entry.uncompressedSize &&
    !yauzl.parseExtraFields(local.extraField).some(({ id }) => id === UNICODE_PATH_EXTRA)
  )
}

/** Writers that cannot know the size beforehand leave room for a large one: then both sizes stand in the zip64 field. */
function localSizes({ compressedSize, uncompressedSize, extraField }: yauzl.LocalFileHeader) {
  const zip64 = yauzl.parseExtraFields(extraField).filter(({ id }) => id === ZIP64_EXTRA)
  const data = zip64.length === 1 ? zip64[0]?.data : undefined
  if (!data || data.length < 16) return { compressed: compressedSize, unpacked: uncompressedSize }
  return {
    unpacked: uncompressedSize === IN_ZIP64_EXTRA ? Number(data.readBigUInt64LE(0)) : uncompressedSize,
    compressed: compressedSize === IN_ZIP64_EXTRA ? Number(data.readBigUInt64LE(8)) : compressedSize,
  }
}

function memberOf(source: ArchiveSource, zip: yauzl.ZipFile, entry: yauzl.Entry, name: string): ZipMember {
  async function* read() {
    let sum = 0
    try {
      for await (const chunk of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) {
        sum = crc32(chunk, sum)
        yield chunk
      }
      if (sum !== entry.crc32) throw refuse(source.file, `${JSON.stringify(name)} in it is damaged`)
    } catch (error) {
      throw source.refusal(error)
    }
  }
  return { name, size: entry.uncompressedSize, isFolder: name.endsWith('/'), read }
}

/** How yauzl reads a source. */
class SourceReader extends yauzl.RandomAccessReader {
  readonly #source: ArchiveSource

  constructor(source: ArchiveSource) {
    super()
    this.#source = source
  }

  override _readStreamForRange(start: number, end: number) {
    return this.#source.stream(start, end)
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, count?: number) => void,
  ): void {
    callbackify(this.#source.read)(buffer.subarray(offset, offset + length), position, callback)
  }

  override close(callback: (error: Error | null) => void): void {
    callback(null)
  }
}
