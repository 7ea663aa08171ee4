import { once } from 'node:events'
import { gzipSync } from 'node:zlib'
import { pack, type Header } from 'tar-stream'
import { describe, expect, it } from 'vitest'
import { packTarball } from '../../../test/support/tarball.ts'
import { memoryBlobs } from '../../storage/blobs/memory.ts'
import { inspectTarball } from './tarball-check.ts'

async function inspect(bytes: Uint8Array) {
  await using blob = await memoryBlobs().begin()
  await blob.write(bytes)
  await blob.finish()
  return inspectTarball(blob)
}

type Entry = Partial<Header> & { name: string; content?: string }

async function tar(...entries: Entry[]): Promise<Buffer> {
  const archive = pack()
  for (const { content = '', ...header } of entries) archive.entry(header as Header, content)
  archive.finalize()
  const chunks: Uint8Array[] = []
  for await (const chunk of archive) chunks.push(chunk as Uint8Array)
  return gzipSync(Buffer.concat(chunks))
}

const packageJson: Entry = { name: 'package/package.json', content: '{"name":"hello","version":"1.0.0"}' }

describe('a package tarball', () => {
  it('tells what is in it', async () => {
    const tarball = await packTarball('package', {
      'package.json': '\uFEFF{"name":"hello"}',
      'binding.gyp': '{}',
      'npm-shrinkwrap.json': '{}',
      'lib/package.json': '{"name":"inner"}',
      'lib/binding.gyp/x': '',
    })
    expect(await inspect(tarball)).toEqual({
      packageJson: { name: 'hello' },
      hasBindingGyp: true,
      hasShrinkwrap: true,
      fileCount: 5,
      unpackedSize: 39,
    })
  })

  it('may have any first folder, long names, folders and links within', async () => {
    const root = 'some-root'
    const tarball = await tar(
      { name: `${root}/`, type: 'directory' },
      { ...packageJson, name: `${root}/package.json` },
      { name: `${root}/${'deep/'.repeat(60)}file.js`, content: 'x' },
      { name: `${root}/lib/link.js`, type: 'symlink', linkname: '../index.js' },
      { name: `${root}/hard.js`, type: 'link', linkname: `${root}/index.js` },
    )
    expect(await inspect(tarball)).toMatchObject({ packageJson: { name: 'hello' }, fileCount: 2, unpackedSize: 35 })
  })

  it.each<[string, Entry]>([
    ['climbs', { name: 'package/../../x' }],
    ['climbs at once', { name: '../x' }],
    ['climbs within', { name: 'package/a/../b' }],
    ['is absolute', { name: '/etc/x' }],
    ['has a drive', { name: 'C:x' }],
    ['climbs in the other slash', { name: 'package\\..\\..\\x' }],
    ['is absolute in the other slash', { name: '\\x' }],
    ['links to an absolute path', { name: 'package/x', type: 'symlink', linkname: '/etc/passwd' }],
    ['links out', { name: 'package/x', type: 'symlink', linkname: '../../x' }],
    ['is a hard link out', { name: 'package/x', type: 'link', linkname: '../x' }],
  ])('is refused where an entry %s', async (_, entry) => {
    await expect(inspect(await tar(packageJson, entry))).rejects.toMatchObject({ code: 'mismatch' })
  })

  it.each([
    ['has no package.json', async () => tar({ name: 'package/index.js', content: 'x' })],
    ['has it too deep', async () => tar({ ...packageJson, name: 'package/lib/package.json' })],
    ['has it as a link', async () => tar({ name: 'package/package.json', type: 'symlink', linkname: 'other.json' })],
    ['has two', async () => tar(packageJson, { ...packageJson, name: 'other/package.json' })],
    ['has it in other letters as well', async () => tar(packageJson, { ...packageJson, name: 'package/Package.JSON' })],
    ['has a broken one', async () => tar({ ...packageJson, content: '{' })],
    ['has a list in it', async () => tar({ ...packageJson, content: '[]' })],
    ['has a huge one', async () => tar({ ...packageJson, content: ' '.repeat(5_000_000) })],
    ['is empty', async () => Buffer.alloc(0)],
    ['holds nothing', async () => gzipSync('')],
    ['is no archive', async () => gzipSync(Buffer.alloc(4096, 'x'))],
    ['is not compressed', async () => Buffer.from('hello')],
    ['is a zip', async () => Buffer.from('PK\x03\x04 and so on')],
    [
      'ends early',
      async () => (await tar(packageJson, { name: 'package/x', content: 'x'.repeat(10_000) })).subarray(0, -20),
    ],
    ['ends early inside', async () => gzipSync(Buffer.alloc(700, 'x').fill(0, 600))],
  ])('is refused where it %s', async (_, make) => {
    await expect(inspect(await make())).rejects.toMatchObject({ code: 'mismatch' })
  })

  it('is refused where it is a bomb, soon and without its memory', { timeout: 30_000 }, async () => {
    // 10 GB of zeros in a file of 10 MB: gzip allows one member after another.
    const archive = pack()
    archive.entry({ name: 'package/zeros', size: 10 * 1024 ** 3 })
    const [header] = (await once(archive, 'data')) as [Buffer]
    const member = gzipSync(Buffer.alloc(1024 * 1024))
    const bomb = Buffer.concat([gzipSync(header), ...Array.from({ length: 10 * 1024 }, () => member)])
    await using blob = await memoryBlobs().begin()
    await blob.write(bomb)
    await blob.finish()
    const before = process.memoryUsage.rss()
    const started = process.cpuUsage()
    await expect(inspectTarball(blob)).rejects.toMatchObject({ code: 'too_large' })
    // Of processor time, however busy the machine is: all of it takes ten times as much.
    const { user, system } = process.cpuUsage(started)
    expect((user + system) / 1_000_000).toBeLessThan(5)
    expect(process.memoryUsage.rss() - before).toBeLessThan(128 * 1024 * 1024)
  })
})
