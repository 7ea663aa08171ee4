import { describe, expect, it } from 'vitest'
import { abbreviate, licenseOf } from './manifest.ts'

describe('the abbreviated manifest', () => {
  it('keeps what an install needs, whole', () => {
    const kept = {
      name: 'hello',
      version: '1.0.0',
      dependencies: { a: '1' },
      optionalDependencies: { b: '1' },
      devDependencies: { c: '1' },
      peerDependencies: { d: '1' },
      peerDependenciesMeta: { d: { optional: true } },
      acceptDependencies: { e: '1' },
      bin: { hello: 'cli.js' },
      _hasShrinkwrap: true,
      directories: { lib: 'lib' },
      dist: { tarball: 'http://t.example/x.tgz', signatures: [{ keyid: 'k', sig: 's' }], unpackedSize: 1 },
      engines: { node: '>=24' },
      os: ['linux'],
      cpu: ['x64'],
      libc: ['glibc'],
      deprecated: 'no more',
      funding: 'https://f.example',
      hasInstallScript: true,
    }
    expect(
      abbreviate({ ...kept, readme: 'long', scripts: { test: 'x' }, _id: 'hello@1.0.0', maintainers: [1] }),
    ).toEqual(kept)
  })

  it('drops what is empty or false', () => {
    const empty = {
      dependencies: {},
      os: [],
      _hasShrinkwrap: false,
      deprecated: '',
      bin: null,
      bundleDependencies: false,
    }
    expect(abbreviate({ name: 'hello', version: '1.0.0', ...empty, hasInstallScript: false })).toEqual({
      name: 'hello',
      version: '1.0.0',
    })
  })

  it.each(['bundleDependencies', 'bundledDependencies'])('gives %s in both spellings', (spelling) => {
    expect(abbreviate({ [spelling]: ['a'] })).toEqual({ bundleDependencies: ['a'], bundledDependencies: ['a'] })
  })

  it.each([
    [{ preinstall: 'x' }, true],
    [{ install: 'x' }, true],
    [{ postinstall: 'x' }, true],
    [{ prepare: 'x', test: 'x' }, undefined],
    [{ install: '' }, undefined],
    [null, undefined],
  ])('scripts %o', (scripts, hasInstallScript) => {
    expect(abbreviate({ scripts })['hasInstallScript']).toBe(hasInstallScript)
  })
})

describe('the licence', () => {
  it.each([
    [{ license: 'MIT' }, 'MIT'],
    [{ license: ' (MIT OR Apache-2.0) ' }, '(MIT OR Apache-2.0)'],
    [{ license: { type: 'BSD', url: 'x' } }, 'BSD'],
    [{ licenses: [{ type: 'GPL-3.0' }, { type: 'MIT' }] }, 'GPL-3.0'],
    [{ licenses: ['ISC'] }, 'ISC'],
    [{ licenses: { type: 'ISC' } }, 'ISC'],
    [{ license: '', licenses: [] }, null],
    [{ license: 5 }, null],
    [{}, null],
  ])('%o', (manifest, license) => {
    expect(licenseOf(manifest)).toBe(license)
  })
})
