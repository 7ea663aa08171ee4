import { crc32, inflateRawSync } from 'node:zlib'
import type { Steps } from '../../registry/file-parts.ts'
import { RegistryError } from '../../registry/errors.ts'
import { MAX_METADATA_BYTES } from './archive-source.ts'
import { readDirectory, type Tail, bytesAt, unsound } from './zip-directory.ts'

// One member of a zip file of which only parts are at hand: it says which bytes it has to be given next. Whatever two readers
// may understand differently is refused, and what it returns has the length and the checksum that the central directory has.

/** More is no METADATA: those of the public index have a few hundred kilobytes with the longest description. */
const MAX_COMPRESSED_BYTES = 4 * 1024 * 1024
/** The local header's extra field is not as long as the central one's, and is not known before: so much is read for it. */
const ROOM_FOR_EXTRA = 1024

const LOCAL_SIGNATURE = 0x04034b50
const LOCAL_SIZE = 30
const STORED = 0
const DEFLATED = 8
/** Encrypted in one of three ways. */
const ENCRYPTED = 0x2041
const HAS_DATA_DESCRIPTOR = 0x0008
const ZIP64_EXTRA = 0x0001
const UNICODE_PATH_EXTRA = 0x7075
const IN_ZIP64_EXTRA = 0xffffffff

export type Member = { readonly name: string; readonly bytes: Buffer }

/** The one member whose name is meant. Throws `mismatch` where there is none, or several, or anything that is not as it should be. */
export function* readMember(size: number, isMeant: (name: string) => boolean): Steps<Member> {
  const directory = yield* readDirectory(size)
  const entry = findEntry(directory.bytes, directory.entries, isMeant)
  refuseEntry(entry)
  const packed = yield* readPacked(directory.tail, entry, directory.offset)
  const bytes = unpack(entry, packed)
  if (bytes.length !== entry.unpacked || crc32(bytes) !== entry.crc32) throw unsound(`${entry.shown} in it is damaged`)
  return { name: entry.name.toString('latin1'), bytes }
}

type Entry = {
  /** As it stands there. */
  readonly name: Buffer
  /** For people. */
  readonly shown: string
  readonly flags: number
  readonly method: number
  readonly crc32: number
  readonly compressed: number
  readonly unpacked: number
  readonly offset: number
}

function findEntry(directory: Buffer, entries: number, isMeant: (name: string) => boolean): Entry {
  let found: Entry | undefined
  let at = 0
  for (let index = 0; index < entries; index++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== 0x02014b50)
      throw unsound('its central directory is not what its end record says')
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28)
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30)
    const next = extraEnd + directory.readUInt16LE(at + 32)
    if (next > directory.length) throw unsound('its central directory is cut off')
    const name = directory.subarray(at + 46, nameEnd)
    const extras = readExtras(directory.subarray(nameEnd, extraEnd))
    // Readers cut a name off at a NUL, or take the other name from the extra field: each would see another file here.
    if (name.includes(0) || extras.has(UNICODE_PATH_EXTRA))
      throw unsound('a file in it has a name that can be read in two ways')
    if (isMeant(name.toString('latin1'))) {
      if (found) throw unsound(`it has more than one ${found.shown}`)
      found = entryAt(directory, at, name, extras)
    }
    at = next
  }
  if (at !== directory.length) throw unsound('its central directory is not what its end record says')
  if (!found) throw unsound('it has no METADATA where a wheel has it')
  return found
}

function readExtras(extra: Buffer): ReadonlyMap<number, Buffer> {
  const fields = new Map<number, Buffer>()
  for (let at = 0; at < extra.length;) {
    const end = at + 4 > extra.length ? Infinity : at + 4 + extra.readUInt16LE(at + 2)
    if (end > extra.length) throw unsound('an extra field in it is cut off')
    const id = extra.readUInt16LE(at)
    if (id === ZIP64_EXTRA && fields.has(id)) throw unsound('the size of a file in it is given twice')
    fields.set(id, extra.subarray(at + 4, end))
    at = end
  }
  return fields
}

