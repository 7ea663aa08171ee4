import { describe, expect, it } from 'vitest'
import { RegistryError } from '../registry/errors.ts'
import { compilePattern, readPattern } from './pattern.ts'

const matches = (pattern: unknown, data: unknown): boolean =>
  compilePattern(typeof pattern === 'string' ? pattern : JSON.stringify(pattern)).matches(data)

/** What EventBridge sends of a package that was published, in short. */
const EVENT = {
  source: 'aws.codeartifact',
  account: '111122223333',
  resources: ['arn:aws:codeartifact:us-east-1:111122223333:package/team/main/npm/acme/hello'],
  detail: {
    domainName: 'team',
    packageFormat: 'npm',
    packageNamespace: 'acme',
    packageName: 'hello',
    packageVersion: '1.4.0-beta.2',
    license: null,
    changes: { assetsAdded: 300, metadataUpdated: true },
    address: '10.0.1.77',
    tags: ['latest', 'beta'],
    builds: [
      { os: 'linux', cpu: 'arm64' },
      { os: 'darwin', cpu: 'x64' },
    ],
    none: [],
    note: 'half * of \\ it',
  },
}

describe('values', () => {
  it.each([
    ['a string', { source: ['aws.codeartifact'] }, true],
    ['another string', { source: ['granary'] }, false],
    ['case counts', { source: ['AWS.CodeArtifact'] }, false],
    ['one of several', { source: ['granary', 'aws.codeartifact'] }, true],
    ['all fields', { source: ['aws.codeartifact'], account: ['999988887777'] }, false],
    ['nested', { detail: { packageName: ['hello'], changes: { metadataUpdated: [true] } } }, true],
    ['a field that is not there', { detail: { nothing: ['x'] } }, false],
    ['nested below what is no object', { source: { deeper: ['x'] } }, false],
    ['the name of a method', { toString: ['x'] }, false],
    ['an object in the place of a value', { detail: ['x'] }, false],
    ['false is not true', { detail: { changes: { metadataUpdated: [false] } } }, false],
    ['a number is no string', { detail: { changes: { assetsAdded: ['300'] } } }, false],
    ['null', { detail: { license: [null] } }, true],
    ['null is not empty', { detail: { license: [''] } }, false],
    ['null is not nothing', { detail: { nothing: [null] } }, false],
    ['one element of an array', { detail: { tags: ['beta'] } }, true],
    ['no element of an array', { detail: { tags: ['stable'] } }, false],
    ['an element in a prefix', { resources: [{ prefix: 'arn:aws:codeartifact:' }] }, true],
  ])('%s', (_what, pattern, expected) => expect(matches(pattern, EVENT)).toBe(expected))

  it.each(['300', '300.0', '3e2', '3.0E+2'])('the number %s is 300', (number) => {
    expect(matches(`{"detail":{"changes":{"assetsAdded":[${number}]}}}`, EVENT)).toBe(true)
    expect(matches(`{"detail":{"changes":{"assetsAdded":[${number}1]}}}`, EVENT)).toBe(false)
  })
})

