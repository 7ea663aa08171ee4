import { sql } from 'kysely'
import { RegistryError } from '../../registry/errors.ts'
import { SCHEMA_NUMBER } from './migrations/migrate.ts'
import type { Executor, Session } from './executor.ts'
import { TABLES, type Queries, type TableName } from './schema.ts'

/** One row of a table, ready for JSON: text, integers, null; bytes as base64. */
export type ExportedRow = { readonly table: string; readonly row: Readonly<Record<string, string | number | null>> }

/** What moves a whole store to a file and back, and from one database to the other. */
export interface Portable {
  /**
   * Everything, as of one moment, while the store stays in use. The first row tells the schema number (`schema`); the
   * others follow in an order in which they can be put back.
   */
  exportTables(): AsyncIterable<ExportedRow>
  /**
   * Puts back what `exportTables` gave, in its order, all or nothing. Throws `conflict` where this store has anything in it,
   * `invalid` where the rows are another schema's or no export at all. Nothing else may use the store meanwhile.
   */
  importTables(rows: AsyncIterable<ExportedRow> | Iterable<ExportedRow>): Promise<void>
}

type Source = { readonly executor: Executor; readonly queries: Queries }

const TABLE_NAMES = Object.keys(TABLES) as TableName[]
const ROWS_AT_ONCE = 100

export const portable = (source: Source): Portable => ({
  exportTables: () => exportTables(source),
  importTables: (rows) => importTables(source, rows),
})

const binaryColumn = (table: TableName): string | undefined => {
  const shape = TABLES[table]
  return 'binary' in shape ? shape.binary : undefined
}

async function* exportTables({ executor, queries }: Source): AsyncIterable<ExportedRow> {
  await using session = await executor.session('snapshot')
  yield { table: 'schema', row: { number: SCHEMA_NUMBER } }
  for (const table of TABLE_NAMES) {
    const order = TABLES[table].order.map((column) => sql.ref(column))
    const query = queries.selectFrom(table).selectAll().orderBy(sql.join(order))
    const binary = binaryColumn(table)
    for await (const row of session.rows<Record<string, unknown>>(query.compile())) {
      if (binary !== undefined) row[binary] = Buffer.from(row[binary] as Uint8Array).toString('base64')
      yield { table, row: row as ExportedRow['row'] }
    }
  }
}

async function importTables(
  { executor, queries }: Source,
  rows: Parameters<Portable['importTables']>[0],
): Promise<void> {
  await using session = await executor.session('write')
  await requireEmpty(session, queries)
  await session.all(queries.deleteFrom('topology_counter').compile())
  let schema: number | null = null
  let table: TableName | null = null
  let batch: Record<string, unknown>[] = []
  const flush = async () => {
    if (table !== null && batch.length > 0) await insertRows(session, queries, table, batch)
    batch = []
  }
  for await (const { table: name, row } of rows) {
    if (schema === null) {
      schema = readSchema(name, row)
      continue
    }
    if (name !== table || batch.length === ROWS_AT_ONCE) await flush()
    table = tableNamed(name)
    batch.push(decode(table, row))
  }
  await flush()
  // The counter comes last in an export: without it the end is missing.
  const counter = await session.all(queries.selectFrom('topology_counter').select('revision').compile())
  if (counter.length === 0) throw new RegistryError('invalid', 'This backup is incomplete')
  await session.commit()
}

async function requireEmpty(session: Session, queries: Queries): Promise<void> {
  for (const table of TABLE_NAMES) {
    if (table === 'topology_counter') continue
    const rows = await session.all(queries.selectFrom(table).selectAll().limit(1).compile())
    if (rows.length > 0)
      throw new RegistryError('conflict', `A backup is restored into an empty store only; this one has ${table}`)
  }
}

function readSchema(table: string, row: ExportedRow['row']): number {
  const number = row['number']
  if (table !== 'schema' || typeof number !== 'number')
    throw new RegistryError('invalid', 'This is not a backup of a Granary store')
  if (number !== SCHEMA_NUMBER) {
    throw new RegistryError(
      'invalid',
      `This backup has schema ${number} and this Granary schema ${SCHEMA_NUMBER}: restore it with the version that made it, then upgrade`,
    )
  }
  return number
}

function tableNamed(name: string): TableName {
  const table = TABLE_NAMES.find((known) => known === name)
  if (!table)
    throw new RegistryError('invalid', `This backup has a table that is not known here: ${JSON.stringify(name)}`)
  return table
}

function decode(table: TableName, row: ExportedRow['row']): Record<string, unknown> {
  const binary = binaryColumn(table)
  return binary === undefined ? row : { ...row, [binary]: Buffer.from(String(row[binary]), 'base64') }
}

async function insertRows(
  session: Session,
  queries: Queries,
  table: TableName,
  rows: Record<string, unknown>[],
): Promise<void> {
  // The rows' shape is the backup's claim; the database checks it.
  const query = queries.insertInto(table).values(rows as never)
  try {
    await session.all(query.compile())
  } catch (error) {
    if (error instanceof RegistryError) throw error
    throw new RegistryError(
      'invalid',
      `The backup's rows of ${table} do not fit: ${error instanceof Error ? error.message : ''}`,
      {
        cause: error,
      },
    )
  }
}
