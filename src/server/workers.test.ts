import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { formatOf, npmPackage } from '../../test/support/assembled-registry.ts'
import type { ReceivedIndex } from '../registry/ecosystem.ts'
import { unpackFacts } from '../registry/packed-facts.ts'
import { startWorkers } from './workers.ts'

const workers = startWorkers()
afterAll(() => workers[Symbol.asyncDispose]())

const hello = npmPackage('hello')
const format = formatOf(hello)
const received = (body: string): ReceivedIndex => ({
  pieces: [new Uint8Array(Buffer.from(body.slice(0, 10))), new Uint8Array(Buffer.from(body.slice(10)))],
  coding: null,
  maxBytes: 100_000_000,
  contentType: 'application/json',
  url: 'https://npm.example/hello',
  headers: {},
})
const packument = (versions: number, description = '') =>
  JSON.stringify({
    name: 'hello',
    description,
    'dist-tags': { latest: '1.0.0' },
    versions: Object.fromEntries(
      Array.from({ length: versions }, (_, at) => [
        `1.0.${at}`,
        { name: 'hello', version: `1.0.${at}`, dist: { tarball: `https://npm.example/hello/-/hello-1.0.${at}.tgz` } },
      ]),
    ),
  })
const readIndex = (document: string) => workers.readIndex(format, received(document), hello, { facts: null, now: 0 })
const input = (index: Awaited<ReturnType<typeof readIndex>>) => ({
  name: hello,
  form: 'full',
  endpoint: 'http://127.0.0.1:8787/npm/local/main/',
  index: { facts: index.facts, only: null, sha256: index.sha256 },
  hosted: [],
  tags: [],
  rules: [],
  now: 0,
})

type Index = Awaited<ReturnType<typeof readIndex>>

async function render(index: Index, encoding: 'identity' | 'gzip' = 'identity', by = workers) {
  const rendered = await by.render(format, input(index), encoding, async () => new Uint8Array(index.document))
  if (rendered.kind !== 'document') throw new Error(rendered.kind)
  return rendered
}

describe('indexes in threads of their own', () => {
  it('are rendered from what their thread remembers of them, and from what is kept where it does not', async () => {
    const index = await readIndex(packument(2))
    const read: string[] = []
    const remembered = await workers.render(format, input(index), 'identity', async () => {
      read.push('remembered')
      return index.document
    })
    expect(read).toEqual([])
    // Other threads have never seen it; these forget it when many others came after it.
    await using others = startWorkers()
    expect(await render(index, 'identity', others)).toEqual(remembered)
    for (let at = 0; at < 110; at++) await readIndex(packument(1, `${at}`))
    expect(await workers.render(format, input(index), 'identity', async () => undefined)).toEqual({ kind: 'lost' })
    expect(await render(index)).toEqual(remembered)
  })

  it('that their thread has forgotten are read from what is kept', async () => {
    const index = await readIndex(packument(2, 'x'.repeat(100_000)))
    // More than a thread remembers, and fewer than would be forgotten here.
    for (let at = 0; at < 6; at++) await readIndex(packument(1, `${at}${'x'.repeat(1_900_000)}`))
    expect((await render(index)).etag).toBe((await render(index)).etag)
    expect(await workers.render(format, input(index), 'identity', async () => undefined)).toMatchObject({
      kind: 'document',
    })
  })

  it.each([
    ['small', packument(2)],
    ['with many files', packument(600)],
    ['large', packument(2, 'x'.repeat(2_500_000))],
  ])('%s: are read, and rendered from what was kept of them', async (_, document) => {
    const index = await readIndex(document)
    const { facts } = index
    const rendered = await render(index)
    const written = JSON.parse(Buffer.from(rendered.body).toString()) as { versions: object }
    expect(Object.keys(written.versions)).toEqual(unpackFacts(facts).versions.map(({ version }) => version))
    expect(rendered.etag).toMatch(/^"[\w-]{22}-i"$/)
  })

  it.each<[string, (document: string) => Uint8Array, 'gzip' | 'deflate' | 'br' | 'zstd']>([
    ['in gzip', gzipSync, 'gzip'],
    // The end of a gzip body says how large it is: of its last member alone.
    ['in gzip that says it is small', (document) => Buffer.concat([gzipSync(document), gzipSync(' ')]), 'gzip'],
    ['in Brotli', brotliCompressSync, 'br'],
    ['in zstd', zstdCompressSync, 'zstd'],
  ])('%s: are unpacked in their thread, also where they turn out to be large', async (_, pack, coding) => {
    for (const document of [packument(2), packument(2, 'x'.repeat(2_500_000))]) {
      const pieces = [new Uint8Array(pack(document))]
      const index = await workers.readIndex(format, { ...received(''), pieces, coding }, hello, { facts: null, now: 0 })
      expect((await render(index)).etag).toBe((await render(await readIndex(document))).etag)
    }
  })

  it.each([
    [
      'unpacks to more than is read',
      { maxBytes: 1_000_000 },
      packument(2, 'x'.repeat(2_500_000)),
      'more than 1000000 bytes',
    ],
    ['is not what it is said to be', { coding: 'zstd' as const }, packument(2), 'it is not zstd'],
  ])('one that %s is refused', async (_, more, document, why) => {
    const pieces = [new Uint8Array(gzipSync(document))]
    const index = { ...received(''), pieces, coding: 'gzip' as const, ...more }
    await expect(workers.readIndex(format, index, hello, { facts: null, now: 0 })).rejects.toThrow(why)
  })

  it('the same input gives the same bytes and validator, one for each encoding', async () => {
    const index = () => readIndex(packument(3))
    const [one, two, packed] = [
      await render(await index()),
      await render(await index()),
      await render(await index(), 'gzip'),
    ]
    expect(two).toEqual(one)
    expect(packed.etag.replace('-g"', '-i"')).toBe(one.etag)
    expect(packed.etag).not.toBe(one.etag)
  })

  it.each([
    ['no JSON', '<html>'],
    ['another package', packument(1).replace('"hello"', '"other"')],
    ['nested without end', `{"name":"hello","versions":${'['.repeat(200_000)}${']'.repeat(200_000)}}`],
  ])('%s: is refused as the upstream\u2019s fault, and the next is read', async (_, document) => {
    await expect(readIndex(document)).rejects.toMatchObject({
      name: 'RegistryError',
      code: 'upstream_down',
    })
    expect(unpackFacts((await readIndex(packument(1))).facts).versions).toHaveLength(1)
  })

  it('what cannot be shown is refused with its reason', async () => {
    const index = await readIndex(packument(1))
    const rules = [
      {
        id: 'r1',
        domain: 'local',
        repository: null,
        rule: { kind: 'deny-list', packages: [{ format: 'npm', package: 'hello' }], reason: 'malware' },
      },
    ] as const
    expect(await workers.render(format, { ...input(index), rules }, 'gzip', async () => index.document)).toMatchObject({
      kind: 'refused',
      code: 'held',
      message: expect.stringContaining('malware'),
    })
  })
})
