import { describe, expect, it } from 'vitest'
import { findName, parseName } from './name.ts'

describe('names', () => {
  it.each([
    ['requests', 'requests'],
    ['Foo_Bar', 'foo-bar'],
    ['FOO.bar', 'foo-bar'],
    ['foo--bar', 'foo-bar'],
    ['foo-_.bar', 'foo-bar'],
    ['ruamel.yaml.clib', 'ruamel-yaml-clib'],
    ['Zope.Interface', 'zope-interface'],
    ['a', 'a'],
    ['0', '0'],
    ['constructor', 'constructor'],
  ])('%s is %s', (raw, key) => {
    expect(findName(raw)).toEqual({ format: 'pypi', namespace: null, name: key, key })
  })

  it.each([
    '',
    '-foo',
    'foo-',
    '.foo',
    'foo_',
    '__proto__',
    'foo bar',
    'foo/bar',
    'foo;x=1',
    'foo\n',
    'naïve',
    'foo\0',
    'ſ',
    'a'.repeat(256),
  ])('%j is none', (raw) => {
    expect(findName(raw)).toBeUndefined()
    expect(() => parseName(raw, null)).toThrow(expect.objectContaining({ code: 'invalid' }))
  })

  it('has no namespace', () => {
    expect(parseName('Hello', '').key).toBe('hello')
    expect(() => parseName('hello', 'acme')).toThrow(expect.objectContaining({ code: 'invalid' }))
  })
})
