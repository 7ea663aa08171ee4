import { describe, expect, it } from 'vitest'
import { displayName } from '../../registry/names.ts'
import { parseNpmName, parseParts, requireNewName } from './name.ts'

describe('npm names', () => {
  it.each([
    ['hello', null, 'hello', 'hello'],
    ['@acme/hello', 'acme', 'hello', 'acme/hello'],
    ['JSONStream', null, 'JSONStream', 'JSONStream'],
    ['@Acme/Hello', 'Acme', 'Hello', 'Acme/Hello'],
    ['@types/_internal', 'types', '_internal', 'types/_internal'],
    ["what's~this!(*)", null, "what's~this!(*)", "what's~this!(*)"],
    ['constructor', null, 'constructor', 'constructor'],
    ['hasOwnProperty', null, 'hasOwnProperty', 'hasOwnProperty'],
    ['nul', null, 'nul', 'nul'],
    ['-', null, '-', '-'],
    ['a..b', null, 'a..b', 'a..b'],
    ['a'.repeat(214), null, 'a'.repeat(214), 'a'.repeat(214)],
  ])('%s is a name', (raw, namespace, name, key) => {
    expect(parseNpmName(raw)).toEqual({ format: 'npm', namespace, name, key })
    expect(displayName(parseNpmName(raw))).toBe(raw)
    expect(parseParts(namespace, name)).toEqual(parseNpmName(raw))
  })

  it.each([
    '',
    '.hidden',
    '..',
    '_private',
    '__proto__',
    'a/b',
    '@acme',
    '@/hello',
    '@acme/',
    '@acme/a/b',
    '@.acme/hello',
    '@acme/.hello',
    '@acme/..',
    'with space',
    ' hello',
    'per%cent',
    'nul\u0000',
    'line\n',
    'ünïcode',
    'semi;colon',
    'node_modules',
    'Favicon.ico',
    'a'.repeat(215),
    `@${'a'.repeat(107)}/${'b'.repeat(106)}`,
  ])('%j is none', (raw) => {
    expect(() => parseNpmName(raw)).toThrow(expect.objectContaining({ code: 'invalid' }))
  })

  it.each(['JSONStream', '@Acme/hello', "it's", 'a*', '@acme/~x'])('%s is not free to take any more', (raw) => {
    expect(() => requireNewName(parseNpmName(raw))).toThrow(expect.objectContaining({ code: 'invalid' }))
  })

  it.each(['hello', '@acme/hello.js', 'a-b_c.d'])('%s may be taken', (raw) => {
    expect(requireNewName(parseNpmName(raw))).toBeUndefined()
  })
})