function entryAt(directory: Buffer, at: number, name: Buffer, extras: ReadonlyMap<number, Buffer>): Entry {
  const large = zip64Values(extras.get(ZIP64_EXTRA))
  const valueAt = (position: number): number => {
    const plain = directory.readUInt32LE(at + position)
    return plain === IN_ZIP64_EXTRA ? large() : plain
  }
  if (directory.readUInt16LE(at + 34) !== 0) throw unsound('it is spread over several files')
  return {
    name,
    shown: JSON.stringify(name.toString('latin1').slice(0, 120)),
    flags: directory.readUInt16LE(at + 8),
    method: directory.readUInt16LE(at + 10),
    crc32: directory.readUInt32LE(at + 16),
    // In the order in which the extra field has those that are too large for the header.
    unpacked: valueAt(24),
    compressed: valueAt(20),
    offset: valueAt(42),
  }
}

/** The next 64-bit number of a zip64 extra field, at each call. */
function zip64Values(extra: Buffer | undefined): () => number {
  let at = 0
  return () => {
    if (!extra || at + 8 > extra.length) throw unsound('a size in it is nowhere given')
    const value = Number(extra.readBigUInt64LE(at))
    at += 8
    return value
  }
}

function refuseEntry({ shown, flags, method, compressed, unpacked }: Entry): void {
  if (flags & ENCRYPTED) throw unsound(`${shown} in it is encrypted`)
  if (method !== STORED && method !== DEFLATED)
    throw unsound(`${shown} in it is compressed by a method other than deflate`)
  if (compressed > MAX_COMPRESSED_BYTES || unpacked > MAX_METADATA_BYTES) throw unsound(`${shown} in it is too large`)
  if (method === STORED && compressed !== unpacked) throw unsound(`${shown} in it has two sizes`)
}

/** `limit`: where the central directory begins, and no member reaches. */
function* readPacked(tail: Tail, entry: Entry, limit: number): Steps<Buffer> {
  const { offset, compressed, shown } = entry
  const least = LOCAL_SIZE + entry.name.length + compressed
  if (offset + least > limit) throw unsound(`${shown} in it does not lie where its central directory says`)
  const header = yield* bytesAt(tail, offset, Math.min(least + ROOM_FOR_EXTRA, limit - offset))
  refuseLocal(entry, header)
  const from = LOCAL_SIZE + header.readUInt16LE(26) + header.readUInt16LE(28)
  if (offset + from + compressed > limit) throw unsound(`${shown} in it does not lie where its central directory says`)
  if (from + compressed <= header.length) return header.subarray(from, from + compressed)
  return yield* bytesAt(tail, offset + from, compressed)
}

/** Who unpacks from the front reads this header, who reads the directory the other: both must find the same. */
function refuseLocal(entry: Entry, local: Buffer): void {
  const nameEnd = LOCAL_SIZE + local.readUInt16LE(26)
  const agrees =
    local.readUInt32LE(0) === LOCAL_SIGNATURE &&
    local.readUInt16LE(6) === entry.flags &&
    local.readUInt16LE(8) === entry.method &&
    local.subarray(LOCAL_SIZE, nameEnd).equals(entry.name) &&
    ((entry.flags & HAS_DATA_DESCRIPTOR) !== 0 || sizesAgree(entry, local, nameEnd))
  if (!agrees) throw unsound(`its local header and its central directory disagree about ${entry.shown}`)
}

function sizesAgree(entry: Entry, local: Buffer, nameEnd: number): boolean {
  const extraEnd = nameEnd + local.readUInt16LE(28)
  const [compressed, unpacked] = [local.readUInt32LE(18), local.readUInt32LE(22)]
  if (local.readUInt32LE(14) !== entry.crc32) return false
  if (compressed !== IN_ZIP64_EXTRA && unpacked !== IN_ZIP64_EXTRA)
    return compressed === entry.compressed && unpacked === entry.unpacked
  // Both stand in the extra field then, the unpacked size first.
  if (extraEnd > local.length) return false
  const large = zip64Values(readExtras(local.subarray(nameEnd, extraEnd)).get(ZIP64_EXTRA))
  return large() === entry.unpacked && large() === entry.compressed
}

function unpack({ shown, method, unpacked }: Entry, packed: Buffer): Buffer {
  if (method === STORED) return packed
  try {
    const { buffer, engine } = inflateRawSync(packed, {
      maxOutputLength: Math.max(unpacked, 1),
      info: true,
    }) as unknown as {
      readonly buffer: Buffer
      readonly engine: { readonly bytesWritten: number }
    }
    if (engine.bytesWritten !== packed.length) throw unsound(`${shown} in it is followed by something else`)
    return buffer
  } catch (error) {
    if (error instanceof RegistryError) throw error
    throw unsound(`${shown} in it cannot be unpacked`)
  }
}
