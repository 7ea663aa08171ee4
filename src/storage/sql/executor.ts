import type { CompiledQuery } from 'kysely'
import { RegistryError } from '../../registry/errors.ts'
import type { CommitOptions } from '../../registry/ports.ts'

/** Makes the error when it is needed: its stack costs more than the statement. */
export type Refusal = () => RegistryError

/** What refuses the whole commit. A statement that names none of these may affect any number of rows. */
export type Refusals = {
  /** It affected, or found, no row. */
  readonly none?: Refusal
  /** A unique key holds that already. */
  readonly duplicate?: Refusal
  /** A foreign key: what it refers to is missing, or what it deletes is still referred to. */
  readonly reference?: Refusal
}

/** One SQL statement of a commit, and what it must achieve for the commit to stand. */
export type Statement = { readonly query: CompiledQuery; readonly refusals: Refusals }

export const statement = (query: CompiledQuery | { compile(): CompiledQuery }, refusals: Refusals = {}): Statement => ({
  query: 'compile' in query ? query.compile() : query,
  refusals,
})

export type Row = Record<string, unknown>

/**
 * A transaction that its caller holds open while it waits for other things. Only for what happens once and alone:
 * migrations, imports, and (read only, seeing one moment) exports. Dispose of one that was not committed and it is undone.
 */
export interface Session extends AsyncDisposable {
  all<R>(query: CompiledQuery<R>): Promise<R[]>
  /** Row by row, so that a table need not fit in memory. */
  rows<R>(query: CompiledQuery<R>): AsyncIterable<R>
  commit(): Promise<void>
}

/** Runs SQL on one database. Both throw `busy` and `disk_full` as RegistryErrors; other failures come as they are. */
export interface Executor extends AsyncDisposable {
  readonly dialect: 'sqlite' | 'postgres'
  all<R>(query: CompiledQuery<R>): Promise<R[]>
  /**
   * All statements in one transaction, or none where one is refused. Returns the rows of each. Durable when it resolves, or, with
   * `isReplaceable`, within a second.
   */
  transaction(statements: readonly Statement[], options?: CommitOptions): Promise<Row[][]>
  /** A query written by hand, with `?` for parameters, prepared once per connection: its first row. */
  prepare<R>(name: string, sql: string): (parameters: readonly unknown[]) => Promise<R | undefined>
  session(mode: 'write' | 'snapshot'): Promise<Session>
}

/** Throws what the statement names for having had no effect. */
export function requireEffect({ refusals }: Statement, rows: number): void {
  if (rows === 0 && refusals.none) throw refusals.none()
}

/** What to throw for a violated constraint: what the statement names for it, else the database's error, which is then a bug's. */
export function refusalOf(
  { refusals }: Statement,
  violated: 'duplicate' | 'reference' | null,
  error: unknown,
): unknown {
  const refusal = violated === null ? undefined : refusals[violated]
  return refusal ? refusal() : error
}

/** PostgreSQL cannot keep U+0000 in text; SQLite could, and must not differ. */
export function bindable(parameters: readonly unknown[]): unknown[] {
  for (const parameter of parameters) {
    if (typeof parameter === 'string' && parameter.includes('\0')) {
      throw new RegistryError('invalid', 'Text must not contain the character U+0000')
    }
  }
  return parameters as unknown[]
}
