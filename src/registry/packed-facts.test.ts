import { zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { IndexFacts, IndexFile } from './model.ts'
import { findFile, findFiles, hasVersion, listLackingSideCars, packFacts, unpackFacts } from './packed-facts.ts'

const NAMES = [
  'a-1.0.0.tgz',
  'a-1.0.0.tgz.asc',
  'quo"ted',
  'back\\slash',
  'line\nbreak',
  '{"file":"a"',
  'ünï',
  '__proto__',
  '',
]

const file = (name: string, more: Partial<IndexFile> = {}): IndexFile => ({
  version: `of ${name}`,
  file: name,
  url: 'https://files.example/a',
  path: null,
  digests: { sha256: 'ab' },
  size: 3,
  publishedAt: 5,
  sideCar: { sha256: 'cd' },
  ...more,
})
const facts: IndexFacts = {
  versions: NAMES.map((name) => ({ version: `of ${name}`, publishedAt: 1, license: '\n{"version":"hidden"' })),
  files: NAMES.map((name) => file(name)),
  serial: 7,
}
/** As an earlier version of this program wrote them. */
const inOneLine = (earlier: IndexFacts) => new Uint8Array(zstdCompressSync(JSON.stringify(earlier)))

it('facts have the files that lack a side-car, where there are any', async () => {
  const lackSideCars = NAMES.toReversed()
  const packed = packFacts({ ...facts, lackSideCars })
  expect(await listLackingSideCars(packed)).toEqual(lackSideCars)
  expect(unpackFacts(packed)).toEqual({ ...facts, lackSideCars })
  expect(await findFiles(packed, new Set(NAMES))).toEqual(facts.files)
  for (const without of [packFacts(facts), inOneLine(facts)]) expect(await listLackingSideCars(without)).toEqual([])
})

describe.each([
  ['packed here', packFacts(facts)],
  ['packed by an earlier version', inOneLine(facts)],
])('facts, %s', (_, packed) => {
  it('come back whole', () => {
    expect(unpackFacts(packed)).toEqual(facts)
  })

  it('have the files of several names, found in one look', async () => {
    const wanted = NAMES.filter((name) => name.length % 2 === 0)
    expect(await findFiles(packed, new Set([...wanted, 'neither']))).toEqual(wanted.map((name) => file(name)))
    expect(await findFiles(packed, new Set(NAMES))).toEqual(facts.files)
    expect(await findFiles(packed, new Set())).toEqual([])
  })

  it.each(NAMES)('have the file %j and its version', async (name) => {
    expect(await findFile(packed, { file: name })).toEqual({
      file: file(name),
      version: facts.versions.find(({ version }) => version === `of ${name}`),
    })
    expect(await hasVersion(packed, `of ${name}`)).toBe(true)
  })

  it.each(['a-1.0.0', 'hidden', 'a', 'toString', 'of'])('do not have %j', async (name) => {
    expect(await findFile(packed, { file: name })).toBeUndefined()
    expect(await hasVersion(packed, name)).toBe(false)
  })
})

it('of two files of one name the one at the path is meant', async () => {
  const packed = packFacts({
    ...facts,
    files: [file('a', { path: 'one/a' }), file('a', { path: 'two/a', version: 'x' })],
  })
  expect(await findFile(packed, { file: 'a', path: 'two/a' })).toEqual({
    file: file('a', { path: 'two/a', version: 'x' }),
  })
  expect(await findFile(packed, { file: 'a', path: 'three/a' })).toBeUndefined()
})

it('of nothing have nothing', async () => {
  const none = { versions: [], files: [], serial: null }
  expect(unpackFacts(packFacts(none))).toEqual(none)
  expect(await findFile(packFacts(none), { file: '' })).toBeUndefined()
})
