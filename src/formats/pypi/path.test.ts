import { describe, expect, it } from 'vitest'
import { encodePath, parsePath, pathOfIndexFile, provenancePath } from './path.ts'

const HEX = 'ab'.repeat(32)

describe('paths', () => {
  it.each([
    ['/', { at: 'upload' }],
    ['', { at: 'upload' }],
    ['/legacy/', { at: 'upload' }],
    ['/legacy', { at: 'upload' }],
    ['/simple/', { at: 'projects' }],
    ['/simple', { at: 'projects' }],
    ['/simple/hello/', { at: 'project', name: 'hello', slash: true, alias: false }],
    ['/simple/Hello', { at: 'project', name: 'Hello', slash: false, alias: false }],
    ['/+simple/hello/', { at: 'project', name: 'hello', slash: true, alias: true }],
    ['/%2Bsimple/hello/', { at: 'project', name: 'hello', slash: true, alias: true }],
    [
      '/packages/a/b/x-1%2Bcu.whl',
      { at: 'file', path: 'packages/a/b/x-1+cu.whl', file: 'x-1+cu.whl', metadata: false },
    ],
    ['/packages/a/b/x-1+cu.whl', { at: 'file', path: 'packages/a/b/x-1+cu.whl', file: 'x-1+cu.whl', metadata: false }],
    ['/packages/a/x.whl.metadata', { at: 'file', path: 'packages/a/x.whl', file: 'x.whl', metadata: true }],
    // Decoded once: a percent sign in the name stays one.
    ['/packages/a/x%252Fy.whl', { at: 'file', path: 'packages/a/x%2Fy.whl', file: 'x%2Fy.whl', metadata: false }],
    ['/packages', { at: 'nothing' }],
    ['/packages/a/', { at: 'nothing' }],
    ['/simple/hello/1.0/', { at: 'nothing' }],
    ['/Simple/hello/', { at: 'nothing' }],
    ['/pypi/hello/json', { at: 'legacy-json', name: 'hello', version: null }],
    ['/pypi/hello/json/', { at: 'legacy-json', name: 'hello', version: null }],
    ['/pypi/hello/1.0%2Bcu/json', { at: 'legacy-json', name: 'hello', version: '1.0+cu' }],
    ['/simple/pypi/hello/json', { at: 'legacy-json', name: 'hello', version: null }],
    ['/hello/json', { at: 'legacy-json', name: 'hello', version: null }],
    ['/hello/json/', { at: 'legacy-json', name: 'hello', version: null }],
    // Projects that are called like a part of an address.
    ['/pypi/json', { at: 'legacy-json', name: 'pypi', version: null }],
    ['/pypi/json/json', { at: 'legacy-json', name: 'json', version: null }],
    ['/simple/json', { at: 'project', name: 'json', slash: false, alias: false }],
    ['/simple/pypi/', { at: 'project', name: 'pypi', slash: true, alias: false }],
    ['/json', { at: 'nothing' }],
    ['/pypi', { at: 'nothing' }],
    ['/pypi/hello/1.0', { at: 'nothing' }],
    ['/pypi/hello/1.0/2.0/json', { at: 'nothing' }],
    ['/simple/hello/json', { at: 'nothing' }],
    [
      '/integrity/hello/1.0/hello-1.0.tar.gz/provenance',
      { at: 'provenance', name: 'hello', version: '1.0', file: 'hello-1.0.tar.gz' },
    ],
    ['/integrity/hello/1.0/hello-1.0.tar.gz/provenance/', { at: 'nothing' }],
    ['/integrity/hello/1.0/hello-1.0.tar.gz', { at: 'nothing' }],
    ['/integrity/hello/provenance', { at: 'nothing' }],
  ])('%s', (raw, target) => {
    expect(parsePath(raw)).toEqual(target)
  })

  it.each([
    '/simple//',
    '//simple/hello/',
    '/simple/../packages/x.whl',
    '/packages/a/%2e%2e/x.whl',
    '/packages/./x.whl',
    '/packages/a%2Fb/x.whl',
    '/packages/a%5Cb/x.whl',
    '/simple/hello%0d%0aX-Injected:1/',
    '/packages/a/x%00.whl',
    '/simple/%ff/',
    '/simple/%/',
    '/pypi/hello/..%2f..%2fother/json',
    '/pypi/../hello/json',
    '/integrity/hello/1.0/..%2fhello.whl/provenance',
  ])('%s is refused', (raw) => {
    expect(() => parsePath(raw)).toThrow(expect.objectContaining({ code: 'invalid' }))
  })
})

describe('where a file of an index lies here', () => {
  it.each([
    ['https://files.example/packages/aa/bb/rest/x-1.whl', 'x-1.whl', 'packages/aa/bb/rest/x-1.whl'],
    ['https://index.example/mirror/packages/aa/bb/rest/x-1.whl?token=1', 'x-1.whl', 'packages/aa/bb/rest/x-1.whl'],
    ['https://files.example/packages/aa/x-1%2Bcu.whl', 'x-1+cu.whl', 'packages/aa/x-1+cu.whl'],
    // No such folder, a name that is another, or a part that could not be asked for.
    ['https://files.example/whl/cu121/x-1.whl', 'x-1.whl', `packages/sha256/${HEX}/x-1.whl`],
    ['https://files.example/packages/aa/download', 'x-1.whl', `packages/sha256/${HEX}/x-1.whl`],
    ['https://files.example/packages/a%2Fb/x-1.whl', 'x-1.whl', `packages/sha256/${HEX}/x-1.whl`],
    ['https://files.example/packages/%2e%2e/x-1.whl', 'x-1.whl', `packages/sha256/${HEX}/x-1.whl`],
  ])('%s', (url, file, path) => {
    expect(pathOfIndexFile(new URL(url), file, '1', HEX)).toBe(path)
    expect(parsePath(`/${encodePath(path)}`)).toEqual({ at: 'file', path, file, metadata: false })
  })

  it('is under its version where it has no sha256', () => {
    expect(pathOfIndexFile(new URL('https://x.example/x-1.whl'), 'x-1.whl', '1', undefined)).toBe(
      'packages/file/1/x-1.whl',
    )
  })

  it.each([
    ['1.0', 'integrity/x/1.0/x-1.0.whl/provenance'],
    ['..', null],
    ['a/b', null],
  ])('has its attestations, where it has any, below its version %s', (version, path) => {
    const file = { version, filename: 'x-1.0.whl', provenance: '../integrity/of/the/index' }
    expect(provenancePath('x', file)).toBe(path)
    expect(provenancePath('x', { ...file, provenance: null })).toBeNull()
  })

  it('is written without a character that clients read differently', () => {
    expect(encodePath("packages/1.0+a/x'(1)*&+é.whl")).toBe('packages/1.0%2Ba/x%27%281%29%2A%26%2B%C3%A9.whl')
  })
})
