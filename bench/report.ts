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
  readonly unit: 'requests/s' | 'publishes/s' | 's' | 'MiB' | 'MB'
  readonly rows: readonly Row[]
  readonly targets: readonly Target[]
  /** Who takes no part, and why. */
  readonly leftOut?: readonly string[]
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
  return granary === undefined || other === undefined || other === 0 ? undefined : granary / other
}

/** Granary's value divided by that of the best of these peers that were measured. */
export function ratioToBest(
  names: readonly string[],
  rows: readonly Row[],
  best: 'most' | 'least',
): number | undefined {
  const rivals = rows.filter(({ peer, value }) => names.includes(peer) && value > 0)
  const first = rivals.toSorted((a, b) => (best === 'most' ? b.value - a.value : a.value - b.value))[0]
  return first && ratioTo(first.peer, rows)
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
  // A peer that answered nothing in time is no measure.
  return base === undefined || base === 0 ? '' : round(row.value / base)
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

/** A table's head and its lines, as text. */
function cells({ unit, rows }: Result): readonly (readonly string[])[] {
  const further = [...new Set(rows.flatMap(({ columns }) => Object.keys(columns)))]
  const beside = COMPARED.filter(({ peer }) => rows.some((row) => row.peer === peer))
  const head = ['', unit, ...beside.map(({ shown }) => `× ${shown}`), ...further]
  const body = rows.map((row) => [
    row.peer,
    round(row.value),
    ...beside.map(({ peer }) => perPeer(rows, row, peer)),
    ...further.map((column) => row.columns[column] ?? ''),
  ])
  return [head, ...body]
}

const COMPARED = [
  { peer: 'nginx', shown: 'nginx' },
  { peer: 'floor', shown: 'floor' },
  { peer: 'verdaccio', shown: 'Verdaccio' },
  { peer: 'devpi', shown: 'devpi' },
  { peer: 'proxpi', shown: 'proxpi' },
  { peer: 'pypiserver', shown: 'pypiserver' },
] as const

function judge(each: Target): { readonly verdict: string; readonly must: string; readonly aim: string } {
  const sign = each.bound === 'least' ? '≥' : '≤'
  const verdict = isMet(each, each.aim) ? 'met' : isMet(each, each.must) ? 'met for now' : 'MISSED'
  return { verdict, must: `${sign} ${each.must}`, aim: `${sign} ${each.aim}` }
}

export function print(result: Result): string {
  const judged = result.targets.map((each) => {
    const { verdict, must, aim } = judge(each)
    return `  ${verdict}: ${each.what} ${round(each.reached)} (${must}${aim === must ? '' : `, in the end ${aim}`})`
  })
  const absent = leftOutOf(result).map((line) => `  ${line}`)
  return [result.title, table(cells(result)), ...absent, ...judged, ''].join('\n')
}

const leftOutOf = ({ leftOut = [] }: Result): readonly string[] =>
  leftOut.length > 0 ? [`left out: ${leftOut.join('; ')}`] : []

/** All targets in one table, and below it one table for each result: what `docs/performance.md` shows. */
export function printMarkdown(results: readonly Result[]): string {
  const line = (values: readonly string[]) => `| ${values.join(' | ')} |`
  const targets = results.flatMap(({ title, targets: all }) =>
    all.map((each) => {
      const { verdict, must, aim } = judge(each)
      return line([title, each.what, round(each.reached), must, aim, verdict])
    }),
  )
  const rule = (columns: number) => `|${'---|'.repeat(columns)}`
  const tables = results.flatMap((result) => {
    const [head = [], ...body] = cells(result)
    return [
      '',
      `#### ${result.title[0]?.toUpperCase()}${result.title.slice(1)}`,
      '',
      line(head),
      rule(head.length),
      ...body.map(line),
      ...leftOutOf(result).flatMap((text) => ['', text]),
    ]
  })
  return [line(['what', 'target', 'reached', 'by now', 'in the end', '']), rule(6), ...targets, ...tables, ''].join(
    '\n',
  )
}
