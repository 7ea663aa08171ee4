import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateRawSync, gzipSync } from 'node:zlib'
import { pack, type Header } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { watchMemory } from '../support/memory.ts'
import { publishNpm } from '../support/npm-publish.ts'
import { uploadPypi, type PypiUpload } from '../support/pypi-upload.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { buildSdist, buildWheel, storeZip } from '../support/wheel.ts'

// Archives that mean different things to different readers, lead out of themselves, or do not end.

let registry: TestRegistry

beforeAll(async () => {
  registry = await startRegistry()
})
afterAll(() => registry[Symbol.asyncDispose]())

const RELEASE = { name: 'victim', version: '1.0.0' } as const
const upload = (file: Pick<PypiUpload, 'file' | 'bytes'>) => uploadPypi(registry, { ...RELEASE, ...file })

/** Nothing was published under the name of the victim, and no half-written file is left. */
async function expectNothing(): Promise<void> {
  expect(await registry.versionEvents(RELEASE.name)).toEqual([])
  await vi.waitFor(async () => expect(await registry.pendingFiles()).toEqual([]))
}

type Entry = readonly [header: Partial<Header> & Pick<Header, 'name'>, content?: string | undefined]

async function packTar(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack()
  for (const [header, content] of entries) archive.entry(header, content ?? '')
  archive.finalize()
  const chunks: Uint8Array[] = []
  for await (const chunk of archive) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks)
}

const PACKAGE_JSON: Entry = [{ name: 'package/package.json' }, JSON.stringify(RELEASE)]
const PKG_INFO: Entry = [{ name: 'victim-1.0.0/PKG-INFO' }, 'Metadata-Version: 2.1\nName: victim\nVersion: 1.0.0\n']
const npmTarball = async (...entries: readonly Entry[]) => gzipSync(await packTar([PACKAGE_JSON, ...entries]))
const sdist = async (...entries: readonly Entry[]) => gzipSync(await packTar([PKG_INFO, ...entries]))

describe('entries that lead out', () => {
  const MARK = `granary-escape-${randomUUID()}`
  const UP = '../'.repeat(12)

  it.each<[string, readonly Entry[]]>([
    ['a path that climbs', [[{ name: `TOP/../../${MARK}` }, 'x']]],
    ['a path that climbs far', [[{ name: `TOP/${UP}tmp/${MARK}` }, 'x']]],
    ['an absolute path', [[{ name: `/tmp/${MARK}` }, 'x']]],
    ['a drive', [[{ name: `C:${MARK}` }, 'x']]],
    ['a drive and backslashes', [[{ name: `C:\\Windows\\${MARK}` }, 'x']]],
    ['backslashes that climb', [[{ name: `TOP\\..\\..\\${MARK}` }, 'x']]],
    ['a network path', [[{ name: `\\\\evil.example\\share\\${MARK}` }, 'x']]],
    ['a symbolic link out', [[{ name: 'TOP/link', type: 'symlink', linkname: `${UP}etc/passwd` }]]],
    ['an absolute symbolic link', [[{ name: 'TOP/link', type: 'symlink', linkname: '/etc/passwd' }]]],
    ['a hard link out', [[{ name: 'TOP/link', type: 'link', linkname: `${UP}etc/passwd` }]]],
    ['an absolute hard link', [[{ name: 'TOP/link', type: 'link', linkname: '/etc/passwd' }]]],
    [
      'a file written through a link',
      [[{ name: 'TOP/link', type: 'symlink', linkname: `${UP}tmp` }], [{ name: `TOP/link/${MARK}` }, 'x']],
    ],
    [
      'a hard link to a link',
      [
        [{ name: 'TOP/link', type: 'symlink', linkname: `${UP}tmp/${MARK}` }],
        [{ name: 'TOP/hard', type: 'link', linkname: 'TOP/link' }],
        [{ name: 'TOP/hard' }, 'x'],
      ],
    ],
    ['a NUL in a long name', [[{ name: 'TOP/x', pax: { path: `TOP/a\u0000/../../${MARK}` } }, 'x']]],
  ])('P-41 %s: refused, and nothing is written anywhere', async (_what, entries) => {
    const below = (top: string) =>
      entries.map(([{ name, linkname, ...header }, content]): Entry => {
        const link = linkname === undefined ? {} : { linkname: linkname.replace('TOP', top) }
        return [{ ...header, ...link, name: name.replace('TOP', top) }, content]
      })
    const published = await publishNpm(registry, { ...RELEASE, tarball: await npmTarball(...below('package')) })
    expect(published, published.error).toMatchObject({ status: 422 })
    const uploaded = await upload({ file: 'victim-1.0.0.tar.gz', bytes: await sdist(...below('victim-1.0.0')) })
    expect(uploaded, uploaded.text).toMatchObject({ status: 400 })
    for (const folder of [tmpdir(), '/tmp', '/', join(registry.data, '..'), process.cwd()])
      expect(existsSync(join(folder, MARK)), folder).toBe(false)
    const written = await readdir(registry.data, { recursive: true })
    expect(written.filter((path) => path.includes(MARK))).toEqual([])
    await expectNothing()
  })
})

