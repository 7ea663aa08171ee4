import { createHash } from 'node:crypto'
import { crc32, deflateRawSync, gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { describe, expect, it } from 'vitest'
import { buildSdist, buildWheel } from '../../../test/support/wheel.ts'
import { checkArchive, type Claimed } from './archive-check.ts'
import { kindOf } from './filename.ts'
import { parseName } from './name.ts'
import { parseVersion } from './version.ts'

const WHEEL = 'hello-1.0-py3-none-any.whl'
const SDIST = 'hello-1.0.tar.gz'

function check(file: string, bytes: Uint8Array, version = '1.0') {
  const parsed = parseVersion(version)
  if (!parsed) throw new Error(`${version} is no version`)
  const claimed: Claimed = {
    file,
    kind: kindOf(file) === 'wheel' ? 'wheel' : 'sdist',
    name: parseName('hello', null),
    version: parsed,
  }
  const read = async (into: Uint8Array, position: number) => {
    const part = bytes.subarray(position, position + into.length)
    into.set(part)
    return part.length
  }
  return checkArchive(claimed, { size: bytes.length, read })
}

const refused = (why: RegExp) => expect.objectContaining({ code: 'invalid', message: expect.stringMatching(why) })

// ------------------------------------------------------------------------------------------------ a zip writer

type Entry = {
  name: string | Buffer
  data: Buffer
  deflate?: boolean
  flags?: number
  method?: number
  /** What the local header says instead. */
  localName?: string
  localSize?: number
  localCrc?: number
  /** What both headers say instead of the true unpacked size. */
  size?: number
  comment?: string
  attributes?: number
  extra?: Buffer
  /** Bytes between this entry and the next header. */
  gap?: Buffer
}

function zip(all: readonly Entry[], { comment = '', tail = Buffer.alloc(0), count = all.length } = {}): Buffer {
  const locals: Buffer[] = []
  const centrals: Buffer[] = []
  let offset = 0
  for (const entry of all) {
    const stored = entry.deflate ? deflateRawSync(entry.data) : entry.data
    const method = entry.method ?? (entry.deflate ? 8 : 0)
    const size = entry.size ?? entry.data.length
    const common = (name: Buffer, unpacked: number, sum: number) => {
      const header = Buffer.alloc(26)
      header.writeUInt16LE(20, 0)
      header.writeUInt16LE(entry.flags ?? 0x0800, 2)
      header.writeUInt16LE(method, 4)
      header.writeUInt16LE(0x21, 8)
      header.writeUInt32LE(sum, 10)
      header.writeUInt32LE(stored.length, 14)
      header.writeUInt32LE(unpacked, 18)
      header.writeUInt16LE(name.length, 22)
      return header
    }
    const name = Buffer.from(entry.name as string)
    const localName = entry.localName === undefined ? name : Buffer.from(entry.localName)
    const sum = crc32(entry.data)
    const local = Buffer.concat([
      Buffer.from('PK\x03\x04', 'latin1'),
      common(localName, entry.localSize ?? size, entry.localCrc ?? sum),
      localName,
      stored,
      entry.gap ?? Buffer.alloc(0),
    ])
    const extra = entry.extra ?? Buffer.alloc(0)
    const head = common(name, size, sum)
    head.writeUInt16LE(extra.length, 24)
    const rest = Buffer.alloc(14)
    rest.writeUInt16LE((entry.comment ?? '').length, 0)
    rest.writeUInt32LE(entry.attributes ?? (0o100644 << 16) >>> 0, 6)
    rest.writeUInt32LE(offset, 10)
    centrals.push(
      Buffer.concat([
        Buffer.from('PK\x01\x02', 'latin1'),
        Buffer.from([20, 3]),
        head,
        rest,
        name,
        extra,
        Buffer.from(entry.comment ?? ''),
      ]),
    )
    locals.push(local)
    offset += local.length
  }
  const directory = Buffer.concat(centrals)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(count, 8)
  end.writeUInt16LE(count, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  end.writeUInt16LE(comment.length, 20)
  return Buffer.concat([...locals, directory, end, Buffer.from(comment), tail])
}

const METADATA = Buffer.from(
  'Metadata-Version: 2.1\nName: hello\nVersion: 1.0\nRequires-Python: >=3.8\n\nA description\n',
)
const WHEEL_FILE = Buffer.from('Wheel-Version: 1.0\n')
const MODULE = Buffer.from('print("hello")\n'.repeat(50))
const digest = (data: Uint8Array) => createHash('sha256').update(data).digest('base64url')

/** The entries of a sound wheel; `change` may alter, add and take away. */
function entries(change: (all: Entry[]) => Entry[] = (all) => all, record?: string): Entry[] {
  const all = change([
    { name: 'hello.py', data: MODULE, deflate: true },
    { name: 'hello-1.0.dist-info/METADATA', data: METADATA, deflate: true },
    { name: 'hello-1.0.dist-info/WHEEL', data: WHEEL_FILE },
  ])
  const lines = all.map(({ name, data }) => `${name.toString()},sha256=${digest(data)},${data.length}`)
  const data = Buffer.from(record ?? [...lines, 'hello-1.0.dist-info/RECORD,,', ''].join('\n'))
  return [...all, { name: 'hello-1.0.dist-info/RECORD', data }]
}
const withFirst = (change: Partial<Entry>) =>
  entries(([first, ...rest]) => [{ ...(first as Entry), ...change }, ...rest])
const added = (entry: Entry) => entries((all) => [...all, entry])

describe('wheels', () => {
  it('are read with their metadata, verbatim', async () => {
    const { bytes, metadata } = await check(WHEEL, zip(entries()))
    expect(bytes).toEqual(METADATA)
    expect(metadata.first('requires-python')).toBe('>=3.8')
  })

  it('may be stored, have folders, and list names with commas', async () => {
    const built = buildWheel({ name: 'Hello', version: '1.0' })
    await expect(check(WHEEL, built.bytes)).resolves.toMatchObject({ bytes: built.metadata })
    const odd = Buffer.from('x')
    const record = `hello.py,sha256=${digest(MODULE)},1\r\n"hello/a,""b"".py",sha256=${digest(odd)},1\nhello-1.0.dist-info/METADATA,,\nhello-1.0.dist-info/WHEEL,,\n`
    const all = entries(
      (each) => [{ name: 'hello/', data: Buffer.alloc(0) }, ...each, { name: 'hello/a,"b".py', data: odd }],
      record,
    )
    await expect(check(WHEEL, zip(all))).resolves.toBeDefined()
  })

  it('may say their sizes in the zip64 field of the local header', async () => {
    const bytes = zip([{ name: 'a', data: Buffer.from('x') }])
    // Cut in by hand: what Python writes with force_zip64.
    const extra = Buffer.alloc(20)
    extra.writeUInt16LE(1, 0)
    extra.writeUInt16LE(16, 2)
    extra.writeBigUInt64LE(1n, 4)
    extra.writeBigUInt64LE(1n, 12)
    const local = Buffer.from(bytes.subarray(0, 31))
    local.writeUInt32LE(0xffffffff, 18)
    local.writeUInt32LE(0xffffffff, 22)
    local.writeUInt16LE(20, 28)
    const rest = Buffer.from(bytes.subarray(31))
    rest.writeUInt32LE(rest.readUInt32LE(rest.length - 6) + 20, rest.length - 6)
    const moved = Buffer.concat([local, extra, rest])
    // It gets past the zip's own checks, to what a wheel needs.
    await expect(check(WHEEL, moved)).rejects.toThrow(refused(/exactly one .dist-info folder/))
  })

  it('are accepted with a local version and a Linux platform', async () => {
    const built = buildWheel({ name: 'hello', version: '1.0+cu121' })
    await expect(check('hello-1.0+cu121-cp311-cp311-linux_x86_64.whl', built.bytes, '1.0+cu121')).resolves.toBeDefined()
  })

  it.each<[string, Buffer, RegExp]>([
    ['no zip file', Buffer.from('hello'), /does not end as a zip file/],
    ['an empty file', Buffer.alloc(0), /does not end as a zip file/],
    ['a tarball', gzipSync(Buffer.alloc(2048)), /does not end as a zip file/],
    ['trailing data', zip(entries(), { tail: Buffer.from('x') }), /trailing data or a comment/],
    ['a comment at the end', zip(entries(), { comment: 'x' }), /trailing data or a comment/],
    [
      'an end record in the comment',
      zip(entries(), { comment: zip([]).toString('latin1') }),
      /central directory is not/,
    ],
    [
      'two archives, one after the other',
      Buffer.concat([zip(entries()), zip(entries())]),
      /central directory|belongs to none/,
    ],
    [
      'data before it',
      Buffer.concat([Buffer.from('#!/bin/sh\n'), zip(entries())]),
      /central directory|belongs to none|signature/,
    ],
    ['data between files', zip(withFirst({ gap: Buffer.from('hidden') })), /belongs to none of its files/],
    ['a file that is not in the directory', hiddenFile(), /belongs to none of its files/],
    ['a wrong number of files', zip(entries(), { count: 3 }), /central directory is not/],
    [
      'two files of one name',
      zip(added({ name: 'hello.py', data: Buffer.from('evil') })),
      /two files named "hello.py"/,
    ],
    ['another name in the local header', zip(withFirst({ localName: 'evil1.py' })), /disagree about "hello.py"/],
    ['another size in the local header', zip(withFirst({ localSize: 3 })), /disagree about "hello.py"/],
    ['another checksum in the local header', zip(withFirst({ localCrc: 3 })), /disagree about "hello.py"/],
    ['a data descriptor', zip(withFirst({ flags: 0x0808 })), /data descriptor/],
    ['an encrypted file', zip(withFirst({ flags: 0x0801 })), /encrypted/],
    ['another compression', zip(withFirst({ method: 12 })), /method other than deflate/],
    ['a comment in the central directory', zip(withFirst({ comment: 'x' })), /comment on "hello.py"/],
    ['a control character in a name', zip(added({ name: 'a\nb.py', data: MODULE })), /control character/],
    ['NUL in a name', zip(added({ name: 'a\0b.py', data: MODULE })), /control character/],
    ['a name that leads out', zip(added({ name: '../evil.py', data: MODULE })), /leads elsewhere/],
    ['an absolute name', zip(added({ name: '/etc/evil', data: MODULE })), /leads elsewhere/],
    ['a drive', zip(added({ name: 'C:evil', data: MODULE })), /leads elsewhere/],
    ['a backslash', zip(added({ name: 'a\\evil.py', data: MODULE })), /leads elsewhere/],
    ['a name that is not UTF-8', zip(added({ name: Buffer.from([0x61, 0xff]), data: MODULE })), /not UTF-8/],
    ['a second name', zip(withFirst({ extra: unicodePath('hello.py', 'evil.py') })), /given twice/],
    ['a symbolic link', zip(withFirst({ attributes: (0o120777 << 16) >>> 0 })), /symbolic link/],
    ['a wrong checksum', zip(withFirst({ data: MODULE, deflate: false })).fill(0x20, 40, 60), /damaged|RECORD/],
    ['more data than it says', zip(withFirst({ size: 10 })), /too many bytes/],
    ['less data than it says', zip(withFirst({ size: 100_000 })), /not enough bytes/],
  ])('are refused with %s', async (_, bytes, why) => {
    await expect(check(WHEEL, bytes)).rejects.toThrow(refused(why))
  })

  it.each<[string, Entry[], RegExp]>([
    [
      'no METADATA',
      entries((all) => all.filter(({ name }) => name !== 'hello-1.0.dist-info/METADATA')),
      /METADATA is missing/,
    ],
    ['no WHEEL', entries((all) => all.filter(({ name }) => name !== 'hello-1.0.dist-info/WHEEL')), /WHEEL is missing/],
    ['no RECORD', entries().slice(0, -1), /RECORD is missing/],
    ['no dist-info', [{ name: 'hello.py', data: MODULE }], /exactly one .dist-info/],
    ['two dist-infos', added({ name: 'evil-1.0.dist-info/METADATA', data: METADATA }), /exactly one .dist-info/],
    [
      'a file that RECORD does not list',
      entries(undefined, 'hello-1.0.dist-info/METADATA,,\nhello-1.0.dist-info/WHEEL,,\n'),
      /does not list "hello.py"/,
    ],
    [
      'a file in RECORD that is not there',
      entries(undefined, 'gone.py,,\nhello.py,,\nhello-1.0.dist-info/METADATA,,\nhello-1.0.dist-info/WHEEL,,\n'),
      /lists "gone.py"/,
    ],
    [
      'other contents than RECORD says',
      entries(
        undefined,
        `hello.py,sha256=${digest(METADATA)},1\nhello-1.0.dist-info/METADATA,,\nhello-1.0.dist-info/WHEEL,,\n`,
      ),
      /is not what its RECORD says/,
    ],
  ])('are refused with %s', async (_, all, why) => {
    await expect(check(WHEEL, zip(all))).rejects.toThrow(refused(why))
  })

  it.each([
    ['another name', 'Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n', /metadata says "evil 1.0"/],
    ['another version', 'Metadata-Version: 2.1\nName: hello\nVersion: 2.0\n', /metadata says "hello 2.0"/],
    ['two names', 'Metadata-Version: 2.1\nName: hello\nName: evil\nVersion: 1.0\n', /does not say Name exactly once/],
    ['no version', 'Metadata-Version: 2.1\nName: hello\n\nVersion: 1.0\n', /does not say Version exactly once/],
  ])('are refused with %s in their metadata', async (_, text, why) => {
    const all = entries(([module, metadata, ...rest]) => [
      module as Entry,
      { ...(metadata as Entry), data: Buffer.from(text) },
      ...rest,
    ])
    await expect(check(WHEEL, zip(all))).rejects.toThrow(refused(why))
  })

  it('are refused under the name of another version', async () => {
    await expect(check('hello-2.0-py3-none-any.whl', zip(entries()), '2.0')).rejects.toThrow(
      refused(/dist-info folder says "hello 1.0"/),
    )
  })

  it('are refused as bombs by what they say and by what they are', async () => {
    const zeros = Buffer.alloc(80 * 1024 * 1024)
    await expect(check(WHEEL, zip(added({ name: 'zeros', data: zeros, deflate: true })))).rejects.toThrow(
      refused(/more than 50 times its size/),
    )
    await expect(check(WHEEL, zip(added({ name: 'zeros', data: zeros, deflate: true, size: 10 })))).rejects.toThrow(
      refused(/too many bytes/),
    )
  })

  it('are refused where they are a tar file as well', async () => {
    const tarLike = zip([{ name: 'x'.repeat(600), data: MODULE }])
    tarLike.fill(0x20, 148, 156)
    const sum = tarLike.subarray(0, 512).reduce((total, byte) => total + byte, 0)
    tarLike.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
    await expect(check(WHEEL, tarLike)).rejects.toThrow(refused(/is a tar file/))
  })

  it('that the disk cannot read are not blamed on their sender', async () => {
    const failing = checkArchive(
      {
        file: WHEEL,
        kind: 'wheel',
        name: parseName('hello', null),
        version: parseVersion('1.0') as NonNullable<ReturnType<typeof parseVersion>>,
      },
      { size: 1000, read: () => Promise.reject(new Error('EIO')) },
    )
    await expect(failing).rejects.toThrow(/^EIO$/)
  })
})

/** An archive with a whole second file, local header and all, that its directory does not list. */
function hiddenFile(): Buffer {
  const evil = zip([{ name: 'evil.py', data: MODULE }])
  return zip(withFirst({ gap: evil.subarray(0, 30 + 'evil.py'.length + MODULE.length) }))
}

function unicodePath(name: string, other: string): Buffer {
  const extra = Buffer.alloc(9 + other.length)
  extra.writeUInt16LE(0x7075, 0)
  extra.writeUInt16LE(5 + other.length, 2)
  extra.writeUInt8(1, 4)
  extra.writeUInt32LE(crc32(Buffer.from(name)), 5)
  extra.write(other, 9)
  return extra
}

// ------------------------------------------------------------------------------------------ source distributions

type TarEntry = {
  name: string
  data?: string | Buffer
  type?: 'symlink' | 'link' | 'fifo' | 'directory'
  linkname?: string
}

async function tar(all: readonly TarEntry[]): Promise<Buffer> {
  const archive = pack()
  for (const { name, data = '', type = 'file', linkname } of all) {
    archive.entry(
      { name, type, ...(linkname !== undefined && { linkname }) },
      type === 'file' ? Buffer.from(data as string) : '',
    )
  }
  archive.finalize()
  const chunks: Uint8Array[] = []
  for await (const chunk of archive) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks)
}

const PKG_INFO: TarEntry = { name: 'hello-1.0/PKG-INFO', data: METADATA }
const tarball = async (...all: TarEntry[]) => gzipSync(await tar([PKG_INFO, ...all]))

describe('source distributions', () => {
  it('are read with their metadata', async () => {
    const built = await buildSdist({ name: 'hello', version: '1.0' })
    await expect(check(SDIST, built.bytes)).resolves.toMatchObject({ bytes: built.metadata })
  })

  it('may have links inside, folders and ./ before their names', async () => {
    const bytes = await tarball(
      { name: './hello-1.0/', type: 'directory' },
      { name: './hello-1.0/README', data: 'x' },
      { name: 'hello-1.0/docs/README', type: 'symlink', linkname: '../README' },
      { name: 'hello-1.0/COPY', type: 'link', linkname: 'hello-1.0/README' },
      { name: `hello-1.0/${'long/'.repeat(40)}name.py`, data: 'x' },
    )
    await expect(check(SDIST, bytes)).resolves.toMatchObject({ bytes: METADATA })
  })

  it('may be zip files', async () => {
    const bytes = zip([
      { name: 'hello-1.0/PKG-INFO', data: METADATA },
      { name: 'hello-1.0/hello.py', data: MODULE, deflate: true },
    ])
    await expect(check('hello-1.0.zip', bytes)).resolves.toMatchObject({ bytes: METADATA })
    await expect(check('hello-1.0.zip', zip([{ name: 'PKG-INFO', data: METADATA }]))).rejects.toThrow(
      refused(/exactly one folder/),
    )
    await expect(check('hello-1.0.zip', zip([{ name: 'a/x', data: METADATA }]))).rejects.toThrow(
      refused(/PKG-INFO is missing/),
    )
  })

  it.each<[string, TarEntry, RegExp]>([
    ['a name that leads out', { name: 'hello-1.0/../../etc/passwd', data: 'x' }, /leads elsewhere/],
    ['an absolute name', { name: '/etc/passwd', data: 'x' }, /leads elsewhere/],
    ['a drive', { name: 'C:evil', data: 'x' }, /leads elsewhere/],
    ['a second folder at the top', { name: 'evil/x', data: 'x' }, /exactly one folder/],
    ['a file at the top', { name: 'evil', data: 'x' }, /exactly one folder/],
    ['a second PKG-INFO', { name: './hello-1.0/PKG-INFO', data: 'x' }, /two files named/],
    [
      'a link that leads out',
      { name: 'hello-1.0/x', type: 'symlink', linkname: '../../etc/passwd' },
      /leads elsewhere/,
    ],
    ['an absolute link', { name: 'hello-1.0/x', type: 'symlink', linkname: '/etc/passwd' }, /leads elsewhere/],
    ['a hard link that leads out', { name: 'hello-1.0/x', type: 'link', linkname: 'evil/passwd' }, /leads elsewhere/],
    ['a pipe', { name: 'hello-1.0/x', type: 'fifo' }, /neither a file nor a folder/],
  ])('are refused with %s', async (_, entry, why) => {
    await expect(check(SDIST, await tarball(entry))).rejects.toThrow(refused(why))
  })

  it.each<[string, () => Promise<Buffer>, RegExp]>([
    ['no tarball', async () => Buffer.from('hello'), /incorrect header check/],
    ['a zip file', async () => zip([{ name: 'hello-1.0/PKG-INFO', data: METADATA }]), /zip file as well/],
    ['a gzip of something else', async () => gzipSync(Buffer.alloc(1024, 'x')), /tar header/i],
    ['nothing in it', async () => gzipSync(Buffer.alloc(1024)), /exactly one folder/],
    ['half of it', async () => (await tarball()).subarray(0, 60), /unexpected end/i],
    ['half a tar', async () => gzipSync((await tar([PKG_INFO])).subarray(0, 540)), /unexpected end/i],
    [
      'trailing text',
      async () => Buffer.concat([await tarball(), Buffer.from('hidden')]),
      /trailing data|header check/,
    ],
    [
      'trailing zeros',
      async () => Buffer.concat([await tarball(), Buffer.alloc(70_000)]),
      /trailing data|header check/,
    ],
    ['a zip file behind it', async () => Buffer.concat([await tarball(), zip(entries())]), /zip file as well/],
    ['no PKG-INFO', async () => gzipSync(await tar([{ name: 'hello-1.0/x' }])), /PKG-INFO is missing/],
    [
      'another version in PKG-INFO',
      async () =>
        gzipSync(await tar([{ name: 'hello-1.0/PKG-INFO', data: 'Metadata-Version: 1.0\nName: hello\nVersion: 3\n' }])),
      /metadata says "hello 3"/,
    ],
    [
      'a bomb',
      () => tarball({ name: 'hello-1.0/zeros', data: Buffer.alloc(80 * 1024 * 1024) }),
      /more than 50 times its size/,
    ],
  ])('are refused that are %s', async (_, make, why) => {
    await expect(check(SDIST, await make())).rejects.toThrow(refused(why))
  })
})
