import { describe, expect, it } from 'vitest'
import { npm } from '../formats/npm/index.ts'
import { pypi } from '../formats/pypi/index.ts'
import { parseWrittenName, parseWrittenPrefix } from './package-names.ts'

const FORMATS = [npm, pypi]

describe('names as people write them', () => {
  it.each([
    ['npm', '@acme/hello', 'acme/hello'],
    ['npm', 'hello', 'hello'],
    ['pypi', 'My_Pkg.Name', 'my-pkg-name'],
  ] as const)('%s %s is the key %s', (format, text, key) => {
    expect(parseWrittenName(FORMATS, format, text).key).toBe(key)
  })

  it.each([
    ['npm', '@acme/', 'acme/'],
    ['npm', '@acme/ui-', 'acme/ui-'],
    ['npm', 'acme-', 'acme-'],
    ['pypi', 'Acme_', 'acme-'],
    ['pypi', 'acme', 'acme'],
  ] as const)('%s %s is the beginning %s', (format, text, prefix) => {
    expect(parseWrittenPrefix(FORMATS, format, text)).toBe(prefix)
  })

  it.each([
    ['npm', '@ac'],
    ['npm', '@/'],
    ['npm', 'a b'],
    ['npm', '../'],
    ['pypi', '@acme/'],
    ['pypi', '-'],
  ] as const)('%s %s is the beginning of none', (format, text) => {
    expect(() => parseWrittenPrefix(FORMATS, format, text)).toThrow(expect.objectContaining({ code: 'invalid' }))
  })
})
