export type Row = {
  /** A peer's name, or what tells two of one kind apart. */
  readonly peer: string
  /** Median over the rounds, in the case's unit. */
  readonly value: number
  /** Further things worth seeing, by column title. */
  readonly columns: Readonly<Record<string, string>>
}

/** What is expected of Granary: `must` by now, `aim` in the end. */
export type Target = {
  readonly what: string
  readonly reached: number
  readonly must: number
  readonly aim: number
  readonly bound: 'least' | 'most'
}

export type Result = {
  readonly title: string
  readonly unit: 'requests/s' | 's'
  readonly rows: readonly Row[]
  readonly targets: readonly Target[]
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Granary's value divided by the peer's; undefined where one of them was not measured. */
export function ratioTo(peer: string, rows: readonly Row[]): number | undefined {
  const granary = rows.find((row) => row.peer === 'granary')?.value
  const other = rows.find((row) => row.peer === peer)?.value
  return granary === undefined || other === undefined ? undefined : granary / other
}

/** A target, where what it is about was measured. */
export const target = (
  what: string,
  reached: number | undefined,
  bound: Target['bound'],
  must: number,
  aim = must,
): readonly Target[] => (reached === undefined ? [] : [{ what, reached, bound, must, aim }])

export function isMet({ reached, bound }: Target, limit: number): boolean {
  return bound === 'least' ? reached >= limit : reached <= limit
}

export const round = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(value >= 1 ? 3 : 2)

const perPeer = (rows: readonly Row[], row: Row, peer: string): string => {
  const base = rows.find((each) => each.peer === peer)?.value
  return base === undefined ? '' : round(row.value / base)
}

function table(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  return lines
    .map(
      (line) =>
        `  ${line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('   ')}`,
    )
    .join('\n')
}

export function print({ title, unit, rows, targets }: Result): string {
  const further = [...new Set(rows.flatMap(({ columns }) => Object.keys(columns)))]
  const head = ['', unit, '× nginx', '× Verdaccio', ...further]
  const body = rows.map((row) => [
    row.peer,
    round(row.value),
    perPeer(rows, row, 'nginx'),
    perPeer(rows, row, 'verdaccio'),
    ...further.map((column) => row.columns[column] ?? ''),
  ])
  const judged = targets.map((each) => {
    const verdict = isMet(each, each.aim) ? 'met' : isMet(each, each.must) ? 'met for now' : 'MISSED'
    const sign = each.bound === 'least' ? '≥' : '≤'
    const aim = each.aim === each.must ? '' : `, in the end ${sign} ${each.aim}`
    return `  ${verdict}: ${each.what} ${round(each.reached)} (${sign} ${each.must}${aim})`
  })
  return [title, table([head, ...body]), ...judged, ''].join('\n')
}