describe('bombs', () => {
  const MEBIBYTE = 1024 ** 2
  const SEVEN_GIB = 7 * 1024 ** 3
  const ZEROS = gzipSync(Buffer.alloc(64 * MEBIBYTE))

  /** gzip is a sequence of members: a header, then zeros as often as wanted. 7 MB that unpack to 7 GiB. */
  async function gzipBomb(first: Entry, name: string): Promise<Buffer> {
    const archive = await packTar([first, [{ name }]])
    // Two blocks for the first entry, then the header of the empty one, which is given a size and a new checksum.
    const header = archive.subarray(1024, 1536)
    header.write(SEVEN_GIB.toString(8).padStart(11, '0'), 124)
    header.write(' '.repeat(8), 148)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    return Buffer.concat([gzipSync(archive.subarray(0, 1536)), ...Array.from({ length: 112 }, () => ZEROS)])
  }

  /** A zip whose one member of zeros says, or does not say, how large it is. */
  function zipBomb(declared: number): Buffer {
    const { bytes } = buildWheel({ ...RELEASE, files: { 'zeros.py': 'PLACEHOLDER' } })
    const zeros = deflateRawSync(Buffer.alloc(256 * MEBIBYTE))
    const at = bytes.indexOf('PLACEHOLDER')
    const bomb = Buffer.concat([bytes.subarray(0, at), zeros, bytes.subarray(at + 'PLACEHOLDER'.length)])
    const grown = zeros.length - 'PLACEHOLDER'.length
    for (const header of [at - 'zeros.py'.length - 30, bomb.indexOf('PK\x01\x02', at + zeros.length)]) {
      const isLocal = header < at
      bomb.writeUInt16LE(8, header + (isLocal ? 8 : 10)) // deflated
      bomb.writeUInt32LE(crc32(Buffer.alloc(256 * MEBIBYTE)), header + (isLocal ? 14 : 16))
      bomb.writeUInt32LE(zeros.length, header + (isLocal ? 18 : 20))
      bomb.writeUInt32LE(declared, header + (isLocal ? 22 : 24))
    }
    for (
      let entry = bomb.indexOf('PK\x01\x02', at + zeros.length + 1);
      entry > 0;
      entry = bomb.indexOf('PK\x01\x02', entry + 4)
    ) {
      const offset = bomb.readUInt32LE(entry + 42)
      if (offset > 0) bomb.writeUInt32LE(offset + grown, entry + 42)
    }
    bomb.writeUInt32LE(bomb.readUInt32LE(bomb.length - 6) + grown, bomb.length - 6)
    return bomb
  }

  it.each<[string, () => Promise<{ readonly status: number; readonly said: string }>]>([
    [
      'an npm tarball',
      async () => {
        const tarball = await gzipBomb(PACKAGE_JSON, 'package/zeros')
        const { status, error } = await publishNpm(registry, { ...RELEASE, tarball })
        return { status, said: error }
      },
    ],
    [
      'a source distribution',
      async () => {
        const bytes = await gzipBomb(PKG_INFO, 'victim-1.0.0/zeros')
        const { status, text } = await upload({ file: 'victim-1.0.0.tar.gz', bytes })
        return { status, said: text }
      },
    ],
    [
      'a wheel that says how large it gets',
      async () => {
        const { status, text } = await upload({ file: 'victim-1.0.0-py3-none-any.whl', bytes: zipBomb(256 * MEBIBYTE) })
        return { status, said: text }
      },
    ],
    [
      'a wheel that lies about how large it gets',
      async () => {
        const { status, text } = await upload({ file: 'victim-1.0.0-py3-none-any.whl', bytes: zipBomb(1000) })
        return { status, said: text }
      },
    ],
  ])('P-42 %s takes neither time nor memory', async (_what, send) => {
    const started = performance.now()
    const { result, grownBy } = await watchMemory(send)
    expect([400, 413, 422], result.said).toContain(result.status)
    expect(result.said).toMatch(/grows|unpacks to more|too many bytes/)
    expect(grownBy).toBeLessThan(500 * MEBIBYTE)
    expect(performance.now() - started).toBeLessThan(15_000)
    await expectNothing()
  })
})

