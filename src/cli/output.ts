/** Where a command writes. */
export type Terminal = { readonly out: (text: string) => void; readonly err: (text: string) => void }

export type Column<T> = readonly [title: string, value: (row: T) => string | number | null | undefined]

/** What came from a server may hold sequences that drive a terminal. */
const printable = (text: string): string => text.replace(/\p{Cc}/gu, ' ')

/** A table for people; `empty` is said where there are no rows. */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[], empty: string): string {
  if (rows.length === 0) return `${empty}\n`
  const cells = [
    columns.map(([title]) => title),
    ...rows.map((row) => columns.map(([, value]) => printable(String(value(row) ?? '-')))),
  ]
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)))
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, index) => cell.padEnd(widths[index] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

/** One thing, a line for each of what is known of it. */
export function facts(pairs: readonly (readonly [name: string, value: string | number | null | undefined])[]): string {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '')
  const width = Math.max(...known.map(([name]) => name.length))
  return known.map(([name, value]) => `${name.padEnd(width)}  ${printable(String(value))}\n`).join('')
}

export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
