import { randomBytes, randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { oddZip, type OddEnd, type OddMember } from '../../../test/support/odd-zip.ts'
import { buildWheel } from '../../../test/support/wheel.ts'
import type { ByteRange } from '../../registry/file-parts.ts'
import { sideCars } from './wheel-metadata.ts'

const WHEEL = 'hello-1.0-py3-none-any.whl'
const NAME = 'hello-1.0.dist-info/METADATA'
const METADATA = Buffer.from(
  'Metadata-Version: 2.1\nName: hello\nVersion: 1.0\nRequires-Dist: other>=1\n\nA description\n',
)

/** Reads it as from a server, and notes what was asked for. */
function extract(bytes: Uint8Array, file = WHEEL): { readonly metadata: string; readonly asked: readonly ByteRange[] } {
  const asked: ByteRange[] = []
  const steps = sideCars.extract(file, bytes.length)
  for (let step = steps.next(); ;) {
    if (step.done) return { metadata: Buffer.from(step.value).toString(), asked }
    const { start, end } = step.value
    expect(start).toBeGreaterThanOrEqual(0)
    expect(end).toBeGreaterThanOrEqual(start)
    expect(end).toBeLessThan(bytes.length)
    asked.push(step.value)
    step = steps.next(bytes.subarray(start, end + 1))
  }
}

const member = (change: Partial<OddMember> = {}): OddMember => ({
  name: NAME,
  data: METADATA,
  deflate: true,
  ...change,
})
const module = (bytes: number): OddMember => ({ name: 'hello/data.bin', data: randomBytes(bytes) })
const wheel = (change: Partial<OddMember> = {}, end: OddEnd = {}) => oddZip([module(10), member(change)], end)

describe('METADATA is read out of a wheel', () => {
  it.each<[string, Buffer]>([
    ['that is as most are', wheel()],
    ['whose METADATA is not compressed', wheel({ deflate: false })],
    ['with sizes in zip64 fields', wheel({ zip64: true })],
    ['with a zip64 end record', wheel({}, { zip64: true })],
    ['with both', wheel({ zip64: true }, { zip64: true })],
    ['with a comment', wheel({}, { comment: 'built by hand' })],
    ['with the longest comment', wheel({}, { comment: 'x'.repeat(0xffff) })],
    ['with the longest comment behind a zip64 end record', wheel({}, { comment: 'x'.repeat(0xffff), zip64: true })],
    ['with sizes behind the data', wheel({ descriptor: true })],
    ['with another extra field in the local header', wheel({ localExtra: Buffer.from([9, 9, 2, 0, 1, 1]) })],
    ['with a local extra field longer than what is read for it', wheel({ localExtra: longExtra(5_000) })],
    ['with METADATA in front', oddZip([member(), module(200_000)])],
    [
      'with METADATA in front, behind a long extra field',
      oddZip([member({ localExtra: longExtra(5_000) }), module(200_000)]),
    ],
    [
      'with a directory longer than the tail',
      oddZip([
        ...Array.from({ length: 2_000 }, (_, at) => ({ name: `hello/${at}${'x'.repeat(40)}.py`, data: Buffer.of() })),
        member(),
      ]),
    ],
    ['that spells its name in another way', wheel({ name: 'Hello-1.0.0.dist-info/METADATA' })],
  ])('%s', (_what, bytes) => {
    expect(extract(bytes).metadata).toBe(METADATA.toString())
  })

  it('with one request where it lies at the end, and with two where it does not', () => {
    expect(extract(oddZip([module(3_000_000), member()])).asked).toHaveLength(1)
    const front = extract(oddZip([member(), module(3_000_000)])).asked
    expect(front).toHaveLength(2)
    expect(front.reduce((sum, { start, end }) => sum + end - start + 1, 0)).toBeLessThan(80_000)
  })

  it.each([
    ['Hello_World-1.0+cu121-cp312-cp312-linux_x86_64.whl', 'hello-world', '1.0+cu121'],
    ['hello.world-2024.1-1build-py2.py3-none-any.whl', 'Hello_World', '2024.01'],
  ])('of %s', (file, name, version) => {
    const { bytes, metadata } = buildWheel({ name, version })
    expect(extract(bytes, file).metadata).toBe(metadata.toString())
  })
})

function longExtra(bytes: number): Buffer {
  const extra = Buffer.alloc(bytes)
  extra.writeUInt16LE(0x9999, 0)
  extra.writeUInt16LE(bytes - 4, 2)
  return extra
}

describe('METADATA is not read out of', () => {
  const wrongName = Buffer.from('Metadata-Version: 2.1\nName: other\nVersion: 1.0\n')
  const wrongVersion = Buffer.from('Metadata-Version: 2.1\nName: hello\nVersion: 1.1\n')
  const bomb = Buffer.alloc(17 * 1024 * 1024, 'x')
  it.each<[string, Buffer, RegExp]>([
    ['what is no zip file', randomBytes(1000), /does not end as a zip file does/],
    ['an empty file', Buffer.of(), /too short/],
    ['a wheel that is cut off', wheel().subarray(0, -1), /does not end/],
    ['a wheel with something behind its end', Buffer.concat([wheel(), Buffer.of(0)]), /does not end/],
    ['a wheel whose comment has a second end', wheel({}, { comment: wheel().subarray(-22) }), /directory/],
    ['a wheel with something before it', wheel({}, { before: Buffer.from('#!/bin/sh\n') }), /is not where/],
    ['a wheel with something before its end', wheel({}, { gap: Buffer.alloc(8) }), /is not where/],
    ['a wheel of several parts', wheel({}, { disk: 1 }), /several files/],
    ['a wheel with fewer entries than it says', wheel({}, { entries: 3 }), /is not what/],
    ['a wheel with more entries than it says', wheel({}, { entries: 1 }), /is not what/],
    ['a wheel without entries', oddZip([]), /is not what/],
    ['a wheel whose directory is said to be elsewhere', wheel({}, { directoryOffset: 5 }), /is not where/],
    ['a wheel whose directory is said to be huge', wheel({}, { directorySize: 0x7fffffff }), /too large/],
    ['a wheel without METADATA', oddZip([module(10)]), /no METADATA/],
    ['a wheel with METADATA one folder down', wheel({ name: `x/${NAME}` }), /no METADATA/],
    ['a wheel with two', oddZip([member(), member()]), /more than one/],
    [
      'a wheel with two distributions',
      oddZip([member(), member({ name: 'other-1.0.dist-info/METADATA' })]),
      /more than one/,
    ],
    ['a wheel with a name that ends at a NUL', oddZip([member(), { ...member(), name: `${NAME}\0x` }]), /two ways/],
    ['a wheel with a second name for it', wheel({ centralExtra: Buffer.from([0x75, 0x70, 1, 0, 1]) }), /two ways/],
    [
      'a wheel with an extra field that is cut off',
      wheel({ centralExtra: Buffer.from([1, 2, 9, 0, 1]) }),
      /extra field/,
    ],
    ["another project's folder", wheel({ name: 'other-1.0.dist-info/METADATA' }), /another distribution/],
    ["another version's folder", wheel({ name: 'hello-1.1.dist-info/METADATA' }), /another distribution/],
    ["another project's METADATA", wheel({ data: wrongName }), /names another distribution/],
    ["another version's METADATA", wheel({ data: wrongVersion }), /names another distribution/],
    ['METADATA without a name', wheel({ data: Buffer.from('\nName: hello\n') }), /names another distribution/],
    ['METADATA that is encrypted', wheel({ flags: 0x0801 }), /encrypted/],
    ['METADATA of another compression', wheel({ method: 93 }), /other than deflate/],
    ['METADATA with another checksum', wheel({ crc32: 1 }), /damaged/],
    ['METADATA with another checksum in front', wheel({ localCrc32: 1 }), /disagree/],
    ['METADATA with another name in front', wheel({ localName: NAME.replace('hello', 'other') }), /disagree/],
    ['METADATA with another method in front', wheel({ localMethod: 0 }), /disagree/],
    ['METADATA that unpacks to less', wheel({ unpacked: METADATA.length + 1 }), /damaged/],
    ['METADATA that unpacks to more', wheel({ unpacked: 10 }), /cannot be unpacked|damaged/],
    [
      'METADATA with something behind it',
      wheel({ packed: Buffer.concat([deflated(), Buffer.from('more')]) }),
      /followed by/,
    ],
    ['METADATA that is cut off', wheel({ packed: deflated().subarray(0, -4) }), /cannot be unpacked/],
    ['METADATA that unpacks to too much', wheel({ data: bomb }), /too large/],
    ['METADATA that lies about unpacking to too much', wheel({ data: bomb, unpacked: 1000 }), /cannot be unpacked/],
    ['METADATA that is too much', wheel({ deflate: false, data: randomBytes(5 * 1024 * 1024) }), /too large/],
    ['METADATA with two sizes', wheel({ deflate: false, unpacked: 5 }), /two sizes/],
    ['METADATA that lies where the directory is', wheel({ offset: 100_000 }), /does not lie/],
    ['METADATA that lies elsewhere', wheel({ offset: 0 }), /disagree/],
  ])('%s', (_what, bytes, why) => {
    expect(() => extract(bytes)).toThrow(
      expect.objectContaining({ code: 'mismatch', message: expect.stringMatching(why) }),
    )
  })

  it.each(['hello-1.0.tar.gz', 'hello-1.0-py3-none.whl', 'hello-1.0-py3-none-any.whl.metadata'])('%s', (file) => {
    expect(sideCars.has(file)).toBe(false)
    expect(() => extract(wheel(), file)).toThrow(/none of a wheel/)
  })

  it('what came in another length than was asked for', () => {
    const bytes = wheel()
    const steps = sideCars.extract(WHEEL, bytes.length)
    steps.next()
    expect(() => steps.next(bytes.subarray(1))).toThrow(/bytes came instead of/)
  })
})

const deflated = () => {
  const bytes = oddZip([member()])
  return bytes.subarray(30 + NAME.length, bytes.lastIndexOf('PK\x01\x02', undefined, 'latin1'))
}

describe('a wheel that is damaged anywhere', () => {
  const sound = [
    wheel(),
    wheel({ descriptor: true }),
    wheel({ zip64: true }, { zip64: true, comment: 'c' }),
    wheel({ deflate: false }),
  ]
  const damages: readonly ((bytes: Buffer) => Buffer)[] = [
    (bytes) => {
      const at = randomInt(bytes.length)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << randomInt(8))
      return bytes
    },
    (bytes) => {
      for (let count = randomInt(1, 8); count > 0; count--) bytes[randomInt(bytes.length)] = randomInt(256)
      return bytes
    },
    (bytes) => bytes.subarray(0, randomInt(bytes.length)),
    (bytes) => {
      const [from, to, length] = [randomInt(bytes.length), randomInt(bytes.length), randomInt(1, 40)]
      bytes.copy(bytes, to, from, from + length)
      return bytes
    },
    (bytes) => {
      const at = randomInt(bytes.length)
      return Buffer.concat([bytes.subarray(0, at), randomBytes(randomInt(1, 20)), bytes.subarray(at)])
    },
  ]

  it('gives its METADATA or an error that says why, never anything else', () => {
    const outcomes = { same: 0, refused: 0 }
    for (let run = 0; run < 20_000; run++) {
      const bytes = damages[run % damages.length]!(Buffer.from(sound[run % sound.length]!))
      try {
        expect(extract(bytes).metadata).toBe(METADATA.toString())
        outcomes.same += 1
      } catch (error) {
        expect(error, bytes.toString('base64')).toMatchObject({ code: 'mismatch' })
        outcomes.refused += 1
      }
    }
    // Both happen: damage beside the METADATA does not matter, damage to what leads there does.
    expect(outcomes.same).toBeGreaterThan(500)
    expect(outcomes.refused).toBeGreaterThan(5_000)
  })
})