describe('wheels', () => {
  const FILE = 'victim-1.0.0-py3-none-any.whl'
  const { bytes: WHEEL } = buildWheel({ ...RELEASE, files: { 'aa.py': 'A = 1\n', 'bb.py': 'B = 2\n' } })

  /** The bytes with every occurrence of a text (of the same length) replaced, from the `first`th to the `last`th. */
  function replaced(bytes: Buffer, from: string, to: string, first = 0, last = Infinity): Buffer {
    const copy = Buffer.from(bytes)
    for (let at = copy.indexOf(from), count = 0; at >= 0; at = copy.indexOf(from, at + 1), count++)
      if (count >= first && count <= last) copy.write(to, at, 'latin1')
    return copy
  }

  /** The flag in the local and the central header of every member. */
  function flagged(bytes: Buffer, flag: number): Buffer {
    const copy = Buffer.from(bytes)
    for (const [signature, offset] of [
      ['PK\x03\x04', 6],
      ['PK\x01\x02', 8],
    ] as const)
      for (let at = copy.indexOf(signature); at >= 0; at = copy.indexOf(signature, at + 4))
        copy.writeUInt16LE(copy.readUInt16LE(at + offset) | flag, at + offset)
    return copy
  }

  /** A comment of one byte on the last member of the central directory. */
  function commented(bytes: Buffer): Buffer {
    const end = bytes.length - 22
    const copy = Buffer.concat([bytes.subarray(0, end), Buffer.from('!'), bytes.subarray(end)])
    copy.writeUInt16LE(1, copy.lastIndexOf('PK\x01\x02') + 32)
    copy.writeUInt32LE(copy.readUInt32LE(copy.length - 10) + 1, copy.length - 10)
    return copy
  }

  const end = WHEEL.subarray(-22)
  const other = buildWheel({ ...RELEASE, files: { 'evil.py': 'EVIL = 1\n' } }).bytes

  it.each<[string, Buffer, RegExp]>([
    ['two members of one name', replaced(WHEEL, 'bb.py', 'aa.py'), /two files named/],
    ['a name that differs between its headers', replaced(WHEEL, 'aa.py', 'ev.py', 0, 0), /disagree/],
    ['trailing data', Buffer.concat([WHEEL, Buffer.from('evil')]), /trailing data/],
    ['leading data', Buffer.concat([Buffer.from('#!/bin/sh\n'), WHEEL]), /central directory/],
    ['two ends', Buffer.concat([WHEEL, end]), /central directory|is not where/],
    ['another wheel before it', Buffer.concat([other, WHEEL]), /central directory/],
    ['data descriptors', flagged(WHEEL, 0x0008), /data descriptor/],
    ['encryption', flagged(WHEEL, 0x0001), /encrypted|mismatch/],
    ['a comment in its central directory', commented(WHEEL), /comment/],
    ['a control character in a name', replaced(WHEEL, 'aa.py', 'a\x07.py'), /control character/],
    ['a NUL in a name', replaced(WHEEL, 'aa.py', 'a\x00.py'), /control character/],
    ['a name that climbs', replaced(WHEEL, 'aa.py', '../ap'), /leads elsewhere/],
    ['an absolute name', replaced(WHEEL, 'aa.py', '/a.py'), /leads elsewhere/],
    ['a backslash in a name', replaced(WHEEL, 'aa.py', 'a\\.py'), /leads elsewhere/],
    ['no members', storeZip({}), /\.dist-info/],
    ['half of itself', WHEEL.subarray(0, WHEEL.length / 2), /does not end/],
  ])('P-43 with %s are refused, with the reason', async (_what, bytes, reason) => {
    const refused = await upload({ file: FILE, bytes })
    expect(refused).toMatchObject({ status: 400, text: expect.stringMatching(reason) })
    await expectNothing()
  })

  it('P-44 that are something else, or several things, are refused', async () => {
    const tar = await packTar([PKG_INFO])
    const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(1000)])
    const { bytes: honest } = await buildSdist(RELEASE)
    const files: readonly (readonly [string, Uint8Array])[] = [
      [FILE, tar],
      [FILE, gzipSync(tar)],
      [FILE, png],
      [FILE, Buffer.from('<html></html>')],
      [FILE, Buffer.alloc(0)],
      [FILE, Buffer.concat([tar, WHEEL])],
      ['victim-1.0.0.tar.gz', WHEEL],
      ['victim-1.0.0.tar.gz', tar],
      ['victim-1.0.0.tar.gz', png],
      ['victim-1.0.0.tar.gz', Buffer.concat([honest, WHEEL])],
      ['victim-1.0.0.zip', honest],
      ['victim-1.0.0.zip', tar],
      ['victim-1.0.0.png', png],
      ['victim-1.0.0.exe', Buffer.from('MZ')],
      ['victim-1.0.0.html', Buffer.from('<html></html>')],
    ]
    for (const [file, bytes] of files) expect(await upload({ file, bytes }), file).toMatchObject({ status: 400 })
    await expectNothing()
  })

  it.each<[string, Buffer, RegExp]>([
    ['lists another digest', replaced(WHEEL, 'A = 1', 'A = 9', 0, 0), /damaged|RECORD/],
    [
      'does not list a file',
      storeZip({ ...filesOf(WHEEL), 'evil.py': 'EVIL = 1\n' }),
      /RECORD does not list .*evil\.py/,
    ],
    ['lists a file that is not there', without(WHEEL, 'bb.py'), /RECORD lists .*bb\.py/],
    ['is for other bytes', storeZip({ ...filesOf(WHEEL), 'aa.py': 'EVIL = 1\n' }), /is not what its RECORD says/],
    ['is not there', without(WHEEL, 'victim-1.0.0.dist-info/RECORD'), /RECORD is missing/],
    ['is there twice', storeZip({ ...filesOf(WHEEL), 'evil-1.0.0.dist-info/RECORD': '' }), /exactly one \.dist-info/],
  ])('P-45 whose RECORD %s are refused', async (_what, bytes, reason) => {
    const refused = await upload({ file: FILE, bytes })
    expect(refused).toMatchObject({ status: 400, text: expect.stringMatching(reason) })
    await expectNothing()
  })

  it.each([
    '../victim-1.0.0-py3-none-any.whl',
    'x/victim-1.0.0-py3-none-any.whl',
    '/victim-1.0.0-py3-none-any.whl',
    'x\\victim-1.0.0-py3-none-any.whl',
    'victim-1.0.0-py3-none-any.whl\x00.exe',
    'victim\x00-1.0.0-py3-none-any.whl',
    'victim-1.0.0\x01-py3-none-any.whl',
    'victim-1.0.0-py3-none-any\x1f.whl',
    'victim-1.0.0-py3-none-any\x7f.whl',
    'victim-1.0.0-py3-none-any.whl/',
    '..',
    '.whl',
    '',
    `victim-1.0.0-py3-none-${'a'.repeat(300)}.whl`,
    'other-1.0.0-py3-none-any.whl',
    'victim-2.0.0-py3-none-any.whl',
    'victim-1.0.0.whl',
  ])('P-46 named %j are refused', async (file) => {
    const refused = await upload({ file, bytes: WHEEL })
    expect(refused.status, refused.text).toBe(400)
    await expectNothing()
  })
})

/** The members of a stored zip, as `storeZip` writes them. */
function filesOf(zip: Buffer): Record<string, Buffer> {
  const files: Record<string, Buffer> = {}
  for (let at = 0; zip.readUInt32LE(at) === 0x04034b50;) {
    const size = zip.readUInt32LE(at + 18)
    const nameLength = zip.readUInt16LE(at + 26)
    const start = at + 30 + nameLength
    files[zip.toString('utf8', at + 30, start)] = zip.subarray(start, start + size)
    at = start + size
  }
  return files
}

function without(zip: Buffer, name: string): Buffer {
  const { [name]: _, ...files } = filesOf(zip)
  return storeZip(files)
}
