import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ConnectionName } from '../registry/names.ts'
import type { KeptEntry } from './kept-entry.ts'
import { openKeptFiles } from './kept-files.ts'

let root = ''
beforeEach(async () => {
  root = join(await mkdtemp(join(tmpdir(), 'granary-kept-')), 'kept')
})
afterEach(() => rm(join(root, '..'), { recursive: true, force: true }))

const entry = (text: string): KeptEntry => ({
  answer: {
    body: Buffer.from(text),
    contentType: 'application/json',
    etag: `"${text.slice(0, 20)}"`,
    encoding: 'identity',
    notice: 'held: é',
    lastModified: 5,
    stale: false,
  },
  madeFrom: { topology: 3, package: 2, indexes: [{ connection: 'public:npmjs' as ConnectionName, revision: 7 }] },
  expiresAt: 99,
})

const MADE_BY = '1.0.0 installation'
const LIMIT = 1_000_000
async function write(entries: Readonly<Record<string, KeptEntry>>, { limit = LIMIT, madeBy = MADE_BY } = {}) {
  await using files = await openKeptFiles(root, limit, madeBy)
  for (const [key, one] of Object.entries(entries)) {
    files.write(key, one)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
async function read(key: string, madeBy = MADE_BY): Promise<KeptEntry | undefined> {
  await using files = await openKeptFiles(root, LIMIT, madeBy)
  return files.read(key)
}
async function stored(): Promise<readonly string[]> {
  const found = await readdir(root, { recursive: true, withFileTypes: true })
  return found.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
}
const bytesStored = async () =>
  (await Promise.all((await stored()).map((path) => stat(path)))).reduce((sum, { size }) => sum + size, 0)

describe('a file of a kept answer', () => {
  it('gives after a restart what was written', async () => {
    await write({ one: entry('first'), two: entry('') })
    expect(await read('one')).toEqual(entry('first'))
    expect(await read('two')).toEqual(entry(''))
    expect(await read('three')).toBeUndefined()
  })

  it.each([
    ['another version of the program', '1.1.0 installation'],
    ['another installation', '1.0.0 other'],
  ])('means nothing to %s', async (_, madeBy) => {
    await write({ one: entry('first') })
    expect(await read('one', madeBy)).toBeUndefined()
    await write({ one: entry('anew') }, { madeBy })
    expect(await read('one', madeBy)).toEqual(entry('anew'))
  })

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['empty', () => Buffer.alloc(0)],
    ['cut short', (bytes) => bytes.subarray(0, -1)],
    ['cut inside of its header', (bytes) => bytes.subarray(0, 40)],
    ['changed in its body', (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.from('X')])],
    ['text of somebody else', () => Buffer.from('hello, this is no kept answer at all')],
    ['of a length that lies', (bytes) => Buffer.concat([Buffer.from([255, 255, 255, 255]), bytes.subarray(4)])],
  ])('that is %s is as good as missing', async (_, damage) => {
    await write({ one: entry('first') })
    const [path = ''] = await stored()
    await writeFile(path, damage(await readFile(path)))
    expect(await read('one')).toBeUndefined()
  })

  it('that has another\u2019s place is not taken for it', async () => {
    await write({ one: entry('first'), two: entry('second') })
    const paths = await stored()
    const [one, two] = await Promise.all(paths.map((path) => readFile(path)))
    await writeFile(paths[0] as string, two as Buffer)
    await writeFile(paths[1] as string, one as Buffer)
    expect([await read('one'), await read('two')]).toEqual([undefined, undefined])
  })

  it('that cannot be written is nobody\u2019s problem, and leaves nothing', async () => {
    await using files = await openKeptFiles(root, LIMIT, MADE_BY)
    await rm(root, { recursive: true })
    await writeFile(root, 'a file in the way')
    files.write('one', entry('first'))
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await files.read('one')).toBeUndefined()
    await rm(root)
    await mkdir(root)
  })
})

describe('room', () => {
  it('is bounded: what was of use longest ago goes', async () => {
    const half = 'x'.repeat(50_000)
    await write(Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`key${at}`, entry(half)])), {
      limit: 500_000,
    })
    expect(await bytesStored()).toBeLessThan(600_000)
    expect(await read('key39')).toBeDefined()
    expect(await read('key0')).toBeUndefined()
  })

  it('that earlier runs took counts as well', async () => {
    for (let run = 0; run < 30; run++) await write({ [`run${run}`]: entry('x'.repeat(30_000)) }, { limit: 300_000 })
    expect(await bytesStored()).toBeLessThan(350_000)
  })

  it('is not taken up by what a crash left half-written', async () => {
    await write({ one: entry('first') })
    const [path = ''] = await stored()
    const left = `${path}.123.tmp`
    await writeFile(left, Buffer.alloc(400_000))
    await utimes(left, 1, 1)
    await write({ two: entry('second') }, { limit: 100_000 })
    expect(await stored()).not.toContain(left)
    expect(await read('two')).toBeDefined()
  })

  it('goes to what is read again', async () => {
    const text = 'x'.repeat(50_000)
    await write({ old: entry(text), dull: entry(text) })
    for (const path of await stored()) await utimes(path, 1, 1)
    await read('old')
    await expect
      .poll(async () =>
        (await Promise.all((await stored()).map((path) => stat(path)))).some(({ mtimeMs }) => mtimeMs > 5000),
      )
      .toBe(true)
    await write({ new: entry(text) }, { limit: 150_000 })
    expect([await read('old'), await read('new')]).toEqual([entry(text), entry(text)])
    expect(await read('dull')).toBeUndefined()
  })
})
