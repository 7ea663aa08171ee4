import type { Migration } from './migration.ts'

export const connectionLimits: Migration = {
  number: 4,
  // A program that knows only the columns before would ask a connection that is disabled, and tell it names that it must not
  // hear. It must not share the store.
  oldestReader: 4,
  statements: ({ text, integer }) => [
    `ALTER TABLE connections ADD COLUMN enabled ${integer} NOT NULL DEFAULT 1`,
    `ALTER TABLE connections ADD COLUMN timeout_ms ${integer}`,
    `ALTER TABLE connections ADD COLUMN only_names ${text} NOT NULL DEFAULT '[]'`,
    `ALTER TABLE connections ADD COLUMN except_names ${text} NOT NULL DEFAULT '[]'`,
  ],
}
