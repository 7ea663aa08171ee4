import { EXIT, Failure } from '../failure.ts'

type Line = { readonly text: string; readonly table: readonly string[] }

/**
 * Sets texts in one table of a TOML file, which is made where it is missing, and leaves every other line as it is. Throws where the
 * file writes that table as an inline table or as dotted keys of another: a second one would make the file unreadable.
 */
export function setTomlTable(
  text: string,
  table: readonly string[],
  values: Readonly<Record<string, string>>,
  file: string,
): string {
  const lines = parseLines(text)
  const first = lines.findIndex((line) => isHeader(line.text) && isSame(line.table, table))
  const written = Object.entries(values).map(([key, value]) => `${key} = ${JSON.stringify(value)}`)
  if (first < 0) {
    refuseOtherSpellings(lines, table, file)
    const before = text.trimEnd()
    return `${before}${before && '\n\n'}[${table.join('.')}]\n${written.join('\n')}\n`
  }
  const rest = lines.findIndex((line, index) => index > first && isHeader(line.text))
  const end = rest < 0 ? lines.length : rest
  const kept = lines.slice(first + 1, end).filter((line) => !Object.hasOwn(values, keyOf(line.text)[0] ?? ''))
  const last = kept.findLastIndex((line) => line.text.trim() !== '') + 1
  const texts = (part: readonly Line[]) => part.map((line) => line.text)
  const result = [
    ...texts(lines.slice(0, first + 1)),
    ...texts(kept.slice(0, last)),
    ...written,
    ...texts(kept.slice(last)),
    ...texts(lines.slice(end)),
  ]
  return `${result.join('\n').trimEnd()}\n`
}

/** Of `[[tables]]` as well: what follows belongs to them and not to the table before. */
const isHeader = (text: string): boolean => /^\s*\[/.test(text)

function parseLines(text: string): readonly Line[] {
  let table: readonly string[] = []
  return text.split(/\r?\n/).map((line) => {
    const header = /^\s*\[\[?([^\]]*)\]/.exec(line)
    if (header) table = partsOf(header[1] ?? '')
    return { text: line, table }
  })
}

const partsOf = (key: string): readonly string[] =>
  key.split('.').map((part) => part.trim().replace(/^(["'])(.*)\1$/, '$2'))

const keyOf = (line: string): readonly string[] =>
  /^\s*([^#=]+?)\s*=/
    .exec(line)
    ?.slice(1)
    .flatMap((key) => partsOf(key)) ?? []

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((part, index) => part === b[index])

function refuseOtherSpellings(lines: readonly Line[], table: readonly string[], file: string): void {
  const other = lines.find((line) => {
    const key = keyOf(line.text)
    const whole = [...line.table, ...key].slice(0, table.length)
    return (
      !isHeader(line.text) &&
      key.length > 0 &&
      line.table.length < table.length &&
      isSame(whole, table.slice(0, whole.length))
    )
  })
  if (!other) return
  // Not the whole line: there may be a password in it.
  const [key = ''] = other.text.split('=', 1)
  throw new Failure(
    EXIT.failed,
    `${file} has \`${key.trim()} = …\`: write it as a table [${table.join('.')}], then log in again`,
  )
}
