import { describe, expect, it } from 'vitest'
import { parseTag, repairTags } from './tags.ts'

describe('names of dist-tags', () => {
  it.each(['latest', 'next', 'beta-2', 'v1-lts', 'constructor', 'legacy_x'])('%s', (tag) => {
    expect(parseTag(tag)).toBe(tag)
  })

  it.each([
    '',
    ' ',
    '__proto__',
    'a/b',
    '1.0.0',
    'v1',
    '1.x',
    '*',
    '^1',
    '>=1 <2',
    'x',
    '1',
    'a b',
    'ä',
    'a%2f',
    'a'.repeat(215),
    '1.'.repeat(50_000),
  ])('%j is refused', (tag) => {
    expect(() => parseTag(tag)).toThrow(expect.objectContaining({ code: 'invalid' }))
  })
})

describe('tags whose versions are not all shown', () => {
  const repaired = (tags: Record<string, string>, visible: readonly string[]) =>
    Object.fromEntries(repairTags(new Map(Object.entries(tags)), visible))

  it.each([
    ['all are there', { latest: '2.0.0', beta: '1.0.0' }, ['1.0.0', '2.0.0'], { latest: '2.0.0', beta: '1.0.0' }],
    ['latest steps down', { latest: '2.0.0' }, ['1.0.0', '1.10.0', '1.9.0', '3.0.0'], { latest: '1.10.0' }],
    ['to a stable one', { latest: '2.0.0' }, ['1.0.0', '2.0.0-rc.1'], { latest: '1.0.0' }],
    ['or to a prerelease', { latest: '2.0.0' }, ['2.0.0-rc.1', '3.0.0-rc.1'], { latest: '2.0.0-rc.1' }],
    ['or up, if nothing is below', { latest: '1.0.0' }, ['2.0.0', '3.0.0', '4.0.0-rc.1'], { latest: '3.0.0' }],
    ['others are dropped', { latest: '1.0.0', beta: '2.0.0-rc.1' }, ['1.0.0'], { latest: '1.0.0' }],
    ['latest is made where it is missing', { beta: '1.0.0' }, ['1.0.0', '1.1.0'], { latest: '1.1.0', beta: '1.0.0' }],
    ['nothing is left', { latest: '1.0.0' }, [], {}],
  ])('%s', (_, tags, visible, expected) => {
    expect(repaired(tags, visible)).toEqual(expected)
  })
})
