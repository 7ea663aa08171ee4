import type { Migration } from './migration.ts'

export const timesOfChanges: Migration = {
  number: 7,
  // A program that knows only the columns before would change things at no time: mirrors would miss them. It must not share the store.
  oldestReader: 7,
  statements: ({ integer }) => [
    `ALTER TABLE topology_counter ADD COLUMN moved_at ${integer} NOT NULL DEFAULT 0`,
    `ALTER TABLE package_counters ADD COLUMN moved_at ${integer} NOT NULL DEFAULT 0`,
    `ALTER TABLE indexes ADD COLUMN changed_at ${integer} NOT NULL DEFAULT 0`,
  ],
}
