import { describe, expect, it } from 'vitest'
import { encodePath, parsePath, pathOfIndexFile } from './path.ts'

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
    ['/pypi/hello/json', { at: 'nothing' }],
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

  it('is written without a character that clients read differently', () => {
    expect(encodePath("packages/1.0+a/x'(1)*&+é.whl")).toBe('packages/1.0%2Ba/x%27%281%29%2A%26%2B%C3%A9.whl')
  })
})