describe('operators', () => {
  it.each([
    [{ packageName: [{ prefix: 'hel' }] }, true],
    [{ packageName: [{ prefix: 'Hel' }] }, false],
    [{ packageName: [{ prefix: { 'equals-ignore-case': 'HEL' } }] }, true],
    [{ packageName: [{ suffix: 'llo' }] }, true],
    [{ packageName: [{ suffix: 'LLO' }] }, false],
    [{ packageName: [{ suffix: { 'equals-ignore-case': 'LLO' } }] }, true],
    [{ packageName: [{ 'equals-ignore-case': 'HELLO' }] }, true],
    [{ packageName: [{ 'equals-ignore-case': 'HELL' }] }, false],
    [{ changes: { assetsAdded: [{ prefix: '3' }] } }, false],
    [{ packageName: [{ wildcard: 'h*o' }] }, true],
    [{ packageName: [{ wildcard: '*' }] }, true],
    [{ packageName: [{ wildcard: 'hello' }] }, true],
    [{ packageName: [{ wildcard: 'h*l' }] }, false],
    [{ packageName: [{ wildcard: 'hel*llo' }] }, false],
    [{ packageVersion: [{ wildcard: '1.*-beta.*' }] }, true],
    [{ note: [{ wildcard: 'half \\* of*' }] }, true],
    [{ note: [{ wildcard: '*\\\\ it' }] }, true],
    [{ note: [{ wildcard: 'half \\*' }] }, false],
    [{ packageName: [{ 'anything-but': 'hello' }] }, false],
    [{ packageName: [{ 'anything-but': 'hell' }] }, true],
    [{ packageName: [{ 'anything-but': ['hi', 'hello'] }] }, false],
    [{ packageName: [{ 'anything-but': 300 }] }, true],
    [{ nothing: [{ 'anything-but': 'hello' }] }, false],
    [{ license: [{ 'anything-but': 'MIT' }] }, true],
    [{ changes: { assetsAdded: [{ 'anything-but': [300, 400] }] } }, false],
    [{ changes: { assetsAdded: [{ 'anything-but': '300' }] } }, true],
    [{ packageVersion: [{ 'anything-but': { suffix: '-beta.2' } }] }, false],
    [{ packageVersion: [{ 'anything-but': { suffix: ['-rc', '-alpha'] } }] }, true],
    [{ packageVersion: [{ 'anything-but': { wildcard: '*-beta*' } }] }, false],
    [{ packageVersion: [{ 'anything-but': { wildcard: ['0.*', '2.*'] } }] }, true],
    [{ packageName: [{ 'anything-but': { 'equals-ignore-case': 'HELLO' } }] }, false],
    [{ packageName: [{ 'anything-but': { prefix: 'x' } }] }, true],
    [{ tags: [{ 'anything-but': 'latest' }] }, true],
    [{ tags: [{ 'anything-but': ['latest', 'beta'] }] }, false],
    [{ changes: { assetsAdded: [{ numeric: ['=', 300.0] }] } }, true],
    [{ changes: { assetsAdded: [{ numeric: ['<', 300] }] } }, false],
    [{ changes: { assetsAdded: [{ numeric: ['<=', 300] }] } }, true],
    [{ changes: { assetsAdded: [{ numeric: ['>', 300] }] } }, false],
    [{ changes: { assetsAdded: [{ numeric: ['>=', 300, '<', 301] }] } }, true],
    [{ changes: { assetsAdded: [{ numeric: ['>', 0, '<=', 299] }] } }, false],
    [{ address: [{ numeric: ['>', 0] }] }, false],
    [{ address: [{ cidr: '10.0.0.0/16' }] }, true],
    [{ address: [{ cidr: '10.0.2.0/24' }] }, false],
    [{ address: [{ cidr: '2001:db8::/32' }] }, false],
    [{ packageName: [{ cidr: '0.0.0.0/0' }] }, false],
    [{ packageName: [{ exists: true }] }, true],
    [{ license: [{ exists: true }] }, true],
    [{ nothing: [{ exists: true }] }, false],
    [{ nothing: [{ exists: false }] }, true],
    [{ license: [{ exists: false }] }, false],
    // EventBridge: it looks at leaves only.
    [{ changes: [{ exists: true }] }, false],
    [{ changes: [{ exists: false }] }, true],
    [{ none: [{ exists: false }] }, true],
    [{ none: [{ exists: true }] }, false],
    [{ nothing: [{ exists: false }, 'x'] }, true],
    [{ packageName: [{ exists: false }, 'hello'] }, true],
    [{ packageName: [{ exists: false }, 'x'] }, false],
    [{ nothing: { deeper: [{ exists: false }] } }, true],
  ])('%j: %s', (detail, expected) => expect(matches({ detail }, EVENT)).toBe(expected))

  it.each([
    ['2001:db8::1', '2001:db8::/32', true],
    ['2001:db9::1', '2001:db8::/32', false],
    ['10.0.0.1', '10.0.0.1/32', true],
    // Only what is written as an address is one.
    ['10.1', '10.0.0.0/8', false],
    ['0x0a.0.0.1', '10.0.0.0/8', false],
    ['', '10.0.0.0/8', false],
  ])('the address %j in %s: %s', (ip, cidr, expected) => expect(matches({ ip: [{ cidr }] }, { ip })).toBe(expected))
})

