import { describe, expect, it } from 'vitest'
import { compareVersions, parseVersion, versionKey } from './version.ts'

describe('normal forms', () => {
  it.each([
    ['1.0', '1.0', '1'],
    ['v1.0.0', '1.0.0', '1'],
    ['0.0', '0.0', '0'],
    ['1!2.0', '1!2.0', '1!2'],
    ['1.0-1', '1.0.post1', '1.post1'],
    ['1.0.post', '1.0.post0', '1.post0'],
    ['1.0-Alpha_2', '1.0a2', '1a2'],
    ['1.0c', '1.0rc0', '1rc0'],
    ['1.0-preview3', '1.0rc3', '1rc3'],
    ['1.0rev2', '1.0.post2', '1.post2'],
    ['1.0DEV', '1.0.dev0', '1.dev0'],
    ['1.2.3rc1.post2.dev3+Ubuntu-1_x', '1.2.3rc1.post2.dev3+ubuntu.1.x', '1.2.3rc1.post2.dev3+ubuntu.1.x'],
    ['2.4.0+cu121', '2.4.0+cu121', '2.4+cu121'],
    [' 01.02 ', '1.2', '1.2'],
  ])('%j is %s, and equals what has the key %s', (raw, text, key) => {
    expect(parseVersion(raw)).toMatchObject({ text, key })
  })

  it.each([
    '',
    '1.',
    '.1',
    'a',
    '1.0+',
    '1.0++a',
    '1..0',
    '1.0-',
    '1.0 a',
    '1.0a.b',
    '1!',
    '1.0-x',
    'french toast',
    '1.0\n2',
    `1.${'0'.repeat(200)}`,
  ])('%j is no version', (raw) => {
    expect(parseVersion(raw)).toBeUndefined()
    expect(versionKey(raw)).toBe(raw)
  })
})

describe('order', () => {
  const RISING = [
    'french toast', // what is no version comes first, by its text
    'not-a-version',
    '0.9',
    '1.0.dev1',
    '1.0a1.dev1',
    '1.0a1',
    '1.0a1.post1',
    '1.0b2',
    '1.0rc1',
    '1.0',
    '1.0+abc',
    '1.0+abc.1',
    '1.0+5',
    '1.0.post1.dev2',
    '1.0.post1',
    '1.0.1',
    '1.10',
    '2024.1.1',
    '20240101123456789012',
    '20240101123456789013',
    '1!0.1',
  ]

  it('is that of PEP 440', () => {
    expect(RISING.toReversed().toSorted(compareVersions)).toEqual(RISING)
  })

  it.each([
    ['1.0', '1.0.0'],
    ['1.0', 'v1'],
    ['1.0c1', '1.0rc1'],
    ['1.0-1', '1.0.post1'],
    ['1.0+a-b', '1.0+A.b'],
  ])('%s equals %s', (a, b) => {
    expect(compareVersions(a, b)).toBe(0)
    expect(versionKey(a)).toBe(versionKey(b))
  })

  it.each([
    ['1.0+1e5', '1.0+100000'],
    ['1.0+0x1f', '1.0+31'],
    ['1.20240101123456789012', '1.20240101123456789013'],
  ])('%s does not equal %s', (a, b) => {
    expect(compareVersions(a, b)).not.toBe(0)
  })
})

describe('versions that were read before', () => {
  const many = Array.from({ length: 9_000 }, (_, each) => `${each}.0`)

  it('are read as at first, also when thousands of others came between', () => {
    const [version, none] = [parseVersion('7.0.0rc1'), parseVersion('french toast')]
    const keys = many.map(versionKey)
    expect(keys).toEqual(many.map((_, each) => String(each)))
    expect([parseVersion('7.0.0rc1'), parseVersion('french toast')]).toEqual([version, none])
    expect([version?.key, none]).toEqual(['7rc1', undefined])
    expect(many.map(versionKey)).toEqual(keys)
  })
})
