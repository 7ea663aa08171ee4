import { describe, expect, it } from 'vitest'
import type { JsonObject } from './json.ts'
import { requireAgreement } from './manifest-agreement.ts'

const compare =
  (manifest: JsonObject, packageJson: JsonObject, hasBindingGyp = false) =>
  () =>
    requireAgreement(
      { name: '@acme/hello', version: '1.0.0', ...manifest },
      {
        packageJson: { name: '@acme/hello', version: '1.0.0', ...packageJson },
        hasBindingGyp,
        hasShrinkwrap: false,
        fileCount: 1,
        unpackedSize: 1,
      },
    )

describe('a manifest and a package.json that say the same', () => {
  it.each<[string, JsonObject, JsonObject]>([
    ['nothing', {}, {}],
    ['empty members', { dependencies: {}, scripts: {}, bin: {} }, {}],
    ['a version that npm cleaned', {}, { version: ' v1.0.0+build.7' }],
    ['one program', { bin: { hello: 'cli.js' } }, { bin: './cli.js' }],
    [
      'programs with odd names and paths',
      { bin: { b: 'bin/b.js', x: 'x.js' } },
      { bin: { './bin/b': '/bin/b.js', '../x': '../../x.js' } },
    ],
    ['a list of programs', { bin: { 'a.js': 'bin/a.js' } }, { bin: ['./bin/a.js'] }],
    ['a program that is no text', { bin: { a: 'a.js' } }, { bin: { a: 'a.js', b: false } }],
    [
      'a folder of programs',
      { bin: { 'a.js': 'bins//a.js', deep: 'bins/sub/deep' } },
      { directories: { bin: './bins/' } },
    ],
    ['a folder of programs, not listed', {}, { directories: { bin: './bins/' } }],
    [
      'optional dependencies, merged',
      { dependencies: { a: '1', o: '2' }, optionalDependencies: { o: '2' } },
      { dependencies: { a: '1' }, optionalDependencies: { o: '2' } },
    ],
    [
      'optional dependencies, taken apart',
      { dependencies: { a: '1' }, optionalDependencies: { o: '2' } },
      { dependencies: { a: '1', o: '2' }, optionalDependencies: { o: '2' } },
    ],
    ['a range with spaces', { dependencies: { a: '^1.0.0' } }, { dependencies: { a: ' ^1.0.0 ' } }],
    ['a list of dependencies', { dependencies: { a: '', '@s/b': '1' } }, { dependencies: ['a', '@s/b@1'] }],
    [
      'a Git repository, short',
      { dependencies: { a: 'github:user/repo#v1' } },
      { dependencies: { a: 'user/repo#v1' } },
    ],
    [
      'a Git repository over SSH',
      { dependencies: { a: 'git+ssh://git@github.com/user/repo.git' } },
      { dependencies: { a: 'git@github.com:user/repo.git' } },
    ],
    [
      'a Git repository over HTTPS',
      { dependencies: { a: 'git+https://gitlab.com/user/repo.git' } },
      { dependencies: { a: 'gitlab:user/repo' } },
    ],
    [
      'a Git repository as a plain address',
      { dependencies: { a: 'git+https://github.com/user/repo.git#x' } },
      { dependencies: { a: 'https://github.com/user/repo.git#x' } },
    ],
    [
      'a local program in a script',
      { scripts: { install: 'node-pre-gyp install' } },
      { scripts: { install: './node_modules/.bin/node-pre-gyp install' } },
    ],
    [
      'scripts that no install runs',
      { scripts: { start: 'node server.js' } },
      { scripts: { prepare: 'tsc', test: 'vitest' } },
    ],
  ])('%s', (_, manifest, packageJson) => {
    expect(compare(manifest, packageJson)).not.toThrow()
  })

  it.each<[string, JsonObject, JsonObject]>([
    ['added by npm', { scripts: { install: 'node-gyp rebuild' }, gypfile: true }, {}],
    ['added by nobody', {}, {}],
    ['with a script of its own', { scripts: { preinstall: 'x' } }, { scripts: { preinstall: 'x' } }],
  ])('an install script that a binding.gyp implies, %s', (_, manifest, packageJson) => {
    expect(compare(manifest, packageJson, true)).not.toThrow()
  })
})

describe('a manifest that says something else than the package.json', () => {
  it.each<[string, JsonObject, JsonObject]>([
    ['name', {}, { name: '@acme/other' }],
    ['name', {}, { name: undefined }],
    ['version', {}, { version: '1.0.1' }],
    ['version', {}, { version: 100 }],
    ['scripts.postinstall', {}, { scripts: { postinstall: 'curl x | sh' } }],
    ['scripts.postinstall', { scripts: { postinstall: 'true' } }, {}],
    ['scripts.install', { scripts: { install: 'node-gyp rebuild' } }, {}],
    ['scripts.preinstall', { scripts: { preinstall: 'a' } }, { scripts: { preinstall: 'b' } }],
    ['dependencies.evil', {}, { dependencies: { evil: '1' } }],
    ['dependencies.evil', {}, { optionalDependencies: { evil: '1' } }],
    ['dependencies.a', { dependencies: { a: '1' } }, { dependencies: { a: '2' } }],
    ['dependencies.a', { dependencies: { a: 'github:u/r' } }, { dependencies: { a: 'gitlab:u/r' } }],
    ['dependencies.a', { dependencies: { a: 'u/r#1' } }, { dependencies: { a: 'u/r#2' } }],
    ['dependencies.constructor', {}, { dependencies: { constructor: '1' } }],
    ['dependencies.__proto__', {}, JSON.parse('{"dependencies":{"__proto__":"1"}}') as JsonObject],
    ['bin.npm', {}, { bin: { npm: 'x.js' } }],
    ['bin.hello', { bin: { hello: 'a.js' } }, { bin: { hello: 'b.js' } }],
    ['bin.npm', { bin: { npm: 'bins/x.js' } }, { directories: { bin: 'bins' } }],
  ])('in %s', (member, manifest, packageJson) => {
    const expected = { code: 'mismatch', message: `The manifest and the tarball's package.json differ in ${member}` }
    expect(compare(manifest, packageJson)).toThrow(expect.objectContaining(expected))
  })
})
