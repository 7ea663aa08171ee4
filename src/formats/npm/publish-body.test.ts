import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { readPublishBody } from './publish-body.ts'

/** The body in pieces whose sizes `next` chooses. */
async function* pieces(body: Buffer, next: () => number): AsyncGenerator<Buffer> {
  for (let at = 0; at < body.length;) {
    const size = Math.max(1, next())
    yield body.subarray(at, (at += size))
  }
}

async function read(body: string | Buffer, next: () => number = () => 65_536) {
  const received = new Map<string, Buffer[]>()
  const result = await readPublishBody(pieces(Buffer.from(body), next), async (file) => {
    const chunks: Buffer[] = []
    received.set(file, chunks)
    return async (bytes) => void chunks.push(Buffer.from(bytes))
  })
  return { ...result, files: new Map([...received].map(([file, chunks]) => [file, Buffer.concat(chunks)])) }
}

/** Numbers that look random and are the same in each run. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648
}

const TARBALL = randomBytes(10_007)
const bodyWith = (data: string, more: object = {}) => ({
  _id: '@acme/hello',
  name: '@acme/hello',
  description: 'quotes " backslashes \\ braces } { [ ] and ümläuts',
  'dist-tags': { latest: '1.0.0' },
  versions: { '1.0.0': { name: '@acme/hello', data: 'not this', _attachments: { 'x.tgz': { data: 'nor this' } } } },
  access: null,
  _attachments: {
    '@acme/hello-1.0.0.tgz': { content_type: 'application/octet-stream', data, length: TARBALL.length },
    '@acme/hello-1.0.0.sigstore': { content_type: 'x', data: '{"bundle":"text, not base64"}', length: 29 },
  },
  ...more,
})

describe('a publish body', () => {
  it.each([1, 2, 3, 7, 64, 1000, 1_000_000])('is the same in pieces of %i bytes', async (size) => {
    const { document, files, tarballs } = await read(JSON.stringify(bodyWith(TARBALL.toString('base64'))), () => size)
    expect(document).toEqual(bodyWith(''))
    expect(tarballs).toEqual(['@acme/hello-1.0.0.tgz'])
    expect(files.get('@acme/hello-1.0.0.tgz')?.equals(TARBALL)).toBe(true)
  })

  it('is the same however it is cut and spaced', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomNumbers(seed)
      const tarball = TARBALL.subarray(0, Math.floor(random() * 200))
      const json = JSON.stringify(bodyWith(tarball.toString('base64')), null, seed % 3)
      const body = seed % 2 ? json.replaceAll('/', '\\/') : json.replace('_attachments":{"@', '\\u005fattachments":{"@')
      const { document, files } = await read(body, () => random() * 40)
      expect(document).toEqual(bodyWith(''))
      expect(files.get('@acme/hello-1.0.0.tgz')?.equals(tarball)).toBe(true)
    }
  })

  it('may have no attachments', async () => {
    const { document, tarballs } = await read('{"name":"x","versions":{}}')
    expect({ document, tarballs }).toEqual({ document: { name: 'x', versions: {} }, tarballs: [] })
  })

  const tgz = (data: string) => `{"_attachments":{"a.tgz":{"data":"${data}"}}}`
  it.each([
    ['nothing', ''],
    ['no JSON', 'hello'],
    ['an array', '[]'],
    ['a broken object', '{"name":'],
    ['two documents', '{}{}'],
    ['a tarball that does not end', '{"_attachments":{"a.tgz":{"data":"AAAA'],
    ['garbage after four characters', tgz('AAAA!!!!')],
    ['garbage far in', tgz(`${'AAAA'.repeat(5000)}A*AA`)],
    ['spaces', tgz('AAAA AAAA')],
    ['URL-safe base64', tgz('AA-_')],
    ['no padding', tgz('AAAAAA')],
    ['padding in the middle', tgz('AA==AAAA')],
    ['too much padding', tgz('A===')],
    ['bits beyond the end', tgz('AB==')],
    ['an escaped line break', tgz('AAAA\\nAAAA')],
    ['an escaped character', tgz('AAAA\\u0041AAA')],
    ['a tarball that is no text', '{"_attachments":{"a.tgz":{"data":5}}}'],
    ['a tarball that is missing', '{"_attachments":{"a.tgz":{}}}'],
    ['a tarball that is replaced', '{"_attachments":{"a.tgz":{"data":"AAAA","data":"BBBB"}}}'],
    [
      'attachments that are replaced',
      '{"_attachments":{"a.tgz":{"data":"AAAA"}},"_attachments":{"b.tgz":{"data":"AAAA"}}}',
    ],
    ['attachments that are taken away', '{"_attachments":{"a.tgz":{"data":"AAAA"}},"_attachments":{}}'],
    ['nesting without end', '['.repeat(1_000_000)],
    ['objects without end', '{"a":'.repeat(100_000)],
  ])('is refused with %s', async (_, body) => {
    await expect(read(body, () => 4096)).rejects.toMatchObject({ code: 'invalid' })
  })

  it.each(['__proto__', 'constructor'])('may name a tarball %s.tgz or have such members', async (word) => {
    const { files, document } = await read(`{"${word}":1,"_attachments":{"${word}.tgz":{"data":"AAAA"}}}`)
    expect(files.get(`${word}.tgz`)).toHaveLength(3)
    expect(Object.getPrototypeOf(document)).toBe(Object.prototype)
  })

  it('is refused where it is large besides its tarball', async () => {
    const body = JSON.stringify({ name: 'x'.repeat(33 * 1024 * 1024) })
    await expect(read(body)).rejects.toMatchObject({ code: 'too_large' })
  })

  it('takes a large tarball without holding it', async () => {
    const block = randomBytes(3 * 64 * 1024)
    const text = Buffer.from(block.toString('base64'))
    const blocks = 342
    async function* body() {
      yield Buffer.from('{"name":"big","_attachments":{"big-1.0.0.tgz":{"data":"')
      for (let i = 0; i < blocks; i++) yield text
      yield Buffer.from('"}}}')
    }
    const hash = createHash('sha256')
    let size = 0
    let peak = 0
    const before = process.memoryUsage.rss()
    await readPublishBody(body(), async () => async (bytes) => {
      size += bytes.length
      hash.update(bytes)
      if (size % (64 * block.length) === 0) peak = Math.max(peak, process.memoryUsage.rss())
      await new Promise(setImmediate)
    })
    const expected = createHash('sha256')
    for (let i = 0; i < blocks; i++) expected.update(block)
    expect(size).toBe(blocks * block.length)
    expect(hash.digest('hex')).toBe(expected.digest('hex'))
    expect(peak - before).toBeLessThan(60 * 1024 * 1024)
  })
})
