import { describe, expect, it } from 'vitest'
import { readIni, setIni } from './ini.ts'

describe('reading INI', () => {
  it('finds values by section and key', () => {
    const text = [
      '; npm',
      'registry=https://npm.example/',
      '//npm.example/:_authToken = a=b',
      '',
      '[distutils]',
      'index-servers =',
      '    one',
      '    # not a server',
      '    two',
      '[one] # first',
      'password = x;y#z',
      '',
    ].join('\r\n')
    const sections = readIni(text)
    expect(Object.fromEntries(sections.get('') ?? [])).toEqual({
      registry: 'https://npm.example/',
      '//npm.example/:_authToken': 'a=b',
    })
    expect(sections.get('distutils')?.get('index-servers')).toBe('\none\ntwo')
    expect(sections.get('one')?.get('password')).toBe('x;y#z')
  })

  it('takes the last of several values', () => {
    expect(readIni('a = 1\na = 2\n').get('')?.get('a')).toBe('2')
  })
})

describe('setting one value of INI', () => {
  const set = (text: string, section: string | null, key: string, value: string) =>
    setIni(text, { section, key, value })

  it.each([
    ['an empty file', '', null, 'k = v\n'],
    ['an empty file, in a section', '', 's', '[s]\nk = v\n'],
    ['no line end', 'a=1', null, 'a=1\nk = v\n'],
    ['Windows lines', 'a=1\r\nb=2\r\n', null, 'a=1\nb=2\nk = v\n'],
    ['other values', '# c\na=1\n\n[s]\nb=2\n', null, '# c\na=1\nk = v\n\n[s]\nb=2\n'],
    ['no value before its first section', '[s]\nb=2\n', null, 'k = v\n[s]\nb=2\n'],
    ['its section', 'a=1\n[s]\nb=2\n\n[t]\nk=0\n', 's', 'a=1\n[s]\nb=2\nk = v\n\n[t]\nk=0\n'],
    ['its empty section', '[s]\n[t]\n', 's', '[s]\nk = v\n[t]\n'],
    ['no section of its own', 'a=1\n', 's', 'a=1\n\n[s]\nk = v\n'],
    ['an old value', 'a=1\nk=old\nb=2\n', null, 'a=1\nk = v\nb=2\n'],
    ['several old values', 'k=1\na=1\nk=2\n', null, 'k = v\na=1\n'],
    ['an old value of many lines', '[s]\nk =\n  one\n  two\nb=2\n', 's', '[s]\nk = v\nb=2\n'],
    ['a comment that looks like it', '# k=old\n', null, '# k=old\nk = v\n'],
    ['a longer key', 'kk=1\n', null, 'kk=1\nk = v\n'],
  ])('leaves all else in a file with %s', (_, before, section, after) => {
    expect(set(before, section, 'k', 'v')).toBe(after)
    expect(set(after, section, 'k', 'v')).toBe(after)
  })

  it('writes a value of many lines without a space behind the =', () => {
    expect(set('', 's', 'k', '\n    one\n    two')).toBe('[s]\nk =\n    one\n    two\n')
  })

  it('knows other spellings of a key', () => {
    const setting = { section: 'global', key: 'index-url', value: 'new' }
    const same = (a: string, b: string) => a.replaceAll('_', '-') === b
    expect(setIni('[global]\nindex_url = old\n', setting, same)).toBe('[global]\nindex-url = new\n')
  })
})
