import { describe, expect, it } from 'vitest'
import { BadPattern, compileArn, compilePattern, matches, matchesArn, type Context } from './match.ts'

const context: Context = new Map<string, string | readonly string[]>([
  ['aws:username', 'bob'],
  ['aws:principaltag/team', 'a*b'],
  ['aws:tagkeys', ['one']],
])

describe('patterns', () => {
  it.each([
    ['abc', 'abc', true],
    ['abc', 'ABC', false],
    ['a*', 'a', true],
    ['a*c', 'abbbc', true],
    ['a*c', 'abbbd', false],
    ['*', '', true],
    ['?', '', false],
    ['?', '😀', true],
    ['a?c', 'abc', true],
    ['*a*b*c', 'xaxbxxc', true],
    ['*a*b*c', 'xaxbxxcx', false],
    ['', '', true],
    ['', 'a', false],
    ['a**b', 'ab', true],
    // Everything but the two wildcards is literal.
    ['a.c', 'abc', false],
    ['[ab]', 'a', false],
    ['${aws:username}', 'bob', true],
    ['${AWS:UserName}/*', 'bob/x', true],
    ['${aws:username}', 'bobby', false],
    ['${aws:missing}', '', false],
    ['${aws:missing}*', 'x', false],
    ["${aws:missing, 'nobody'}", 'nobody', true],
    ["${aws:username, 'nobody'}", 'nobody', false],
    ['${aws:TagKeys}', 'one', false],
    // A value's own wildcards are text.
    ['${aws:PrincipalTag/team}', 'a*b', true],
    ['${aws:PrincipalTag/team}', 'axb', false],
    ['a${*}b', 'a*b', true],
    ['a${*}b', 'axb', false],
    ['${?}${$}{x}', '?${x}', true],
  ])('%j on %j is %j', (pattern, value, expected) => {
    expect(matches(compilePattern(pattern, { wildcards: true, variables: true }), value, context)).toBe(expected)
  })

  it.each(['${aws:username', '${}', '${username}', '${aws:username, nobody}', '${aws:user name}'])(
    'refuses %j',
    (pattern) => {
      expect(() => compilePattern(pattern, { wildcards: true, variables: true })).toThrow(BadPattern)
    },
  )

  it('answers a pattern that was made to be slow at once', () => {
    const pattern = compilePattern(`${'*a'.repeat(200)}b`, { wildcards: true, variables: false })
    const started = performance.now()
    expect(matches(pattern, 'a'.repeat(5_000), context)).toBe(false)
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})

const REPOSITORY = 'arn:aws:codeartifact:us-east-1:111122223333:repository/local/main'
const PACKAGE = 'arn:aws:codeartifact:us-east-1:111122223333:package/local/main/npm/acme/hello'

describe('ARNs', () => {
  it.each([
    ['*', REPOSITORY, true],
    ['*', '*', true],
    [REPOSITORY, REPOSITORY, true],
    [REPOSITORY, REPOSITORY.toUpperCase(), false],
    ['arn:aws:codeartifact:*:111122223333:*', REPOSITORY, true],
    ['arn:aws:codeartifact:us-east-?:*:repository/local/*', REPOSITORY, true],
    ['arn:aws:codeartifact:*:*:*', PACKAGE, true],
    ['arn:aws:codeartifact:*:*:package/local/*/hello', PACKAGE, true],
    ['arn:*:codeartifact:*:*:package/*', PACKAGE, true],
    // The `*` of one part does not run into the next.
    ['arn:aws:codeartifact:us*repository/local/main:*:*', REPOSITORY, false],
    ['arn:aws:codeartifact:*:*:domain/local', REPOSITORY, false],
    ['arn:aws:codeartifact:*:*:*', '*', false],
    ['arn:aws:codeartifact:*:*:package/local/main/npm//react', PACKAGE.replace('acme/hello', '/react'), true],
  ])('%s on %s is %j', (pattern, value, expected) => {
    expect(matchesArn(compileArn(pattern, 'none'), value, context)).toBe(expected)
  })

  it.each([
    'arn:aws:*:us-east-1:111122223333:x',
    'arn:aws:s3',
    'arn:aws:codeartifact:*:repository/local/main',
    'repository/local/main',
    '',
    '**',
    'arn:${a:b}:s3:::x',
  ])('refuses %j', (pattern) => {
    expect(() => compileArn(pattern, 'resource part only')).toThrow(BadPattern)
  })

  it('does not read a variable in the value', () => {
    const pattern = compileArn('arn:aws:x:r:a:${aws:username}', 'anywhere')
    expect(matchesArn(pattern, 'arn:aws:x:r:a:bob', context)).toBe(true)
    expect(matchesArn(pattern, 'arn:aws:x:r:a:${aws:username}', context)).toBe(false)
    expect(matchesArn(compileArn('arn:aws:x:r:${aws:username}:y', 'anywhere'), 'arn:aws:x:r:bob:y', context)).toBe(true)
  })
})
