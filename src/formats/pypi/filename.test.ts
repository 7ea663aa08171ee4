import { describe, expect, it } from 'vitest'
import { kindOf, nameCandidates, parseWheelName, versionOf } from './filename.ts'
import { parseName } from './name.ts'

describe('kinds', () => {
  it.each([
    ['hello-1.0-py3-none-any.whl', 'wheel'],
    ['hello-1.0.tar.gz', 'sdist'],
    ['hello-1.0.ZIP', 'sdist'],
    ['hello-1.0.tar.bz2', 'sdist'],
    ['hello-1.0-py2.7.egg', 'legacy'],
    ['hello-1.0.win32.exe', 'legacy'],
    ['hello-1.0-py3-none-any.whl.metadata', undefined],
    ['hello-1.0.tar.gz.asc', undefined],
    ['index.html', undefined],
    ['.whl', undefined],
    ['a/hello-1.0.tar.gz', undefined],
    ['hello\u0000-1.0.tar.gz', undefined],
  ])('%j is %s', (file, kind) => {
    expect(kindOf(file)).toBe(kind)
  })
})

describe('names of wheels', () => {
  it.each([
    [
      'hello_world-1.0-py3-none-any.whl',
      { name: 'hello_world', version: '1.0', python: 'py3', abi: 'none', platform: 'any', label: null },
    ],
    [
      'torch-2.4.0+cu121-cp311-cp311-linux_x86_64.whl',
      { name: 'torch', version: '2.4.0+cu121', python: 'cp311', abi: 'cp311', platform: 'linux_x86_64', label: null },
    ],
    [
      'hello-1.0-1build-py2.py3-none-any.whl',
      { name: 'hello', version: '1.0', python: 'py2.py3', abi: 'none', platform: 'any', label: null },
    ],
    [
      'Zope.Interface-5.0-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
      {
        name: 'Zope.Interface',
        version: '5.0',
        python: 'cp39',
        abi: 'cp39',
        platform: 'manylinux_2_17_x86_64.manylinux2014_x86_64',
        label: null,
      },
    ],
    [
      'hello-1.0-cp311-cp311-linux_x86_64-x86_64_v3.whl',
      { name: 'hello', version: '1.0', python: 'cp311', abi: 'cp311', platform: 'linux_x86_64', label: 'x86_64_v3' },
    ],
    [
      'hello-1.0-1-cp311-cp311-linux_x86_64-null.whl',
      { name: 'hello', version: '1.0', python: 'cp311', abi: 'cp311', platform: 'linux_x86_64', label: 'null' },
    ],
    ['hello-1.0-py3-none-any-a-b.whl', undefined],
    ['hello-1.0-build-py3-none-any-a.whl', undefined],
    ['hello-1.0-build-py3-none-any.whl', undefined],
    ['hello-1.0-py3-none.whl', undefined],
    ['hello-world-1.0-1-py3-none-any.whl', undefined],
    ['hello-1.0-py3-none-a ny.whl', undefined],
  ])('%s', (file, parts) => {
    expect(parseWheelName(file)).toEqual(parts)
  })
})

describe('which project a file may belong to', () => {
  it.each([
    ['hello_world-1.0-py3-none-any.whl', ['hello-world']],
    ['hello_world-1.0-cp311-cp311-linux_x86_64-x86_64_v3.whl', ['hello-world']],
    ['hello_world-1.0.tar.gz', ['hello-world']],
    ['hello-world-1.0.tar.gz', ['hello-world']],
    // Both readings give a version: the longest name leads.
    ['hello-1.0-1.tar.gz', ['hello-1-0', 'hello']],
    // No reading does.
    ['a-b-trunk.zip', ['a-b', 'a']],
    ['a-b-c-d-e-f-trunk.zip', ['a-b-c-d-e-f', 'a-b-c-d-e', 'a-b-c-d', 'a-b-c']],
    ['hello.tar.gz', []],
    ['-1.0.tar.gz', []],
    ['hello-1.0.txt', []],
  ])('%s: %j', (file, names) => {
    expect(nameCandidates(file).map((name) => name.key)).toEqual(names)
  })
})

describe('the version of a file', () => {
  it.each([
    ['hello-1.0-py3-none-any.whl', 'hello', '1.0'],
    ['hello-1.0_1-py3-none-any.whl', 'hello', '1.0.post1'],
    ['hello-1.0-cp311-cp311-linux_x86_64-x86_64_v3.whl', 'hello', '1.0'],
    ['hello-1.0-Beta1.tar.gz', 'hello', '1.0b1'],
    ['hello-world-1.0-1.tar.gz', 'hello-world', '1.0.post1'],
    ['hello_world-1.0.tar.gz', 'hello-world', '1.0'],
    ['hello-1.0.win-amd64-py2.7.exe', 'hello', '1.0'],
    ['hello-1.0-py2.7.egg', 'hello', '1.0'],
    ['hello-1.0.win32.msi', 'hello', '1.0'],
    ['hello-trunk.tar.gz', 'hello', 'trunk'],
    ['other-1.0.tar.gz', 'hello', '1.0'],
    ['hello.tar.gz', 'hello', 'hello'],
  ])('of %s in %s is %s', (file, project, version) => {
    expect(versionOf(file, parseName(project, null))).toBe(version)
  })
})
