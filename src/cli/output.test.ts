import { describe, expect, it } from 'vitest'
import { facts, table } from './output.ts'

describe('output for people', () => {
  it('aligns columns and leaves no space at the end of a line', () => {
    type Row = { readonly name: string; readonly note: string | null }
    const rows: readonly Row[] = [
      { name: 'a', note: null },
      { name: 'long-name', note: 'x' },
    ]
    const columns = [
      ['NAME', (row: Row) => row.name],
      ['NOTE', (row: Row) => row.note],
    ] as const
    expect(table(rows, columns, 'None.')).toBe('NAME       NOTE\na          -\nlong-name  x\n')
    expect(table([], columns, 'None.')).toBe('None.\n')
  })

  it('leaves out what is not known', () => {
    expect(
      facts([
        ['Name', 'a'],
        ['Description', null],
        ['Up', ''],
      ]),
    ).toBe('Name  a\n')
  })

  it('lets nothing drive the terminal', () => {
    expect(facts([['Name', 'a\u001b[2Jb\nc']])).toBe('Name  a [2Jb c\n')
  })
})
