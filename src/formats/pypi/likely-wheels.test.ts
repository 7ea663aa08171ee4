import { describe, expect, it } from 'vitest'
import { versionOf } from './filename.ts'
import { likelyWheels } from './likely-wheels.ts'
import { parseName } from './name.ts'
import type { PageFile } from './page.ts'

const hello = parseName('hello', null)

const file = (filename: string, more: Partial<PageFile> = {}): PageFile => ({
  filename,
  url: `https://files.example/${filename}`,
  hashes: {},
  requiresPython: null,
  size: null,
  uploadTime: null,
  yanked: false,
  coreMetadata: null,
  provenance: null,
  ...more,
})
const pure = (version: string) => `hello-${version}-py3-none-any.whl`
const likely = (files: readonly PageFile[]) => likelyWheels(files, ({ filename }) => versionOf(filename, hello))

describe('wheels that a resolver will look into', () => {
  it('are those of the newest versions, pre-releases last', () => {
    const versions = ['1.9', '1.10', '2.0rc1', '2.0.dev3', '1.2']
    expect(likely(versions.map((version) => file(pure(version))))).toEqual(
      ['1.10', '1.9', '1.2', '2.0rc1', '2.0.dev3'].map(pure),
    )
  })

  it('are of thirty versions at most, and twelve of each', () => {
    const many = Array.from({ length: 40 }, (_, at) => file(pure(`1.${at}`)))
    expect(likely(many)).toEqual(
      many
        .map(({ filename }) => filename)
        .toReversed()
        .slice(0, 30),
    )
    const wide = Array.from({ length: 20 }, (_, at) => file(`hello-1.0-cp3${at}-cp3${at}-win_amd64.whl`))
    expect(likely(wide)).toHaveLength(12)
  })

  it('come in the order in which most machines choose them', () => {
    const tags = [
      'py3-none-any',
      'cp313-cp313-manylinux_2_17_x86_64',
      'cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64',
      'cp313-cp313-macosx_11_0_arm64',
      'cp313-cp313-manylinux_2_17_aarch64',
      'cp313-cp313-win_amd64',
      'cp313-cp313-musllinux_1_2_x86_64',
    ]
    const files = tags.map((tag) => `hello-1.0-${tag}.whl`)
    expect(likely(files.toSorted().map((name) => file(name)))).toEqual(files)
  })

  it.each([
    ['have their metadata advertised', file(pure('1.0'), { coreMetadata: { sha256: 'ab' } })],
    ['have it advertised without a digest', file(pure('1.0'), { coreMetadata: true })],
    ['were yanked', file(pure('1.0'), { yanked: 'broken' })],
    ['are source distributions', file('hello-1.0.tar.gz')],
    ['have no name of a wheel', file('hello-1.0.whl')],
  ])('are none of those that %s', (_what, other) => {
    expect(likely([other, file(pure('0.9'))])).toEqual([pure('0.9')])
    expect(likely([other])).toEqual([])
  })
})
