import { readdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Format } from '../src/formats/format.ts'
import { FORMAT_IDS } from '../src/registry/names.ts'

const folder = resolve(import.meta.dirname, '../src/formats')

const isFormat = (value: unknown): value is Format =>
  typeof value === 'object' &&
  value !== null &&
  ['id', 'ecosystem', 'renderer', 'match'].every((member) => member in value)

const exportsOf = async (id: string): Promise<unknown[]> => {
  const module = resolve(folder, id, 'index.ts')
  return Object.values((await import(module)) as Record<string, unknown>)
}

describe('package formats', () => {
  it('that are registered are the folders on disk', async () => {
    const entries = await readdir(folder, { withFileTypes: true })
    const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
    expect(folders.toSorted()).toEqual([...FORMAT_IDS].toSorted())
  })

  describe.each(FORMAT_IDS)('%s', (id) => {
    it('exports one format, under the name of its folder', async () => {
      const exported = await exportsOf(id)
      expect(exported.filter(isFormat).map((format) => [format.id, format.ecosystem.format])).toEqual([[id, id]])
    })

    it('has a renderer that a worker thread can load', async () => {
      const exported = await exportsOf(id)
      const [format] = exported.filter(isFormat)
      expect(await import(String(format?.renderer))).toMatchObject({
        readIndex: expect.any(Function),
        render: expect.any(Function),
      })
    })
  })
})
