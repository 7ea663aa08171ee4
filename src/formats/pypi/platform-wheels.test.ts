import { describe, expect, it } from 'vitest'
import { extraWheels } from './platform-wheels.ts'

const wheel = (tags: string): string => `numpy-1.0-${tags}.whl`
const isExtra = (tags: string, others: readonly string[]): boolean =>
  extraWheels(others.map((each) => (each.includes('.tar') ? each : wheel(each))))(wheel(tags))

const OURS = 'cp312-cp312-linux_x86_64'

describe('extra wheels beside one for CPython 3.12 on Linux', () => {
  it.each([
    // Other machines.
    ['cp312-cp312-macosx_11_0_arm64', true],
    ['cp312-cp312-win_amd64', true],
    ['cp312-cp312-manylinux_2_17_aarch64.manylinux2014_aarch64', true],
    ['cp311-cp311-manylinux_2_17_x86_64', true],
    ['cp313-abi3-manylinux_2_17_x86_64', true],
    ['cp312-cp312t-manylinux_2_17_x86_64', true],
    ['pp310-pypy310_pp73-manylinux_2_17_x86_64', true],
    ['py3-none-macosx_11_0_arm64', true],
    ['cp312-cp312-ios_13_0_arm64_iphoneos', true],
    // The same machine, and an installer would choose between the two.
    ['cp312-cp312-linux_x86_64', false],
    ['9-cp312-cp312-linux_x86_64', false],
    ['cp312-cp312-manylinux1_x86_64', false],
    ['cp312-cp312-manylinux_2_39_x86_64', false],
    ['cp312-cp312-musllinux_1_2_x86_64', false],
    ['cp312-cp312-manylinux2014_x86_64.win_amd64', false],
    ['CP312-CP312-ManyLinux_2_39_x86_64', false],
    ['cp311.cp312-cp312-manylinux_2_17_x86_64', false],
    ['cp38-abi3-manylinux_2_17_x86_64', false],
    ['cp3-none-manylinux_2_17_x86_64', false],
    ['cp312-none-manylinux_2_17_x86_64', false],
    ['py2.py3-none-manylinux_2_17_x86_64', false],
    ['py312-none-linux_x86_64', false],
    ['weird-none-linux_x86_64', false],
    ['cp312-cp312-linux_x86_64-x86_64_v3', false],
    // Any machine.
    ['py3-none-any', false],
    ['cp312-cp312-any', false],
    ['py3-none-any.macosx_11_0_arm64', false],
  ])('%s: %s', (tags, expected) => {
    expect(isExtra(tags, [OURS])).toBe(expected)
  })

  it.each([
    ['a wheel for any machine', [OURS, 'py3-none-any'], false],
    ['a source distribution', [OURS, 'numpy-1.0.tar.gz'], true],
  ])('and %s', (_what, others, expected) => {
    expect(isExtra('cp312-cp312-win_amd64', others)).toBe(expected)
  })
})

it.each([
  ['a wheel for any machine', ['py3-none-any']],
  ['a source distribution', ['numpy-1.0.tar.gz']],
  ['nothing', []],
])('beside %s alone there are none', (_what, others) => {
  expect(isExtra('cp312-cp312-win_amd64', others)).toBe(false)
})

it.each([
  ['cp312-cp312-macosx_11_0_universal2', 'cp312-cp312-macosx_14_0_arm64', false],
  ['cp312-cp312-macosx_11_0_universal2', 'cp312-cp312-macosx_10_9_x86_64', false],
  ['cp312-cp312-macosx_11_0_arm64', 'cp312-cp312-macosx_10_9_x86_64', true],
  ['cp312-cp312-manylinux_2_28_x86_64', 'cp312-cp312-musllinux_1_2_x86_64', true],
  ['cp312-cp312-manylinux_2_28_x86_64', 'cp312-cp312-linux_x86_64', false],
  ['cp312-cp312-android_21_arm64_v8a', 'cp312-cp312-android_24_arm64_v8a', false],
  ['cp39-abi3-win_amd64', 'cp312-cp312-win_amd64', false],
  ['cp39-abi3-win_amd64', 'cp38-cp38-win_amd64', true],
  ['cp39-abi3-win_amd64', 'cp38-abi3-win_amd64', false],
  ['py2-none-win_amd64', 'py3-none-win_amd64', true],
])('beside %s, %s: %s', (other, tags, expected) => {
  expect(isExtra(tags, [other])).toBe(expected)
  expect(isExtra(other, [tags]), 'the other way round').toBe(expected)
})

it.each(['numpy-1.0.tar.gz', 'numpy-1.0.zip', 'numpy-1.0-py3.12-linux-x86_64.egg', 'numpy-1.0.whl', ''])(
  '%j is never one',
  (file) => {
    expect(extraWheels([wheel(OURS)])(file)).toBe(false)
  },
)
