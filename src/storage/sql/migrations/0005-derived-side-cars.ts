import type { Migration } from './migration.ts'

export const derivedSideCars: Migration = {
  number: 5,
  // A program that knows only the columns before serves and replaces them like others, and does not tell of them.
  oldestReader: 4,
  statements: ({ text }) => [`ALTER TABLE side_cars ADD COLUMN derived_from ${text}`],
}
