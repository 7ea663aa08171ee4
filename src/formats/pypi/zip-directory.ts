import type { Steps } from '../../registry/file-parts.ts'
import { RegistryError } from '../../registry/errors.ts'

// Where the central directory of a zip file lies, read from the file's end:
//
//   ... [central header] ... ([zip64 end] [zip64 locator]) [end] [comment]

const END_SIGNATURE = Buffer.from('PK\x05\x06', 'latin1')
const END_SIZE = 22
const LOCATOR_SIGNATURE = 0x07064b50
const LOCATOR_SIZE = 20
const ZIP64_END_SIGNATURE = 0x06064b50
const ZIP64_END_SIZE = 56
/** The longest comment and all that may stand before it; most wheels have their METADATA in it as well. */
const TAIL_BYTES = 0xffff + END_SIZE + LOCATOR_SIZE + ZIP64_END_SIZE + 1024
const MAX_DIRECTORY_BYTES = 16 * 1024 * 1024
const MAX_ENTRIES = 200_000

/** The last bytes of a file, and where they begin. */
export type Tail = { readonly from: number; readonly bytes: Buffer }

export type Directory = {
  readonly bytes: Buffer
  readonly entries: number
  /** Where it begins, and members end. */
  readonly offset: number
  readonly tail: Tail
}

export const unsound = (why: string): RegistryError => new RegistryError('mismatch', why)

/** Of what came already, or what has to be asked for. */
export function* bytesAt(tail: Tail, from: number, length: number): Steps<Buffer> {
  if (from >= tail.from) return tail.bytes.subarray(from - tail.from, from - tail.from + length)
  return yield* ask(from, length)
}

function* ask(from: number, length: number): Steps<Buffer> {
  const given = yield { start: from, end: from + length - 1 }
  if (given.length !== length) throw unsound(`${given.length} bytes came instead of ${length}`)
  return Buffer.from(given.buffer, given.byteOffset, given.byteLength)
}

export function* readDirectory(size: number): Steps<Directory> {
  if (size < END_SIZE) throw unsound('it is too short for a zip file')
  const length = Math.min(size, TAIL_BYTES)
  const tail = { from: size - length, bytes: yield* ask(size - length, length) }
  const { entries, offset, bytes, end } = yield* readEnd(tail)
  if (entries > MAX_ENTRIES || bytes > MAX_DIRECTORY_BYTES) throw unsound('its central directory is too large')
  if (entries === 0 || bytes < entries * 46) throw unsound('its central directory is not what its end record says')
  // What stands between them, or before the whole archive, some readers skip and others stumble over.
  if (offset + bytes !== end) throw unsound('its central directory is not where its end record says')
  return { bytes: yield* bytesAt(tail, offset, bytes), entries, offset, tail }
}

type End = {
  readonly entries: number
  readonly bytes: number
  readonly offset: number
  /** Where the first end record begins. */
  readonly end: number
}

function* readEnd(tail: Tail): Steps<End> {
  // The last one: a comment that contains another would be read in two ways.
  const at = tail.bytes.lastIndexOf(END_SIGNATURE)
  const end = at < 0 ? Buffer.alloc(0) : tail.bytes.subarray(at)
  if (end.length < END_SIZE || end.length !== END_SIZE + end.readUInt16LE(20))
    throw unsound('it does not end as a zip file does')
  refuseSpread(end.readUInt16LE(4), end.readUInt16LE(6), end.readUInt16LE(8) === end.readUInt16LE(10))
  const plain = { entries: end.readUInt16LE(10), bytes: end.readUInt32LE(12), offset: end.readUInt32LE(16) }
  const locator = at < LOCATOR_SIZE ? undefined : tail.bytes.subarray(at - LOCATOR_SIZE, at)
  if (locator?.readUInt32LE(0) !== LOCATOR_SIGNATURE) return { ...plain, end: tail.from + at }
  const large = yield* readZip64End(tail, locator, tail.from + at - LOCATOR_SIZE)
  const agrees =
    (plain.entries === 0xffff || plain.entries === large.entries) &&
    (plain.bytes === 0xffffffff || plain.bytes === large.bytes) &&
    (plain.offset === 0xffffffff || plain.offset === large.offset)
  if (!agrees) throw unsound('its two end records disagree')
  return large
}

function* readZip64End(tail: Tail, locator: Buffer, locatorAt: number): Steps<End> {
  const at = Number(locator.readBigUInt64LE(8))
  refuseSpread(locator.readUInt32LE(4), 0, locator.readUInt32LE(16) <= 1)
  if (at + ZIP64_END_SIZE > locatorAt) throw unsound('its zip64 end record is not where its locator says')
  const end = yield* bytesAt(tail, at, ZIP64_END_SIZE)
  if (end.readUInt32LE(0) !== ZIP64_END_SIGNATURE || at + 12 + Number(end.readBigUInt64LE(4)) !== locatorAt)
    throw unsound('its zip64 end record is not where its locator says')
  refuseSpread(end.readUInt32LE(16), end.readUInt32LE(20), end.readBigUInt64LE(24) === end.readBigUInt64LE(32))
  return {
    entries: Number(end.readBigUInt64LE(32)),
    bytes: Number(end.readBigUInt64LE(40)),
    offset: Number(end.readBigUInt64LE(48)),
    end: at,
  }
}

function refuseSpread(disk: number, directoryDisk: number, isWhole: boolean): void {
  // 0xffff: it stands in the zip64 record.
  const isOne = (number: number) => number === 0 || number === 0xffff
  if (!isOne(disk) || !isOne(directoryDisk) || !isWhole) throw unsound('it is spread over several files')
}
