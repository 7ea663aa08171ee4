import { describe, expect, it } from 'vitest'
import { ecosystem } from './ecosystem.ts'
import { parseNpmName } from './name.ts'

describe('npm as an ecosystem', () => {
  it.each([
    ['hello', 'hello'],
    ['@acme/hello', '@acme%2fhello'],
  ])('the index of %s lies at %s', (name, path) => {
    expect(ecosystem.indexPath(parseNpmName(name))).toBe(path)
  })

  it('sorts as semantic versioning does, what is no version first', () => {
    const sorted = ['nonsense', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0', '1.0.0+build', '1.2.0', '1.10.0', '2.0.0']
    expect(sorted.toReversed().toSorted((a, b) => ecosystem.compareVersions(a, b))).toEqual(sorted)
  })

  it.each([
    ['1.0.0', '1.0.0+build.7', true],
    ['1.0.0', 'v1.0.0', true],
    ['1.0.0-beta', '1.0.0beta', true],
    ['1.0.0', '1.0.1', false],
    ['1.0.0', '1.0.0-0', false],
    ['nonsense', 'other nonsense', false],
  ])('takes %s and %s for one version: %s', (a, b, same) => {
    expect(ecosystem.versionKey(a) === ecosystem.versionKey(b)).toBe(same)
  })

  it('compares texts that are hostile to version parsers at once', () => {
    const started = performance.now()
    for (const text of ['1.', ' ', '-', '9'])
      expect(ecosystem.compareVersions(text.repeat(100_000), '1.0.0')).toBeLessThan(0)
    expect(performance.now() - started).toBeLessThan(400)
  })
})
