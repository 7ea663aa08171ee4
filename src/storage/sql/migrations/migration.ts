/** One step forward of the tables. Never edited once released, and there is no step back. */
export type Migration = {
  readonly number: number
  /** The oldest schema number whose program may still use a store that has taken this step; its own number if none may. */
  readonly oldestReader: number
  readonly statements: (words: Words) => readonly string[]
}

/** Where the two databases say the same thing in other words. */
export type Words = {
  /** Compared by code point, so that both databases sort alike. */
  readonly text: string
  readonly integer: string
  readonly binary: string
  /** Ends a table's definition. */
  readonly table: string
  /** Ends the definition of a table with small rows that are only found by their key. */
  readonly compactTable: string
}

export const WORDS = {
  sqlite: { text: 'TEXT', integer: 'INTEGER', binary: 'BLOB', table: 'STRICT', compactTable: 'STRICT, WITHOUT ROWID' },
  postgres: { text: 'TEXT COLLATE "C"', integer: 'BIGINT', binary: 'BYTEA', table: '', compactTable: '' },
} as const satisfies Record<string, Words>