describe('$or', () => {
  const either = {
    $or: [{ detail: { packageFormat: ['pypi'] } }, { detail: { packageName: [{ prefix: 'h' }] } }],
  }

  it.each([
    ['one of them holds', either, true],
    ['none holds', { $or: [{ source: ['x'] }, { account: ['y'] }] }, false],
    ['besides fields that hold', { source: ['aws.codeartifact'], ...either }, true],
    ['besides fields that do not', { source: ['x'], ...either }, false],
    ['inside an object', { detail: { $or: [{ packageName: ['hello'] }, { domainName: ['x'] }] } }, true],
    [
      'inside another',
      { $or: [{ $or: [{ source: ['x'] }, { source: [{ prefix: 'aws' }] }] }, { source: ['y'] }] },
      true,
    ],
    ['of the same field', { $or: [{ source: ['x'] }, { source: ['aws.codeartifact'] }] }, true],
    ['of what is not there', { $or: [{ nothing: [{ exists: false }] }, { source: ['x'] }] }, true],
  ])('%s', (_what, pattern, expected) => expect(matches(pattern, EVENT)).toBe(expected))

  it('is a field of that name where it is nothing else', () => {
    expect(matches({ $or: ['a'] }, { $or: 'a' })).toBe(true)
    expect(matches({ $or: [{ prefix: 'a' }, { suffix: 'z' }] }, { $or: 'abc' })).toBe(true)
    expect(matches({ $or: [{ prefix: 'a' }, { suffix: 'z' }] }, { $or: 'b' })).toBe(false)
    expect(matches({ $or: { a: ['b'] } }, { $or: { a: 'b' } })).toBe(true)
  })
})

describe('objects in arrays', () => {
  it.each([
    ['in the same element', { os: ['linux'], cpu: ['arm64'] }, true],
    ['in different elements', { os: ['linux'], cpu: ['x64'] }, false],
    ['one field', { cpu: ['x64'] }, true],
    ['without a field', { os: ['linux'], note: [{ exists: false }] }, true],
    ['a field that none has', { note: [{ exists: false }] }, true],
    ['a field that one has', { os: [{ exists: false }] }, false],
    ['$or of the same element', { os: ['linux'], $or: [{ cpu: ['x64'] }, { cpu: ['s390x'] }] }, false],
  ])('match %s', (_what, builds, expected) => expect(matches({ detail: { builds } }, EVENT)).toBe(expected))

  it('match through arrays of arrays', () => {
    const data = { a: [[{ b: 1, c: 1 }], [{ b: 2, c: 2 }, { b: [3, 4] }]] }
    expect(matches({ a: { b: [2], c: [2] } }, data)).toBe(true)
    expect(matches({ a: { b: [1], c: [2] } }, data)).toBe(false)
    expect(matches({ a: { b: [4] } }, data)).toBe(true)
    expect(matches({ a: { d: [{ exists: false }] } }, data)).toBe(true)
    expect(matches({ a: [{ exists: false }] }, { a: [[], [[]]] })).toBe(true)
    expect(matches({ a: [{ exists: false }] }, { a: [[], ['x']] })).toBe(false)
  })

  it('match however deep the arrays are', () => {
    const deep = 500_000
    const data: unknown = JSON.parse(`{"a":${'['.repeat(deep)}"x"${']'.repeat(deep)}}`)
    expect(matches({ a: ['x'] }, data)).toBe(true)
    expect(matches({ a: ['y'] }, data)).toBe(false)
  })
})

