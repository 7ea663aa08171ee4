import { crc32, deflateRawSync } from 'node:zlib'

/** One member of a zip file, and what its two headers say of it in place of the truth. */
export type OddMember = {
  readonly name: string
  readonly data: Uint8Array
  readonly deflate?: boolean
  /** Its packed bytes, in place of what `data` gives. */
  readonly packed?: Uint8Array
  /** Both headers. */
  readonly flags?: number
  readonly method?: number
  readonly crc32?: number
  readonly unpacked?: number
  readonly compressed?: number
  /** Sizes stand in zip64 fields. */
  readonly zip64?: boolean
  /** Sizes and checksum follow the data, and are zero in the local header. */
  readonly descriptor?: boolean
  readonly localExtra?: Uint8Array
  readonly centralExtra?: Uint8Array
  readonly localName?: string
  readonly localMethod?: number
  readonly localCrc32?: number
  readonly offset?: number
}

export type OddEnd = {
  readonly comment?: string | Uint8Array
  /** Stands before everything, and the offsets do not know of it. */
  readonly before?: Uint8Array
  /** Stands between the directory and the end. */
  readonly gap?: Uint8Array
  readonly zip64?: boolean
  readonly entries?: number
  readonly directoryOffset?: number
  readonly directorySize?: number
  readonly disk?: number
}

const numbers = (...parts: readonly (readonly [bytes: 2 | 4 | 8, value: number])[]): Buffer =>
  Buffer.concat(
    parts.map(([bytes, value]) => {
      const buffer = Buffer.alloc(8)
      buffer.writeBigUInt64LE(BigInt(value))
      return buffer.subarray(0, bytes)
    }),
  )

const LARGE = 0xffffffff

export function oddZip(members: readonly OddMember[], end: OddEnd = {}): Buffer {
  const locals: Buffer[] = []
  const centrals: Buffer[] = []
  let offset = 0
  for (const member of members) {
    const local = localOf(member)
    locals.push(local)
    centrals.push(centralOf(member, member.offset ?? offset))
    offset += local.length
  }
  const directory = Buffer.concat(centrals)
  const { before = Buffer.alloc(0), gap = Buffer.alloc(0) } = end
  return Buffer.concat([before, ...locals, directory, gap, endOf(end, members.length, directory.length, offset)])
}

function valuesOf(member: OddMember) {
  const data = Buffer.from(member.data)
  const packed = member.packed ?? (member.deflate ? deflateRawSync(data) : data)
  return {
    packed,
    method: member.method ?? (member.deflate ? 8 : 0),
    sum: member.crc32 ?? crc32(data),
    unpacked: member.unpacked ?? data.length,
    compressed: member.compressed ?? packed.length,
    flags: (member.flags ?? 0x0800) | (member.descriptor ? 8 : 0),
  }
}

function localOf(member: OddMember): Buffer {
  const { packed, method, sum, unpacked, compressed, flags } = valuesOf(member)
  const name = Buffer.from(member.localName ?? member.name)
  const sizes = member.zip64 ? numbers([2, 1], [2, 16], [8, unpacked], [8, compressed]) : Buffer.alloc(0)
  const extra = Buffer.concat([sizes, member.localExtra ?? Buffer.alloc(0)])
  const shown = (value: number) => (member.descriptor ? 0 : member.zip64 ? LARGE : value)
  return Buffer.concat([
    numbers([4, 0x04034b50], [2, 20], [2, flags], [2, member.localMethod ?? method], [4, 0x21_0000]),
    numbers([4, member.descriptor ? 0 : (member.localCrc32 ?? sum)], [4, shown(compressed)], [4, shown(unpacked)]),
    numbers([2, name.length], [2, extra.length]),
    name,
    extra,
    packed,
    member.descriptor ? numbers([4, 0x08074b50], [4, sum], [4, compressed], [4, unpacked]) : Buffer.alloc(0),
  ])
}

function centralOf(member: OddMember, offset: number): Buffer {
  const { method, sum, unpacked, compressed, flags } = valuesOf(member)
  const name = Buffer.from(member.name)
  const large = numbers([2, 1], [2, 24], [8, unpacked], [8, compressed], [8, offset])
  const extra = Buffer.concat([member.zip64 ? large : Buffer.alloc(0), member.centralExtra ?? Buffer.alloc(0)])
  const shown = (value: number) => (member.zip64 ? LARGE : value)
  return Buffer.concat([
    numbers([4, 0x02014b50], [2, 20], [2, 20], [2, flags], [2, method], [4, 0x21_0000], [4, sum]),
    numbers([4, shown(compressed)], [4, shown(unpacked)], [2, name.length], [2, extra.length]),
    numbers([2, 0], [2, 0], [2, 0], [4, 0], [4, shown(offset)]),
    name,
    extra,
  ])
}

function endOf(end: OddEnd, members: number, size: number, offset: number): Buffer {
  const entries = end.entries ?? members
  const [bytes, from] = [end.directorySize ?? size, end.directoryOffset ?? offset]
  const comment = Buffer.from((end.comment ?? '') as string)
  const at = offset + size
  const large = Buffer.concat([
    numbers(
      [4, 0x06064b50],
      [8, 44],
      [2, 45],
      [2, 45],
      [4, 0],
      [4, 0],
      [8, entries],
      [8, entries],
      [8, bytes],
      [8, from],
    ),
    numbers([4, 0x07064b50], [4, 0], [8, at], [4, 1]),
  ])
  const [count, shownSize, shownFrom] = end.zip64 ? [0xffff, LARGE, LARGE] : [entries, bytes, from]
  return Buffer.concat([
    end.zip64 ? large : Buffer.alloc(0),
    numbers([4, 0x06054b50], [2, end.disk ?? 0], [2, end.disk ?? 0], [2, count], [2, count]),
    numbers([4, shownSize], [4, shownFrom], [2, comment.length]),
    comment,
  ])
}