describe('what is no pattern', () => {
  const problems = (text: string) => {
    const read = readPattern(text)
    return 'problems' in read ? read.problems : []
  }

  it.each([
    ['', '', 'not JSON'],
    ['[]', '', 'is an object'],
    ['{}', '', 'without members'],
    ['{"a":{}}', '/a', 'without members'],
    ['{"a":"b"}', '/a', 'stands in an array'],
    ['{"a":{"b":1}}', '/a/b', 'stands in an array'],
    ['{"a":[]}', '/a', 'without values'],
    ['{"a":[["b"]]}', '/a/0', 'array inside'],
    ['{"a":[{}]}', '/a/0', 'one operator'],
    ['{"a":[{"regex":"b"}]}', '/a/0', 'one operator'],
    ['{"a":[{"prefix":"b","suffix":"c"}]}', '/a/0', 'one operator'],
    ['{"a":[{"constructor":"b"}]}', '/a/0', 'one operator'],
    ['{"a":[{"prefix":1}]}', '/a/0/prefix', 'takes a string'],
    ['{"a":[{"prefix":{"wildcard":"b"}}]}', '/a/0/prefix', 'takes a string'],
    ['{"a":[{"equals-ignore-case":{"prefix":"b"}}]}', '/a/0/equals-ignore-case', 'takes a string'],
    ['{"a":[{"wildcard":"b**c"}]}', '/a/0/wildcard', '**'],
    ['{"a":[{"wildcard":"b\\\\c"}]}', '/a/0/wildcard', 'escapes'],
    ['{"a":[{"wildcard":"b\\\\"}]}', '/a/0/wildcard', 'escapes'],
    ['{"a":[{"anything-but":true}]}', '/a/0/anything-but', '"anything-but" takes'],
    ['{"a":[{"anything-but":[]}]}', '/a/0/anything-but', '"anything-but" takes'],
    ['{"a":[{"anything-but":["b",1]}]}', '/a/0/anything-but', '"anything-but" takes'],
    ['{"a":[{"anything-but":{"cidr":"10.0.0.0/8"}}]}', '/a/0/anything-but/cidr', 'one operator'],
    ['{"a":[{"anything-but":{"prefix":[1]}}]}', '/a/0/anything-but/prefix/0', 'takes a string'],
    ['{"a":[{"anything-but":{"prefix":[]}}]}', '/a/0/anything-but/prefix', 'without values'],
    ['{"a":[{"numeric":5}]}', '/a/0/numeric', '"numeric" takes'],
    ['{"a":[{"numeric":[">"]}]}', '/a/0/numeric', '"numeric" takes'],
    ['{"a":[{"numeric":["!=",5]}]}', '/a/0/numeric', '"numeric" takes'],
    ['{"a":[{"numeric":[">","5"]}]}', '/a/0/numeric', '"numeric" takes'],
    ['{"a":[{"numeric":["<",5,">",1]}]}', '/a/0/numeric', '"numeric" takes'],
    ['{"a":[{"numeric":["=",5,"<",9]}]}', '/a/0/numeric', '"numeric" takes'],
    ['{"a":[{"numeric":[">",5,"<",5]}]}', '/a/0/numeric', 'lower bound'],
    ['{"a":[{"numeric":["<",1e999]}]}', '/a/0/numeric', '"numeric" takes'],
    ['{"a":[{"cidr":"10.0.0.1"}]}', '/a/0/cidr', 'range of addresses'],
    ['{"a":[{"cidr":"10.0.0.0/33"}]}', '/a/0/cidr', 'range of addresses'],
    ['{"a":[{"exists":"true"}]}', '/a/0/exists', 'true or false'],
    ['{"$or":[{"a":["b"]},{"a":"c"}]}', '/$or/1/a', 'stands in an array'],
    ['{"$or":[{"a":["b"]}]}', '/$or/0', 'one operator'],
    ['{"a":["b"],"a":["c"]}', '', 'twice'],
    ['{"a/b~c":"d"}', '/a~1b~0c', 'stands in an array'],
  ])('%s', (text, path, message) => {
    const [problem] = problems(text)
    expect(problem?.path).toBe(path)
    expect(problem?.message).toContain(message)
  })

  it('is refused with the place of every mistake', () => {
    const text = '{\n  "a": "b",\n  "c": [\n    {"prefix": 1}, {"exists": 2}\n  ]\n}'
    expect(problems(text).map(({ path, line }) => [path, line])).toEqual([
      ['/a', 2],
      ['/c/0/prefix', 4],
      ['/c/1/exists', 4],
    ])
    expect(() => compilePattern(text)).toThrow(RegistryError)
    expect(() => compilePattern(text)).toThrow(/\/a \(line 2\): .*; \/c\/0\/prefix \(line 4\): /)
  })

  it.each([
    ['too long', JSON.stringify({ a: ['x'.repeat(4_090)] }), 'characters'],
    ['too deep', `${'{"a":'.repeat(20)}["b"]${'}'.repeat(20)}`, 'deeper'],
    ['wildcards without end', JSON.stringify({ a: [{ wildcard: 'a*'.repeat(40) }] }), '30 wildcards'],
    [
      'many with some',
      JSON.stringify({ a: Array.from({ length: 40 }, (_, each) => ({ wildcard: `${each}*` })) }),
      '30 wildcards',
    ],
  ])('%s', (_what, text, message) => {
    expect(problems(text).map(({ message: each }) => each)).toEqual([expect.stringContaining(message)])
  })
})

it('takes no longer for a value that was made to be hard', () => {
  const hard = compilePattern(JSON.stringify({ a: [{ wildcard: `${'*a'.repeat(29)}*b` }] }))
  const begun = performance.now()
  expect(hard.matches({ a: 'a'.repeat(100_000) })).toBe(false)
  expect(hard.matches({ a: `${'a'.repeat(100_000)}b` })).toBe(true)
  expect(performance.now() - begun).toBeLessThan(200)
})
